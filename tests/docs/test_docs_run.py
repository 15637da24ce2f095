"""Every shell and Python block of the site does what its page says: pages are run from top to bottom, as a reader would.

A block that is not run says why in a comment before it (docs/site/page.py lists what comments say). The tutorial is run as the
notebook that is made of it. Most pages make films through Prefect and are run by `make test-deep` and the workflow of the docs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import notebook
import page
import pytest
from emulators import running_emulator, small_catalog
from processes import clean_environment, free_port, process

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
RUN = page.SHELL | {"python"}
FORMS = r"(background|after|not here, .{15,}|file \S+|exit \d+|only, .+|then, .+)"
"""What a comment before a block may say."""
SLOW = {"index.md", "how-to/python.md", "how-to/own-steps.md", "reference/preflight.md", "reference/python.md"}
"""Pages that need no Prefect server; the others are run by `make test-deep`."""
SERVER = {"alerts.md", "blocks.md", "grow.md", "schedule.md", "tasks.md"}
"""Pages that need a Prefect server before their first line."""
PICTURE = ("-f", "lavfi", "-i", "color=c=teal:s=640x640", "-frames:v", "1")
PATIENCE = 900
SAVE_BLOCKS = """\
import os
from pathlib import Path

from longtake.blocks import ArtifactStore, ReapiCredentials

value = {name: os.environ[f"LONGTAKE_{name}"] for name in ("API_KEY", "BASE_URL", "STORE", "PUBLIC_URL")}
ReapiCredentials(api_key=value["API_KEY"], base_url=value["BASE_URL"]).save("reapi", overwrite=True)
ArtifactStore(uri=Path(value["STORE"]).as_uri(), public_url=value["PUBLIC_URL"]).save("films", overwrite=True)
"""
BEGIN = """\
set -eu
longtake() {
  if [ "$1" = emulator ]; then shift; set -- emulator --catalog "$LONGTAKE_CATALOG" --processing 0 --speed ultrafast "$@"; fi
  command longtake "$@"
}
pip() { echo "pip $*: what it installs is here"; }
listening() {
  for _ in $(seq 1200); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.1; done
  echo "nothing listens on port $1"; cat server-*.log; return 1
}
"""

pytestmark = pytest.mark.timeout(PATIENCE + 100)


def _pages() -> list[str]:
    pages = [path for path in sorted(DOCS.rglob("*.md")) if path.name != "tutorial.md"]
    shown = [path for path in pages if any(block.language in RUN for block in page.blocks(path.read_text()))]
    return [path.relative_to(DOCS).as_posix() for path in shown]


def _script(markdown: str) -> str:
    """What a reader types, as one script of bash."""
    steps, before = [BEGIN], ""
    for number, block in enumerate(page.blocks(markdown)):
        form, _, rest = block.how.partition(" ")
        *first, last = block.commands.strip().splitlines() or [""]
        name = f"block_{number}.py"
        if form == "file":
            steps.append(f"cat > {rest} <<'END-OF-FILE'\n{block.text}END-OF-FILE")
            continue
        if block.language not in RUN or form == "not":
            continue
        steps.append(f"echo '## line {block.line}'")
        if block.language == "python" and form != "only,":
            before = (before if form == "after" else "") + block.text
            code = before + (f"\n{rest}\n" if form == "then," else "")
            steps.append(f"cat > {name} <<'END-OF-FILE'\n{code}END-OF-FILE\npython {name} <<< yes")
        elif form == "background":
            port = re.findall(r"(?:-p|--port) (\d+)", last)[0]
            kill = f'[ -z "${{server_{port}:-}}" ] || {{ kill "$server_{port}"; wait "$server_{port}" || true; }}'
            steps += [kill, *first, f"{last} > server-{number}.log 2>&1 &", f"server_{port}=$!", f"listening {port}"]
        elif form == "exit":
            steps += [*first, f"code=0; {last} || code=$?; [ $code = {rest} ]"]
        elif form == "only,":
            steps.append(f"{{ {last}; }} || exit")  # `set -e` does not see what fails before the last `&&`
        else:
            steps += [*first, last]
    return "\n".join([*steps, "echo '## the end'\n"])


def _with_free_ports(text: str) -> str:
    """The ports that pages name are those of the reader's machine; here others listen there."""
    for port in ("8010", "5000", "4200"):
        text = re.sub(rf"((?<=:)|(?<=port )|(?<=listening )|(?<=-p )){port}\b", str(free_port()), text)
    return text


@pytest.fixture
def folder(tmp_path):
    """A reader's folder: a film, two more, a table, and a picture."""
    made = tmp_path / "reader"
    (made / "pictures").mkdir(parents=True)
    for name in ("film", "one", "two"):
        shots = "{id: rocks, prompt: Waves break}, {id: lamp, prompt: The lamp is lit}"
        (made / f"{name}.yaml").write_text(
            f"schema: longtake/1\ntitle: The {name}\nmodel: seedance-2.5\n"
            f'defaults: {{resolution: 480p, size: "16:9", duration: 4}}\nscenes: [{{id: dawn, shots: [{shots}]}}]\n'
        )
    from longtake.media import ffmpeg

    subprocess.run([ffmpeg.binary(), "-v", "error", *PICTURE, made / "pictures" / "a1.png"], check=True)
    shutil.copy(made / "pictures" / "a1.png", made / "pictures" / "b2.png")
    (made / "lighthouse.yaml").write_text((ROOT / "examples" / "lighthouse.yaml").read_text())
    (made / "save_blocks.py").write_text(SAVE_BLOCKS)
    return made


@pytest.fixture
def environment(folder, tmp_path):
    """An emulator, this Python first on PATH, and nothing of this person's own."""
    catalog = small_catalog(tmp_path / "catalog.json", pixels=(160, 90), shortest=None)
    (folder / "longtake-data").mkdir()
    with running_emulator(folder / "longtake-data", catalog=catalog) as provider:
        yield clean_environment(
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            HOME=str(tmp_path),
            PREFECT_HOME=str(tmp_path / "prefect"),
            PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS=str(PATIENCE),
            LONGTAKE_CATALOG=str(catalog),
            LONGTAKE_API_KEY=provider.key,
            LONGTAKE_BASE_URL=provider.base_url,
            LONGTAKE_PUBLIC_URL=provider.store_url,
            LONGTAKE_STORE=str(folder / "longtake-data"),
        )


def test_a_block_that_is_not_run_says_why():
    skipped = run = 0
    for path in sorted(DOCS.rglob("*.md")):
        for block in page.blocks(path.read_text()):
            assert not block.how or re.fullmatch(FORMS, block.how), f"{path.name}:{block.line}: {block.how}"
            if block.language in RUN:
                skipped += block.how.startswith("not here")
                run += not block.how.startswith("not here")
    assert run > 2 * skipped


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else pytest.mark.deep) for n in _pages()]
)
def test_blocks_of_a_page_run_as_printed(name, folder, environment, request):
    if Path(name).name in SERVER:
        environment["PREFECT_API_URL"] = request.getfixturevalue("mortal_prefect").api
    script = folder.parent / "page.sh"
    script.write_text(_with_free_ports(_script((DOCS / name).read_text())))
    log = folder.parent / "page.log"
    with (
        log.open("wb") as output,
        process("bash", script, cwd=folder, env=environment, stdout=output, stderr=output) as shell,
    ):
        code = shell.wait(timeout=PATIENCE)
    assert code == 0, f"{name}:\n{log.read_text()[-6000:]}"
    assert log.read_text().endswith("## the end\n")


@pytest.mark.deep
def test_the_tutorial_runs_as_a_notebook(folder, environment, monkeypatch, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    for name in [name for name in os.environ if name.startswith(("LONGTAKE_", "PREFECT_"))]:
        monkeypatch.delenv(name)
    for name in ("PATH", "HOME", "PREFECT_HOME", "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"):
        monkeypatch.setenv(name, environment[name])
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    (folder / "film.yaml").unlink()
    text = notebook.text((DOCS / "tutorial.md").read_text()).replace("8010", str(free_port()))
    found = nbformat.reads(text.replace("pip install longtake\\n", ""), as_version=4)
    resources = {"metadata": {"path": folder}}
    NotebookClient(found, timeout=900, startup_timeout=240, kernel_name="python3", resources=resources).execute()
    printed = ["".join(o.get("text", "") for o in cell.outputs) for cell in found.cells if cell.cell_type == "code"]
    whole = "\n".join(printed)
    assert "6, of which 6 were bought now" in whole
    assert "6, of which 0 were bought now" in whole
    assert "6, of which 1 were bought now" in whole
    assert 'the key "reslution" is unknown' in whole
    assert "to buy: 639 credits expected" in whole
    assert "to buy: 0 credits" in whole
