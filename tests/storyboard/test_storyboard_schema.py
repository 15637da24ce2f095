"""The schema that editors use, and the starter that people begin with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from longtake import storyboard


@pytest.fixture(scope="module")
def schema():
    return storyboard.json_schema()


def valid(schema, data):
    return Draft202012Validator(schema).is_valid(data)


@pytest.fixture
def starter():
    return YAML(typ="safe", pure=True).load(storyboard.starter())


def test_is_a_schema_and_json(schema):
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


def test_describes_every_field(schema):
    parts = [schema, *schema["$defs"].values()]
    fields = {name: field for part in parts for name, field in part["properties"].items()}
    assert len(fields) > 25
    assert [name for name, field in fields.items() if len(field.get("description", "")) < 10] == []


def test_suggests_what_the_catalog_offers(schema):
    shot = schema["$defs"]["Shot"]["properties"]
    assert "doubao-seedance-2.5-face" in shot["model"]["examples"]
    assert "21:9" in shot["size"]["examples"]
    assert "4k" in shot["resolution"]["examples"]


def test_takes_the_starter_and_refuses_what_the_reader_refuses(schema, starter):
    assert valid(schema, starter)
    assert not valid(schema, {**starter, "budgte": 5})
    assert not valid(schema, {**starter, "budget": "5"})
    assert not valid(schema, {**starter, "references": {"a b": "x.png"}})
    shot = starter["scenes"][0]["shots"][0]
    shot["continue_from"] = None
    assert valid(schema, starter)
    shot["takes"] = None
    assert not valid(schema, starter)


def test_the_starter_teaches_and_needs_nothing(starter):
    text = storyboard.starter()
    board = storyboard.parse(text, name="starter.yaml", base=Path("/nowhere")).board
    assert text.startswith("# yaml-language-server: $schema=")
    assert board.model == "seedance-2.5"
    assert [len(scene.shots) for scene in board.scenes] == [3, 3]
    assert text.count("#") > 12
