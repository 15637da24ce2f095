"""The docs say what the code says: reference pages hold every name, links lead somewhere, storyboards and commands work."""

from __future__ import annotations

import argparse
import ast
import contextlib
import dataclasses
import importlib
import importlib.util
import inspect
import json
import re
import shlex
import struct
import typing
import wave
import zlib
from pathlib import Path

import pytest

import longtake
from longtake import catalog, cli, errors, ledger, request, settings, storyboard
from longtake.cli import main
from longtake.emulator import faults
from longtake.ledger import accounts, entries, state

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
REFERENCE = DOCS / "reference"
PUBLISHED = (
    "https://github.com/longtake/longtake/blob/main/",
    "https://raw.githubusercontent.com/longtake/longtake/main/",
)
"""Where this repository's files lie for a page that is read elsewhere: pages, and pictures."""

ELSEWHERE = {"prefect_dask", "matplotlib"}
"""Modules of packages that a page installs and this environment may lack."""

OBVIOUS = {("maxLength", 100), ("maxLength", 4096), ("maximum", 3600), ("maximum", 10**12), ("maximum", 2**63 - 1)}
"""Limits that only keep nonsense out; a person needs no words for them."""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def _sections(page: Path) -> dict[str, str]:
    """Text under each heading, by the heading without its marks."""
    parts = re.split(r"^#+ +(.*)$", _without_code(page.read_text()), flags=re.MULTILINE)
    return {heading.replace("`", ""): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def _rows(text: str) -> dict[str, str]:
    """Table rows by the names in code marks of their first cell."""
    found = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            first = line.split("|")[1]
            found.update(dict.fromkeys(re.findall(r"`([^`]+)`", first), line))
    return found


def _all_rows(page: Path) -> dict[str, str]:
    return _rows(page.read_text())


# -- the storyboard ------------------------------------------------------------------------------------------------------


def _storyboard_parts() -> list[tuple[str, str, dict, bool]]:
    schema = storyboard.json_schema()
    parts = {"Top level": schema, **schema["$defs"]}
    inherited = set(schema["$defs"]["Generation"]["properties"])
    found = []
    for section, part in parts.items():
        for field, rule in part["properties"].items():
            if section != "Shot" or field not in inherited:
                found.append((section, field, rule, field in part.get("required", ())))
    return found


@pytest.mark.parametrize(
    ("section", "field", "rule", "required"), _storyboard_parts(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_every_field_of_a_storyboard_is_in_the_reference(section, field, rule, required):
    row = _rows(_sections(REFERENCE / "storyboard.md")[section]).get(field)
    assert row is not None, f"{section}: no row for {field}"
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 4
    assert (cells[2] == "required") == required
    said = row.replace(",", "")
    for kind in (rule, *rule.get("anyOf", ())):
        for limit in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "maxLength", "maxItems"):
            if limit in kind and (limit, kind[limit]) not in OBVIOUS:
                assert f"{kind[limit]:.10g}" in said, f"{field}: {limit} {kind[limit]} is not said"
        for value in [*kind.get("enum", ()), *([kind["const"]] if "const" in kind else [])]:
            assert f"`{value}`" in row, f"{field}: {value} is not said"
    if isinstance(rule.get("default"), int | float):
        assert cells[2] == json.dumps(rule["default"])


def test_the_reference_of_the_storyboard_names_nothing_that_is_not_there():
    sections = _sections(REFERENCE / "storyboard.md")
    known = {}
    for section, field, _, _ in _storyboard_parts():
        known.setdefault(section, set()).add(field)
    for section, fields in known.items():
        assert set(_rows(sections[section])) == fields


def test_every_model_and_its_limits_are_in_the_reference():
    rows = _rows(_sections(REFERENCE / "storyboard.md")["Models"])
    models = catalog.Catalog.load().models
    assert set(rows) - {"-face"} == set(models)
    for name, model in models.items():
        cells = [cell.strip() for cell in rows[name].strip("|").split("|")]
        assert cells[1] == model.duration.allowed.replace(", or", ", or")
        assert cells[2] == ", ".join(model.resolution.values)
        assert cells[3] == f"{model.duration.default} s, {model.size.default}, {model.resolution.default}"
        counts = [int(number) for number in re.findall(r"(?<![\d.])\d+(?= |,|$)", re.sub(r"\(.*?\)", "", cells[4]))]
        assert counts[:3] == [model.media.image.count, model.media.video.count, model.media.audio.count]
        assert f"({model.media.video.together:g} s together)" in cells[4]
        seed = {"yes": True, "no": False, "`-face` only": model.real_people}[cells[5]]
        assert seed == (model.fields.seed is not None)


def test_input_formats_in_the_reference_are_the_catalogs():
    rows = (_sections(REFERENCE / "storyboard.md"))["Files and URLs"]
    inputs = catalog.Catalog.load().inputs
    for kind in ("image", "video", "audio"):
        row = next(line for line in rows.splitlines() if line.startswith(f"| {kind} "))
        rule = getattr(inputs, kind)
        for word in (*rule.formats, *rule.codecs):
            assert re.search(rf"\b{word}\b", row), f"{kind}: {word}"
    side = inputs.image.side
    assert f"{side.min:g} to {side.max:g} pixels" in rows


# -- command and settings ------------------------------------------------------------------------------------------------


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"longtake {command}")
    importlib.import_module(cli._COMMANDS[command][0]).add_arguments(parser)
    return parser


def _options(parser: argparse.ArgumentParser) -> set[str]:
    found: set[str] = set()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                found |= _options(sub)
        elif not isinstance(action, argparse._HelpAction):
            found |= {option for option in action.option_strings if option.startswith("--")}
            if not action.option_strings:
                found.add(str(action.metavar or action.dest))
    return found


@pytest.mark.parametrize("command", cli._COMMANDS)
def test_every_option_of_a_command_is_in_the_reference_and_no_other(command):
    section = _sections(REFERENCE / "command.md")[f"longtake {command}"]
    said = set(re.findall(r"`(--[a-z-]+)", section))
    real = _options(_parser(command))
    assert said == {option for option in real if option.startswith("--")}
    for argument in real - said:
        assert re.search(rf"\b{argument}\b", section), argument


def test_defaults_of_the_emulators_options_are_in_the_reference():
    rows = _rows(_sections(REFERENCE / "command.md")["longtake emulator"])
    for action in _parser("emulator")._actions:
        if isinstance(action.default, int | float) and not isinstance(action.default, bool):
            assert rows[action.option_strings[0]].split("|")[2].strip() == f"{action.default:.10g}"


def _variables_in_code() -> set[str]:
    found = set(settings._VARIABLES.values())  # made of the fields' names
    for package in ("longtake", "flows", "tasks", "blocks"):
        for path in (ROOT / package).rglob("*.py"):
            found |= set(re.findall(r"\b(?:LONGTAKE|REAPI)_[A-Z_]*[A-Z]\b", path.read_text()))
    return found


def test_every_variable_is_in_the_reference_and_no_other():
    section = _sections(REFERENCE / "command.md")["Settings"]
    assert set(re.findall(r"`((?:LONGTAKE|REAPI)_[A-Z_]+)`", section)) == _variables_in_code()


def test_defaults_of_settings_are_in_the_reference():
    rows = _rows(_sections(REFERENCE / "command.md")["Settings"])
    for field, variable in settings._VARIABLES.items():
        default = settings.Settings.model_fields[field].default
        cell = rows[variable].split("|")[2].strip().strip("`")
        assert cell == ("" if default is None else f"{default:g}" if isinstance(default, int | float) else str(default))


def _tree(kind: type[errors.LongtakeError]) -> list[type[errors.LongtakeError]]:
    below = [one for child in kind.__subclasses__() if child.__module__ == errors.__name__ for one in _tree(child)]
    return [kind, *below]


def test_every_error_with_its_exit_code_is_in_the_reference():
    rows = {name: row for name, row in _all_rows(REFERENCE / "errors.md").items() if name.endswith("Error")}
    groups = {errors.LongtakeError, errors.TerminalError, errors.TransientError}
    raised = [kind for kind in _tree(errors.LongtakeError) if kind not in groups]
    assert set(rows) == {kind.__name__ for kind in raised}
    for kind in raised:
        # The code of these two is that of their gravest reason.
        if kind not in {errors.FilmIncompleteError, errors.SetIncompleteError}:
            assert rows[kind.__name__].split("|")[2].strip() == str(kind.exit_code)
    codes = re.findall(r"^\| (\d+)\b", _sections(REFERENCE / "command.md")["Exit codes"], re.MULTILINE)
    assert {str(kind.exit_code) for kind in raised} | {"0", "130"} <= set(codes)


# -- ledger, emulator, Prefect -------------------------------------------------------------------------------------------


def test_every_entry_of_the_ledger_with_its_fields_is_in_the_reference():
    sections = _sections(REFERENCE / "ledger.md")
    rows = _rows(sections["Entries"])
    kinds = typing.get_args(entries.Entry)
    assert set(rows) == {kind.model_fields["kind"].default for kind in kinds}
    common = set(entries._Entry.model_fields) | {"kind"}
    for kind in kinds:
        said = re.findall(r"`(\w+)`", rows[kind.model_fields["kind"].default].split("|")[2])
        assert said == [name for name in kind.model_fields if name not in common]
    order = sections["Entries"].partition("`order` holds")[2].partition(".\n")[0]
    assert set(re.findall(r"`(\w+)`", order)) == set(entries.Purchase.model_fields)


def test_every_phase_outcome_and_sum_is_in_the_reference():
    sections = _sections(REFERENCE / "ledger.md")
    assert set(_rows(sections["An attempt"])) == {*typing.get_args(state.Phase), *typing.get_args(state.AttemptOutcome)}
    names = {"film", "scene", "shot", "day", "label"}
    assert set(_rows(sections["Sums"])) == set(accounts.SpendLine.__dataclass_fields__) - names
    assert f"every {state.CHECKPOINT_EVERY}th entry" in sections["Where things lie"]
    assert str(ledger.CHECKPOINT_EVERY) in sections["Where things lie"]


def test_the_example_entry_of_the_ledger_can_be_read():
    (text,) = _blocks(REFERENCE / "ledger.md", "json")
    assert entries.parse(text.encode(), key="example").kind == "accepted"


def test_every_fault_of_the_emulator_is_in_its_page():
    section = _sections(DOCS / "how-to" / "emulator.md")["Make it go wrong"]
    for where, what in faults._ALLOWED.items():
        rows = [line.split("|")[2] for line in section.splitlines() if line.startswith(f"| `{where}`")]
        assert set(re.findall(r"`([\w-]+)`", " ".join(rows))) == what
    said = set(_rows(section)) - {"where", *faults._ALLOWED}
    assert said == set(faults.Rule.model_fields) - {"where", "what"}


@pytest.mark.parametrize(
    ("section", "name"),
    [("Block reapi-credentials", "ReapiCredentials"), ("Block longtake-artifact-store", "ArtifactStore")],
)
def test_every_field_of_a_block_is_in_the_reference(section, name):
    block = getattr(importlib.import_module("longtake.blocks"), name)
    rows = _rows(_sections(REFERENCE / "blocks.md")[section])
    # What the base class brings is Prefect's.
    own = [field for field in block.model_fields if field in block.__annotations__]
    assert list(rows) == own
    assert block._block_type_slug in section
    for field in own:
        default = block.model_fields[field].default
        if isinstance(default, int):
            assert rows[field].split("|")[2].strip() == str(default)


@pytest.mark.parametrize("name", ["storyboard", "reconcile", "books"])
def test_every_parameter_of_a_flow_is_in_the_reference(name):
    flow = getattr(importlib.import_module("longtake.flows"), name)
    rows = _rows(_sections(REFERENCE / "blocks.md")[f"Flow {name}"])
    parameters = inspect.signature(flow.fn).parameters
    assert list(rows) == list(parameters) == list(flow.parameters.properties)
    words = {inspect.Parameter.empty: "required", (): "empty"}
    for parameter in parameters.values():
        default = parameter.default
        shown = rows[parameter.name].split("|")[2].strip()
        assert shown == words.get(default, f"{default:g}" if type(default) is float else str(default).lower())


def test_every_task_with_its_retries_is_in_the_reference():
    tasks = importlib.import_module("longtake.tasks")
    rows = _rows(_sections(REFERENCE / "blocks.md")["Tasks"])
    assert set(rows) == set(tasks.__all__)
    for name, row in rows.items():
        retries = getattr(tasks, name).retries
        assert row.split("|")[3].strip().startswith(str(retries) if retries else ("never", "none"))
    assert set(_rows((DOCS / "how-to" / "tasks.md").read_text())) == set(tasks.__all__)


def _named(rows: dict[str, str]) -> set[str]:
    """Names at the start of the rows, without `await` and arguments."""
    return {name.removeprefix("await ").partition("(")[0] for name in rows}


@pytest.mark.parametrize("name", ["Film", "ShotResult", "Cost", "Budget", "Event", "Step", "Question", "Answer"])
def test_every_field_of_a_value_is_in_the_reference(name):
    kind = getattr(longtake, name)
    fields = getattr(kind, "model_fields", None) or {field.name for field in dataclasses.fields(kind)}
    assert set(_rows(_sections(REFERENCE / "python.md")[name])) == set(fields)


def test_the_reference_of_a_plan_names_what_is_there():
    known = {*longtake.Plan.model_fields, *dir(longtake.Plan)}
    assert set(_rows(_sections(REFERENCE / "python.md")["Plan"])) <= known


def test_every_method_and_argument_of_the_studio_is_in_the_reference():
    rows = _named(_rows(_sections(REFERENCE / "python.md")["Studio"]))
    methods = {name for name, value in vars(longtake.Studio).items() if callable(value) or name == "from_env"}
    public = {name for name in methods if not name.startswith("_")}
    arguments = {
        argument
        for method in ("__init__", "plan", "plan_set", "make", "make_set", "generate")
        for argument in inspect.signature(getattr(longtake.Studio, method)).parameters
    }
    assert rows == public | arguments - {"self", "board", "shot"}


def test_every_method_of_an_observer_is_in_the_reference():
    rows = _named(_rows(_sections(REFERENCE / "python.md")["Observer"]))
    assert rows == {name for name in vars(longtake.Observer) if not name.startswith("_")}


def _emitted() -> dict[str, set[str]]:
    """The events that a run emits, each with the keywords of its payload."""
    observer = importlib.import_module("longtake.prefect.observer")
    found: dict[str, set[str]] = {}
    for folder in ("longtake/studio", "longtake/take", "longtake/prefect", "flows"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                    continue
                called = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
                name = node.args[0].value
                if called in {"event", "Event"} and name and name not in observer._SILENT:
                    found.setdefault(f"longtake.{name}", set()).update(k.arg for k in node.keywords if k.arg)
    return found


def test_every_event_with_its_payload_is_in_the_alerts_page():
    emitted = _emitted()
    rows = _rows(_sections(DOCS / "how-to" / "alerts.md")["The events"])
    assert set(rows) == set(emitted)
    for name, keywords in emitted.items():
        # What is not in the payload: where the event belongs, and its line in the log.
        payload = keywords - {"film", "account", "text", "level", "data", "page"}
        assert payload <= set(re.findall(r"`(\w+)`", rows[name].split("|")[3]))
    listed = _sections(REFERENCE / "blocks.md")["Events"].replace("\n", " ")
    for name in emitted:
        last = name.rpartition(".")[2]
        assert f"`{name}`" in listed or f"`.{last}`" in listed


# -- what can be tried ---------------------------------------------------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.*)$", _without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_into_this_repository_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", _without_code(page.read_text())):
        base = next((base for base in PUBLISHED if link.startswith(base)), "")
        if not base and link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.removeprefix(base).partition("#")
        target = ((ROOT if base else page.parent) / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_links_and_pictures_of_the_readme_are_absolute():
    # A package index shows the page without the files next to it.
    pages, pictures = PUBLISHED
    for picture, link in re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", _without_code((ROOT / "README.md").read_text())):
        assert link.startswith(pictures if picture else ("https://", "http://127.0.0.1")), link
        assert picture or not link.startswith(pictures), f"{link}: link the page {pages}…"


def _storyboards() -> list[tuple[str, str]]:
    return [
        (f"{_name(page)} {number}", text)
        for page in PAGES
        for number, text in enumerate(_blocks(page, "yaml"))
        if "schema: longtake/1" in text and "{{" not in text  # a template is planned by its set
    ]


def _write_media(folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".wav":
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(16000))
        return
    assert path.suffix == ".png", f"teach this test to write {name}"
    side = 320
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(side * (side + 1)))),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.fixture
def _clean_settings(monkeypatch, tmp_path):
    for name in _variables_in_code():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_clean_settings")
@pytest.mark.parametrize(("name", "text"), _storyboards(), ids=lambda v: v.replace(" ", "-") if len(v) < 80 else "")
def test_every_storyboard_in_the_docs_plans_clean(name, text, tmp_path, capsys):
    board = tmp_path / "film.yaml"
    board.write_text(text)
    for media in re.findall(r"[\w/.-]+\.(?:png|wav)\b", text):
        _write_media(tmp_path, media)
    assert main(["plan", str(board), "--json"]) == 0, name
    plan = json.loads(capsys.readouterr().out)
    assert plan["shots"]
    assert plan["refusals"] == []
    assert request.resolve(storyboard.load(board), catalog.Catalog.load()).shots


def test_there_are_storyboards_in_the_docs():
    assert len(_storyboards()) >= 2


def _commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in _blocks(page, "console"):
            found += [(_name(page), line[2:]) for line in block.splitlines() if line.startswith("$ ")]
    return found


def _words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return words


@pytest.mark.parametrize(("page", "line"), [pair for pair in _commands() if _words(pair[1])[:1] == ["longtake"]])
def test_every_longtake_command_in_the_docs_is_one(page, line):
    words = _words(line)[1:]
    with contextlib.redirect_stderr(None):
        try:
            cli.parsed(words)
        except (SystemExit, errors.LongtakeError) as error:
            pytest.fail(f"{page}: {line}: {error}")


def test_every_make_target_in_the_docs_is_one():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {words[1] for _, line in _commands() if (words := _words(line))[0] == "make"}
    for page in PAGES:
        asked |= set(re.findall(r"`make ([a-z-]+)`", page.read_text()))
    assert {"demo", "test"} <= asked <= targets


def _mentions() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        found += [(_name(page), words) for words in re.findall(r"`longtake ([^`]+)`", _without_code(page.read_text()))]
    return found


def test_every_longtake_command_named_in_a_sentence_exists():
    for page, words in _mentions():
        first = words.split()[0]
        if first.startswith("--") or first == "COMMAND":
            continue
        assert first in cli._COMMANDS, f"{page}: longtake {words}"
        for option in re.findall(r"--[a-z-]+", words):
            assert option in _options(_parser(first)), f"{page}: longtake {words}"


def _automations() -> list[tuple[str, str]]:
    texts = [(_name(page), text) for page in PAGES for text in _blocks(page, "yaml")]
    return [(page, text) for page, text in texts if text.startswith("name:") and "trigger:" in text]


def test_every_automation_in_the_docs_is_one():
    from prefect.events.schemas.automations import AutomationCore, EventTrigger
    from ruamel.yaml import YAML

    found = [AutomationCore.model_validate(YAML(typ="safe").load(text)) for _, text in _automations()]
    assert {action.type for one in found for action in one.actions} == {"send-notification", "run-deployment"}
    events = set(_rows(_sections(DOCS / "how-to" / "alerts.md")["The events"]))
    for one in found:
        assert isinstance(one.trigger, EventTrigger)
        assert set(one.trigger.expect) <= events


def test_every_deployment_in_the_docs_names_a_flow_with_its_parameters():
    from ruamel.yaml import YAML

    texts = [text for page in PAGES for text in _blocks(page, "yaml") if "deployments:" in text]
    texts.append((ROOT / "deployments.yaml").read_text())
    assert len(texts) >= 2
    for text in texts:
        for deployment in YAML(typ="safe").load(text)["deployments"]:
            module, _, name = deployment["entrypoint"].rpartition(".")
            flow = getattr(importlib.import_module(module), name)
            assert set(deployment["parameters"]) <= set(inspect.signature(flow.fn).parameters)
            # Prefect ignores keys it does not know.
            known = "name entrypoint description tags parameters schedules work_pool concurrency_limit"
            assert set(deployment) <= set(known.split())


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_python_in_the_docs_imports_what_is_there(page):
    for text in _blocks(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module:
                if node.module in ELSEWHERE and importlib.util.find_spec(node.module) is None:
                    continue
                module = importlib.import_module(node.module)
                for alias in node.names:
                    # A module is an attribute of its package only once something imported it.
                    inside = hasattr(module, "__path__") and importlib.util.find_spec(f"{node.module}.{alias.name}")
                    assert inside or hasattr(module, alias.name), f"from {node.module} import {alias.name}"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=_name)
def test_a_page_is_short_and_has_one_title(page):
    text = page.read_text()
    # A reference has as many rows as the product has options.
    shown = re.sub(r"^<!-- run: .* -->\n\n?", "", text, flags=re.MULTILINE)
    assert len(shown.splitlines()) <= (280 if page.parent == REFERENCE else 165)
    assert len(re.findall(r"^# ", _without_code(text), re.MULTILINE)) == 1


def test_the_version_is_in_the_changelog():
    assert longtake.__version__ in (ROOT / "CHANGELOG.md").read_text()
