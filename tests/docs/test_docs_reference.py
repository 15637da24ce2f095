"""The reference pages hold every name, value and limit that the code has, and no other."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import json
import re
import typing

import pytest
from doc_pages import (
    DOCS,
    REFERENCE,
    ROOT,
    all_rows_of,
    blocks_of,
    options_of,
    parser_of,
    rows_of,
    sections_of,
    variables_in_code,
)

import longtake
from longtake import catalog, cli, errors, ledger, settings, storyboard
from longtake.emulator import faults
from longtake.ledger import accounts, attempt, entries

OBVIOUS = {("maxLength", 100), ("maxLength", 4096), ("maximum", 3600), ("maximum", 10**12), ("maximum", 2**63 - 1)}
"""Limits that only keep nonsense out; a person needs no words for them."""


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
    row = rows_of(sections_of(REFERENCE / "storyboard.md")[section]).get(field)
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
    sections = sections_of(REFERENCE / "storyboard.md")
    known = {}
    for section, field, _, _ in _storyboard_parts():
        known.setdefault(section, set()).add(field)
    for section, fields in known.items():
        assert set(rows_of(sections[section])) == fields


def test_every_model_and_its_limits_are_in_the_reference():
    rows = rows_of(sections_of(REFERENCE / "storyboard.md")["Models"])
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
    rows = (sections_of(REFERENCE / "storyboard.md"))["Files and URLs"]
    inputs = catalog.Catalog.load().inputs
    for kind in ("image", "video", "audio"):
        row = next(line for line in rows.splitlines() if line.startswith(f"| {kind} "))
        rule = getattr(inputs, kind)
        for word in (*rule.formats, *rule.codecs):
            assert re.search(rf"\b{word}\b", row), f"{kind}: {word}"
    side = inputs.image.side
    assert f"{side.min:g} to {side.max:g} pixels" in rows


# -- command and settings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_option_of_a_command_is_in_the_reference_and_no_other(command):
    section = sections_of(REFERENCE / "command.md")[f"longtake {command}"]
    said = set(re.findall(r"`(--[a-z-]+)", section))
    real = options_of(parser_of(command))
    assert said == {option for option in real if option.startswith("--")}
    for argument in real - said:
        assert re.search(rf"\b{argument}\b", section), argument


def test_defaults_of_the_emulators_options_are_in_the_reference():
    rows = rows_of(sections_of(REFERENCE / "command.md")["longtake emulator"])
    for action in parser_of("emulator")._actions:
        if isinstance(action.default, int | float) and not isinstance(action.default, bool):
            assert rows[action.option_strings[0]].split("|")[2].strip() == f"{action.default:.10g}"


def test_every_variable_is_in_the_reference_and_no_other():
    section = sections_of(REFERENCE / "command.md")["Settings"]
    assert set(re.findall(r"`((?:LONGTAKE|REAPI)_[A-Z_]+)`", section)) == variables_in_code()


def test_defaults_of_settings_are_in_the_reference():
    rows = rows_of(sections_of(REFERENCE / "command.md")["Settings"])
    for field, variable in settings.VARIABLES.items():
        default = settings.Settings.model_fields[field].default
        cell = rows[variable].split("|")[2].strip().strip("`")
        assert cell == ("" if default is None else f"{default:g}" if isinstance(default, int | float) else str(default))


def _tree(kind: type[errors.LongtakeError]) -> list[type[errors.LongtakeError]]:
    below = [one for child in kind.__subclasses__() if child.__module__ == errors.__name__ for one in _tree(child)]
    return [kind, *below]


def test_every_error_with_its_exit_code_is_in_the_reference():
    rows = {name: row for name, row in all_rows_of(REFERENCE / "errors.md").items() if name.endswith("Error")}
    groups = {errors.LongtakeError, errors.TerminalError, errors.TransientError}
    raised = [kind for kind in _tree(errors.LongtakeError) if kind not in groups]
    assert set(rows) == {kind.__name__ for kind in raised}
    for kind in raised:
        # The code of these two is that of their gravest reason.
        if kind not in {errors.FilmIncompleteError, errors.SetIncompleteError}:
            assert rows[kind.__name__].split("|")[2].strip() == str(kind.exit_code)
    codes = re.findall(r"^\| (\d+)\b", sections_of(REFERENCE / "command.md")["Exit codes"], re.MULTILINE)
    assert {str(kind.exit_code) for kind in raised} | {"0", "130"} <= set(codes)


# -- ledger, emulator, Prefect -------------------------------------------------------------------------------------------


def test_every_entry_of_the_ledger_with_its_fields_is_in_the_reference():
    sections = sections_of(REFERENCE / "ledger.md")
    rows = rows_of(sections["Entries"])
    kinds = typing.get_args(entries.Entry)
    assert set(rows) == {kind.model_fields["kind"].default for kind in kinds}
    common = set.intersection(*(set(kind.model_fields) for kind in kinds))
    for kind in kinds:
        said = re.findall(r"`(\w+)`", rows[kind.model_fields["kind"].default].split("|")[2])
        assert said == [name for name in kind.model_fields if name not in common]
    order = sections["Entries"].partition("`order` holds")[2].partition(".\n")[0]
    assert set(re.findall(r"`(\w+)`", order)) == set(entries.Purchase.model_fields)


def test_every_phase_outcome_and_sum_is_in_the_reference():
    sections = sections_of(REFERENCE / "ledger.md")
    assert set(rows_of(sections["An attempt"])) == {
        *typing.get_args(attempt.Phase),
        *typing.get_args(attempt.AttemptOutcome),
    }
    names = {"film", "scene", "shot", "day", "label"}
    assert set(rows_of(sections["Sums"])) == set(accounts.SpendLine.__dataclass_fields__) - names
    assert f"every {ledger.CHECKPOINT_EVERY}th entry" in sections["Where things lie"]
    assert str(ledger.CHECKPOINT_EVERY) in sections["Where things lie"]


def test_the_example_entry_of_the_ledger_can_be_read():
    (text,) = blocks_of(REFERENCE / "ledger.md", "json")
    assert entries.parse(text.encode(), key="example").kind == "accepted"


def test_every_fault_of_the_emulator_is_in_its_page():
    section = sections_of(DOCS / "how-to" / "emulator.md")["Make it go wrong"]
    for where, what in faults.FAULTS.items():
        rows = [line.split("|")[2] for line in section.splitlines() if line.startswith(f"| `{where}`")]
        assert set(re.findall(r"`([\w-]+)`", " ".join(rows))) == what
    said = set(rows_of(section)) - {"where", *faults.FAULTS}
    assert said == set(faults.Rule.model_fields) - {"where", "what"}


@pytest.mark.parametrize(
    ("section", "name"),
    [("Block reapi-credentials", "ReapiCredentials"), ("Block longtake-artifact-store", "ArtifactStore")],
)
def test_every_field_of_a_block_is_in_the_reference(section, name):
    block = getattr(importlib.import_module("longtake.blocks"), name)
    rows = rows_of(sections_of(REFERENCE / "blocks.md")[section])
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
    rows = rows_of(sections_of(REFERENCE / "blocks.md")[f"Flow {name}"])
    parameters = inspect.signature(flow.fn).parameters
    assert list(rows) == list(parameters) == list(flow.parameters.properties)
    words = {inspect.Parameter.empty: "required", (): "empty"}
    for parameter in parameters.values():
        default = parameter.default
        shown = rows[parameter.name].split("|")[2].strip()
        assert shown == words.get(default, f"{default:g}" if type(default) is float else str(default).lower())


def test_every_task_with_its_retries_is_in_the_reference():
    tasks = importlib.import_module("longtake.tasks")
    rows = rows_of(sections_of(REFERENCE / "blocks.md")["Tasks"])
    assert set(rows) == set(tasks.__all__)
    for name, row in rows.items():
        retries = getattr(tasks, name).retries
        assert row.split("|")[3].strip().startswith(str(retries) if retries else ("never", "none"))
    assert set(rows_of((DOCS / "how-to" / "tasks.md").read_text())) == set(tasks.__all__)


def _named(rows: dict[str, str]) -> set[str]:
    """Names at the start of the rows, without `await` and arguments."""
    return {name.removeprefix("await ").partition("(")[0] for name in rows}


@pytest.mark.parametrize(
    "name", ["Film", "ShotResult", "Cost", "Budget", "Event", "Part", "Step", "Question", "Answer"]
)
def test_every_field_of_a_value_is_in_the_reference(name):
    kind = getattr(longtake, name)
    fields = getattr(kind, "model_fields", None) or {field.name for field in dataclasses.fields(kind)}
    assert set(rows_of(sections_of(REFERENCE / "python.md")[name])) == set(fields)


def test_the_reference_of_a_plan_names_what_is_there():
    known = {*longtake.Plan.model_fields, *dir(longtake.Plan)}
    assert set(rows_of(sections_of(REFERENCE / "python.md")["Plan"])) <= known


def test_every_method_and_argument_of_the_studio_is_in_the_reference():
    rows = _named(rows_of(sections_of(REFERENCE / "python.md")["Studio"]))
    methods = {name for name, value in vars(longtake.Studio).items() if callable(value) or name == "from_env"}
    public = {name for name in methods if not name.startswith("_")}
    arguments = {
        argument
        for method in ("__init__", "plan", "plan_set", "make", "make_set", "generate")
        for argument in inspect.signature(getattr(longtake.Studio, method)).parameters
    }
    assert rows == public | arguments - {"self", "board", "shot"}


def test_every_method_of_an_observer_is_in_the_reference():
    rows = _named(rows_of(sections_of(REFERENCE / "python.md")["Observer"]))
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
                if called in {"event", "Event"} and name and name not in observer.NOT_EMITTED:
                    found.setdefault(f"longtake.{name}", set()).update(k.arg for k in node.keywords if k.arg)
    return found


def test_every_event_with_its_payload_is_in_the_alerts_page():
    emitted = _emitted()
    rows = rows_of(sections_of(DOCS / "how-to" / "alerts.md")["The events"])
    assert set(rows) == set(emitted)
    for name, keywords in emitted.items():
        # What is not in the payload: where the event belongs, and its line in the log.
        payload = keywords - {"film", "account", "text", "level", "data", "page"}
        assert payload <= set(re.findall(r"`(\w+)`", rows[name].split("|")[3]))
    listed = sections_of(REFERENCE / "blocks.md")["Events"].replace("\n", " ")
    for name in emitted:
        last = name.rpartition(".")[2]
        assert f"`{name}`" in listed or f"`.{last}`" in listed
