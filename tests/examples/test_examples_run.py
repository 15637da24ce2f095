"""Code in the README and in examples/ runs as printed, buys what it says, and buys nothing the second time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MOST_LINES = 10

pytestmark = pytest.mark.timeout(900)


def snippets() -> list[str]:
    """The Python blocks of the README."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def charged(provider) -> int:
    return sum(entry["credits"] for entry in provider.books()["entries"] if entry["kind"] == "debit")


def test_the_readme_opens_with_ten_lines_of_python_and_ten_of_prefect():
    text = (ROOT / "README.md").read_text()
    plain, prefect = snippets()
    assert "prefect" not in plain
    assert "from prefect import flow" in prefect
    for code in (plain, prefect):
        assert len([line for line in code.splitlines() if line.strip()]) <= MOST_LINES
    # One paragraph and `pip install` stand before them.
    before = text.partition("```python")[0]
    assert "pip install longtake" in before
    assert len(before.splitlines()) <= 15


def test_the_readmes_python_runs_as_printed(run, provider, tmp_path):
    script = tmp_path / "snippet.py"
    script.write_text(snippets()[0])
    printed = run(script)
    place, credits = printed.splitlines()[-2:]
    assert Path(place).stat().st_size > 0
    assert credits == f"{charged(provider)} credits" != "0 credits"
    assert run(script).splitlines()[-2:] == [place, "0 credits"]
    assert provider.posts == 2


@pytest.mark.slow
def test_the_readmes_prefect_flow_runs_as_printed(run, provider, prefect_api, tmp_path):
    script = tmp_path / "snippet.py"
    script.write_text(snippets()[1])
    printed = run(script, PREFECT_API_URL=prefect_api)
    assert "Two clips: " in printed
    assert "film.mp4" in printed
    assert provider.posts == 2
    # The second clip starts from the last frame of the first.
    images = [task["body"].get("image_with_roles", []) for task in provider.tasks()]
    assert [len(one) for one in images] == [0, 1]


@pytest.mark.slow
def test_the_script_without_prefect(run, provider):
    printed = run(EXAMPLES / "studio.py")
    assert "The Lighthouse Keeper: 2 shots, 2 takes to buy" in printed
    assert "dawn/wakes · take 1: kept" in printed
    assert f"the-lighthouse-keeper: {charged(provider)} credits settled" in printed
    assert "2 shots: 2 current" in run(EXAMPLES / "studio.py")
    assert provider.posts == 2


@pytest.mark.slow
def test_code_of_the_how_to_for_tasks_runs_as_printed(run, account, provider, prefect_api, tmp_path):
    text = (ROOT / "docs" / "how-to" / "tasks.md").read_text()
    flow, awaited, mapped = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[:3]
    saving = (
        "from longtake.blocks import ArtifactStore, ReapiCredentials\n"
        f"ReapiCredentials(api_key={account.key!r}, base_url={provider.base_url!r}).save('reapi', overwrite=True)\n"
        f"ArtifactStore(uri={account.folder.as_uri()!r}, public_url={provider.store_url!r}).save('films', overwrite=True)\n"
    )
    calls = (
        "asyncio.run(side_by_side())\n"
        "print(batch(['A cat yawns'], ReapiCredentials.load('reapi'), ArtifactStore.load('films'))[0].shot)\n"
    )
    script = tmp_path / "flows.py"
    script.write_text(saving + flow + awaited + mapped + calls)
    printed = run(script, PREFECT_API_URL=prefect_api)
    assert printed.splitlines()[-1].startswith("clips/")
    # The cat of the last flow is the cat of the one before: ids do not count.
    assert provider.posts == 4


@pytest.mark.slow
def test_a_flow_of_ones_own(run, provider, prefect_api):
    printed = run(EXAMPLES / "two_clips.py", PREFECT_API_URL=prefect_api)
    assert "film.mp4" in printed
    assert "2 shots: 2 current" in run(EXAMPLES / "two_clips.py", PREFECT_API_URL=prefect_api)
    assert provider.posts == 2


@pytest.mark.slow
def test_a_step_of_ones_own(run, provider, tmp_path):
    board = tmp_path / "film.yaml"
    board.write_text(
        'schema: longtake/1\ntitle: Framed\nmodel: seedance-2.5\ndefaults: {resolution: 480p, size: "16:9", duration: 4}\n'
        "scenes: [{id: s, shots: [{id: one, prompt: A harbor}]}]\n"
    )
    script, example = tmp_path / "run.py", str(EXAMPLES / "own_steps.py")
    script.write_text(
        f"import runpy, sys\nsys.argv[1:] = [{str(board)!r}]\nrunpy.run_path({example!r}, run_name='__main__')\n"
    )
    assert "1 shots: 1 bought" in run(script)
    assert provider.posts == 1


@pytest.mark.slow
def test_a_batch_of_mapped_shots(run, provider, prefect_api):
    printed = run(EXAMPLES / "batch.py", PREFECT_API_URL=prefect_api)
    lines = [line for line in printed.splitlines() if line.startswith("clips/place-")]
    assert len(lines) == 3
    assert sum(int(line.split()[2]) for line in lines) == charged(provider)
    run(EXAMPLES / "batch.py", PREFECT_API_URL=prefect_api)
    assert provider.posts == 3


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(environment, provider, monkeypatch, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # Nothing of this person's Jupyter, and a kernel that is this Python.
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    notebook = nbformat.read(EXAMPLES / "film.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=600, startup_timeout=240, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    board, plan, film, again, video = [cell.outputs[-1].data for cell in notebook.cells if cell.cell_type == "code"]
    assert "<table" in board["text/html"]
    assert "2 takes to buy" in plan["text/html"]
    assert "<video" in film["text/html"]
    assert again["text/plain"] == "0"
    assert "data:video/mp4;base64," in video["text/html"]
    assert provider.posts == 2


def test_the_notebook_holds_no_outputs():
    import json

    notebook = json.loads((EXAMPLES / "film.ipynb").read_text())
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


def test_every_example_is_run_by_a_test():
    code = Path(__file__).read_text()
    for path in EXAMPLES.iterdir():
        if path.suffix in {".py", ".ipynb"}:
            assert f'"{path.name}"' in code, path.name
