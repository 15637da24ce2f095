"""deployments.yaml: Prefect ignores keys it does not know, so each is checked here against Prefect's own models."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.workers.process import ProcessVariables
from pydantic import BaseModel
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]


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
    (found,) = strangers(document, [PrefectYamlModel])
    assert found.endswith(f".{key}")


def test_job_variables_are_those_of_a_process_pool(document):
    for deployment in document["deployments"]:
        assert set(deployment["work_pool"].get("job_variables", {})) <= set(ProcessVariables.model_fields)


def test_every_entrypoint_is_a_flow_and_has_the_parameters(document):
    assert [d["name"] for d in document["deployments"]] == ["storyboard", "reconcile"]
    for deployment in document["deployments"]:
        module, _, name = deployment["entrypoint"].rpartition(".")
        flow = getattr(importlib.import_module(module), name)
        assert flow.name == name
        assert set(deployment["parameters"]) <= set(flow.parameters.properties)
        assert flow.validate_parameters(deployment["parameters"]) is not None


def test_the_storyboard_it_names_is_there(document):
    from longtake import storyboard

    for deployment in document["deployments"]:
        if "film" in deployment["parameters"]:
            storyboard.load(ROOT / deployment["parameters"]["film"]["board"])


def test_nothing_is_cloned(document):
    assert document["pull"] == [], "without the key Prefect makes a pull step of its own"
