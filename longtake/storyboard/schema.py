"""The JSON schema of a storyboard, for editors: completion, hover texts and red lines while writing."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_jsonable_python

from longtake.storyboard.approval import Approval
from longtake.storyboard.board import Storyboard
from longtake.storyboard.shot import Generation


def json_schema() -> dict[str, Any]:
    """The schema as JSON data (draft 2020-12), with the shipped catalog's models and values as suggestions.

    Suggestions, not a closed list: a catalog of your own may hold others, and what fits together is for `longtake plan`.
    """
    from longtake.catalog import Catalog  # noqa: PLC0415 - only here

    schema = Storyboard.model_json_schema(by_alias=True)
    models = Catalog.load().models
    suggestions: dict[str, list[Any]] = {
        "model": list(models),
        "resolution": _union([model.resolution.values for model in models.values()]),
        "size": _union([model.size.values for model in models.values()]),
        "duration": [5, 8, 10],
        "loudness": [-16, -14, -23],
        "title": ["The Lighthouse"],
        "prompt": ["Waves break on black rocks at dawn, wide shot, slow dolly in"],
    }
    definitions: dict[str, Any] = schema.get("$defs", {})
    for name, model in (("defaults", Generation), ("approval", Approval)):
        # Models dump what was given, which is nothing here; the schema shows every default.
        every = {key: field.default for key, field in model.model_fields.items()}
        schema["properties"][name]["default"] = to_jsonable_python(every)
    for part in (schema, *definitions.values()):
        for name, field in part.get("properties", {}).items():
            _tidy(field, keep_null=name == "continue_from")
            if name in suggestions and part is not definitions.get("Deliverable"):
                field["examples"] = suggestions[name]
        for key in ("title", "description"):
            part.pop(key, None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Longtake storyboard",
        "description": "Scenes of shots that become one film.",
        **schema,
    }


def _union(lists: list[tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys(value for values in lists for value in values))


def _tidy(field: dict[str, Any], *, keep_null: bool) -> None:
    """Leave out what only says how the models are built: null for "not said", defaults of null, made-up titles."""
    field.pop("title", None)
    if field.get("default", "") is None:
        field.pop("default")
    if "patternProperties" in field:
        field["additionalProperties"] = False
    kinds = [kind for kind in field.get("anyOf", ()) if keep_null or kind != {"type": "null"}]
    if len(kinds) == 1:
        field.pop("anyOf")
        field.update(kinds[0])
