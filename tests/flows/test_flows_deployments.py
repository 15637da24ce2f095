"""deployments.yaml: Prefect ignores keys it does not know, so each is checked here against Prefect's own models."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.exceptions import ParameterTypeError
from prefect.server.schemas.schedules import CronSchedule
from prefect.utilities.schema_tools.validation import validate as schema_errors
from prefect.workers.process import ProcessVariables
from pydantic import BaseModel
from ruamel.yaml import YAML

from longtake.flows import books, film, film_set, reconcile, scene, storyboard
from longtake.storyboard import Approval

ROOT = Path(__file__).parents[2]
FLOWS = (storyboard, scene, reconcile, film_set, film, books)


@pytest.fixture
def document():
    return YAML(typ="safe").load(ROOT / "deployments.yaml")


def models(annotation):
    """Every model that an annotation allows, through unions and lists."""
    if get_origin(annotation) in (Union, UnionType, list):
        return [found for part in get_args(annotation) for found in models(part)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def strangers(value: Any, allowed, where="") -> list[str]:
    """Keys that none of the models knows."""
    if isinstance(value, list):
        return [found for n, item in enumerate(value) for found in strangers(item, allowed, f"{where}[{n}]")]
    if not isinstance(value, dict) or not allowed:
        return []
    fields: dict[str, list] = {}
    for model in allowed:
        hints = get_type_hints(model)
        for name, field in model.model_fields.items():
            fields.setdefault(field.alias or name, []).extend(models(hints[name]))
    found = [f"{where}.{key}" for key in value if key not in fields]
    for key in value.keys() & fields.keys():
        found += strangers(value[key], fields[key], f"{where}.{key}")
    return found


def test_the_page_about_schedules_says_what_each_deployment_does(document):
    names = {
        f"{one['entrypoint'].rpartition('.')[2].replace('_', '-')}/{one['name']}" for one in document["deployments"]
    }
    page = (ROOT / "docs/how-to/schedule.md").read_text()
    assert set(re.findall(r"^\| `(\S+/\S+)` \|", page, re.MULTILINE)) == names


def test_prefect_knows_every_key(document):
    assert strangers(document, [PrefectYamlModel]) == []
    PrefectYamlModel.model_validate(document)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ((), "deployment"),
        (("deployments", 0), "entry_point"),
        (("deployments", 0, "work_pool"), "queue"),
        (("deployments", 1, "schedules", 0), "cronn"),
    ],
)
def test_an_unknown_key_would_be_found_here(document, path, key):
    place = document
    for step in path:
        place = place[step]
    place[key] = "x"
    found = strangers(document, [PrefectYamlModel])
    assert found, "the key is unknown, wherever what is written once stands"
    assert all(place.endswith(f".{key}") for place in found)


def test_job_variables_are_those_of_a_process_pool(document):
    for deployment in document["deployments"]:
        assert set(deployment["work_pool"].get("job_variables", {})) <= set(ProcessVariables.model_fields)


def test_every_entrypoint_is_a_flow_and_takes_the_parameters(document):
    assert [d["name"] for d in document["deployments"]] == [
        "storyboard",
        "storyboard-nightly",
        "reconcile",
        "books",
        "scene",
        "films",
    ]
    for deployment in document["deployments"]:
        module, _, name = deployment["entrypoint"].rpartition(".")
        flow = getattr(importlib.import_module(module), name)
        assert flow.name == name
        assert set(deployment["parameters"]) <= set(flow.parameters.properties)
        if name not in {"scene", "film"}:  # the run that dispatches them fills these in
            assert flow.validate_parameters(deployment["parameters"]) is not None


def test_the_storyboards_are_there(document):
    from longtake import storyboard

    boards = [d["parameters"]["board"] for d in document["deployments"] if "board" in d["parameters"]]
    assert len(boards) == 2
    for board in boards:
        storyboard.load(ROOT / board)


def test_schedules_are_real_times_that_do_not_pile_up(document):
    scheduled = {d["name"]: d for d in document["deployments"] if "schedules" in d}
    assert set(scheduled) == {"storyboard-nightly", "reconcile", "books"}
    for deployment in scheduled.values():
        for schedule in deployment["schedules"]:
            made = CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
            assert len(asyncio.run(made.get_dates(2))) == 2
            assert schedule["slug"]
        limit = ConcurrencyLimitConfig.model_validate(deployment["concurrency_limit"])
        assert limit.limit == 1
        # What was approved is never dropped; what asks nobody need not wait.
        asks = "board" in deployment["parameters"]
        assert limit.collision_strategy == ConcurrencyLimitStrategy["ENQUEUE" if asks else "CANCEL_NEW"]


def test_films_that_wait_for_scenes_do_not_hold_their_slots(document):
    pools = {d["name"]: d["work_pool"]["name"] for d in document["deployments"]}
    assert pools["scene"] not in {pools["storyboard"], pools["storyboard-nightly"]}


def test_what_comes_by_night_spends_nothing_unasked(document):
    (nightly,) = [d for d in document["deployments"] if d["name"] == "storyboard-nightly"]
    asked = storyboard.validate_parameters(nightly["parameters"])
    assert asked["approval"].before == ("spending",)
    assert asked["approval"].silence == "stop"
    assert asked["budget"] is not None


def test_the_form_says_what_every_field_is_for():
    for schema in (*(flow.parameters.model_dump() for flow in FLOWS), Approval.model_json_schema()):
        for field in schema["properties"].values():
            assert field["title"]
            assert field["description"].endswith(".")


def test_the_form_has_no_field_of_the_type_none():
    for flow in FLOWS:
        assert '"null"' not in json.dumps(flow.parameters.model_dump())


def as_submitted(schema: dict[str, Any]) -> dict[str, Any]:
    """What Prefect's form sends when nothing is filled in: every default, those inside of objects too."""
    found = {}
    for name, field in schema.get("properties", {}).items():
        if "default" in field:
            found[name] = field["default"]
        elif "properties" in field:
            found[name] = as_submitted(field)
    return found


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_form_in_which_only_the_required_fields_are_filled_in_can_be_submitted(flow):
    schema = flow.parameters.model_dump()
    given = {"board": "film.yaml", "shots": ["pier"], "run": "r", "film_set": "set.yaml", "to": "books"}
    sent = {**as_submitted(schema), **{name: given[name] for name in schema.get("required", ())}}
    # As the form asks the server, without the leniency that runs of deployments get.
    assert [error.message for error in schema_errors(sent, schema, preprocess=False)] == []
    assert flow.validate_parameters(sent)


def test_an_approval_that_nobody_filled_in_leaves_it_to_the_storyboard():
    sent = as_submitted(storyboard.parameters.model_dump())["approval"]
    assert sent == {"before": [], "hours": 72.0, "silence": "stop"}
    assert storyboard.validate_parameters({"board": "film.yaml", "approval": sent})["approval"] is None


def test_the_form_picks_blocks():
    for flow in FLOWS:
        found = flow.parameters.properties
        # The books need no key.
        assert flow is books or found["credentials"]["block_type_slug"] == "reapi-credentials"
        assert found["store"]["block_type_slug"] == "longtake-artifact-store"


@pytest.mark.parametrize(
    "wrong",
    [{"approval": {"before": ["lunch"]}}, {"budget": 0}, {"board": 3}, {"scenes": "one"}, {"downstream": "up"}],
)
def test_a_form_that_is_filled_in_wrongly_is_refused(wrong):
    with pytest.raises(ParameterTypeError):
        storyboard.validate_parameters({"board": "x", **wrong})


def test_no_parameter_of_a_flow_can_hold_a_secret():
    for flow in FLOWS:
        schema = flow.parameters.model_dump()
        assert not [name for name in schema["properties"] if "key" in name or "secret" in name or "password" in name]
        assert "writeOnly" not in json.dumps(schema), "Prefect stores such a parameter in plain text"


def test_nothing_is_cloned(document):
    assert document["pull"] == [], "without the key Prefect makes a pull step of its own"
