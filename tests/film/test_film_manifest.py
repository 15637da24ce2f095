"""The manifest as people and programs read it: one whole example, its schema, and the page about it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from longtake import manifest as manifests
from longtake.cli import main
from longtake.timeline import Timeline

GOLDEN = Path(__file__).parent / "golden" / "manifest.json"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "manifest.md"


def steady(text: str) -> str:
    """A manifest without what differs from day to day and from ffmpeg to ffmpeg: digests are numbered as they come."""
    names: dict[str, str] = {}
    text = re.sub(
        r"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b", lambda m: names.setdefault(m[0], f"<digest {len(names) + 1}>"), text
    )
    text = re.sub(r'"(joined_at|kept_at|submitted_at)": "[^"]+"', r'"\1": "<time>"', text)
    text = re.sub(r'"(longtake|python|av|ffmpeg|prefect)": (?:"[^"]+"|null)', r'"\1": "<version>"', text)
    return re.sub(r'"bytes": \d+', '"bytes": "<bytes>"', text)


def test_a_manifest_looks_as_it_always_did(studio, write_board):
    film, _ = studio.run(write_board("one: A, two: B", "three: C!"))
    text = steady(manifests.dump(film.manifest).decode())
    if os.environ.get("LONGTAKE_GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text(), "a changed manifest is a new version of its schema"


def test_a_timeline_of_an_older_release_keeps_its_digest():
    old = {"label": "s/a", "fingerprint": "f", "clip": "media/1.mp4", "sha256": "1", "transition": None}
    step = {"gain": 1.02, "pivot": 90.0, "shift": -3.5, "saturation": 0.98, "blue": 0.5, "red": 0.0}
    new = old | {"label": "s/b", "fingerprint": "g", "clip": "media/2.mp4", "sha256": "2", "continues": True}
    line = Timeline.model_validate_json(json.dumps({"title": "T", "cuts": [old, new | {"correction": step}]}))
    assert line.digest == "f82131af2fe777582b27bf5fd5f677ee"
    assert (
        Timeline.model_validate_json(json.dumps({"title": "T", "cuts": []})).digest
        == "d7fed5c2c848c07db611f4e33002ebdd"
    )
    assert (
        Timeline(title="T", cuts=(line.cuts[0], line.cuts[1].model_copy(update={"match": True}))).digest != line.digest
    )


def test_the_command_prints_the_schema(capsys):
    assert main(["schema", "--manifest"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"]["v"]["const"] == "longtake-film/2"
    assert schema["additionalProperties"] is False


def parts() -> dict[str, dict[str, Any]]:
    schema = manifests.json_schema()
    return {"Manifest": schema, **schema["$defs"]}


WORDS = {"integer": "whole number", "number": "number", "boolean": "true, false", "null": "null", "object": "mapping"}


def kind(rule: dict[str, Any]) -> str:
    """A field's type in the words of the page."""
    if "anyOf" in rule:
        return " or ".join(kind(one) for one in rule["anyOf"])
    if "const" in rule or "enum" in rule:
        return ", ".join(f"`{value}`" for value in rule.get("enum", [rule.get("const")]))
    if rule.get("type") == "array":
        return f"list of {kind(rule['items'])}"
    if rule.get("type") == "string":
        return {"date-time": "time", "date": "date"}.get(rule.get("format"), "text")
    return rule["$ref"].rpartition("/")[2] if "$ref" in rule else WORDS[rule["type"]]


def rows() -> dict[tuple[str, str], list[str]]:
    """What the page says of each field, by what it is a field of."""
    lines = [line for line in PAGE.read_text().splitlines() if re.match(r"\| \w+ \| `", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(cell[0], cell[1].strip("`")): cell[2:] for cell in cells}


def test_every_field_with_its_type_is_in_the_reference_and_no_other():
    fields = {(name, field): rule for name, part in parts().items() for field, rule in part["properties"].items()}
    written = rows()
    assert set(written) == set(fields)
    for field, rule in fields.items():
        assert written[field][0] == kind(rule), field
        assert written[field][1], field
