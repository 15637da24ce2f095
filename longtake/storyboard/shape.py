"""From a tree to models: every value that does not fit is named and replaced by a stand-in, until the rest fits.

The stand-ins let the rest of a storyboard be judged, so that one run names all mistakes. A board with a finding is
never used for anything else.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from longtake.storyboard.approval import Approval
from longtake.storyboard.board import Storyboard
from longtake.storyboard.deliverable import Deliverable
from longtake.storyboard.notice import Notice
from longtake.storyboard.problem import quoted
from longtake.storyboard.scene import Scene
from longtake.storyboard.shot import Generation, Shot, Transition
from longtake.storyboard.sound import Sound
from longtake.storyboard.trim import Trim
from longtake.storyboard.values import Allowed

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from longtake.storyboard.checks import Mistake
    from longtake.storyboard.loaded import FieldPath
    from longtake.storyboard.node import Node

MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Storyboard,
    ("defaults",): Generation,
    ("scenes",): Scene,
    ("scenes", "transition"): Transition,
    ("scenes", "shots"): Shot,
    ("scenes", "shots", "transition"): Transition,
    ("scenes", "shots", "trim"): Trim,
    ("sound",): Sound,
    ("approval",): Approval,
    ("notice",): Notice,
    ("deliverables",): Deliverable,
}
RENAMED: dict[tuple[type[BaseModel] | None, str], str] = {(Storyboard, "follow"): "downstream"}
"""Keys by their old names; a storyboard that uses one gets an error with the new name."""
_NAMED = {"references": "reference", "labels": "label"}
"""Fields whose keys are the user's own, and what these are called."""
NULL_MEANS_SOMETHING = "continue_from"
MOST_PASSES = 50


def shaped(tree: Node) -> tuple[Storyboard | None, list[Mistake]]:
    """Build the models of a tree, and list the problems of its shape: (place, message, allowed), unordered.

    The board is None when not even stand-ins make one.
    """
    findings: list[Mistake] = []
    data = tree.value()
    for path, node in tree.walk():
        for _, key in node.doubled:
            findings.append(((*path, key), f"the key {quoted(key)} is there twice", "each key once"))
        if _is_empty(node, path):
            leave = "" if _is_required(path) else ", or leave the key out"
            findings.append((path, f"{_label(path)} is empty", _allowed(path) + leave))
            _stand_in(data, path)
    broken = {path for path, _, _ in findings}
    for _ in range(MOST_PASSES):
        try:
            return Storyboard.model_validate(data), findings
        except ValidationError as error:
            for one in error.errors(include_url=False, include_context=True):
                if one["type"] == "too_short" and one["input"]:
                    continue  # pydantic does not count the items that are wrong themselves, and those are named too
                path = _place(one)
                inside = one["type"] == "transition" and any(place[: len(path)] == path for place in broken)
                if not inside and not any(path[:length] in broken for length in range(len(path) + 1)):
                    findings.append(_finding(path, one))
                    broken.add(path)
                _stand_in(data, path, missing=one["type"] == "missing")
    return None, findings


def _is_empty(node: Node, path: FieldPath) -> bool:
    """Whether a key of ours has no value. Elsewhere null is just a value of the wrong type."""
    if node.scalar is not None or node.items is not None or node.entries is not None or not path:
        return False
    if path[0] in _NAMED and len(path) == 2:
        return True
    return path[-1] != NULL_MEANS_SOMETHING and path[-1] in _keys(path[:-1])


def _finding(path: FieldPath, error: ErrorDetails) -> Mistake:
    key = str(path[-1]) if path else ""
    if error["type"] == "extra_forbidden":
        if new := RENAMED.get((_model(path[:-1]), key)):
            return path, f"the key {quoted(key)} is now {quoted(new)}", f"{new}: {_allowed((*path[:-1], new))}"
        known = _keys(path[:-1])
        near = difflib.get_close_matches(key, known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return path, f"the key {quoted(key)} is unknown{hint}", ", ".join(known)
    if error["type"] == "missing":
        return path, f"{key} is missing", _allowed(path)
    if error["type"] == "transition":
        return path, str(error["ctx"]["said"]), str(error["ctx"]["allowed"])
    if error["loc"][-1] == "[key]":
        return path, f"the {_NAMED[str(path[0])]} name {quoted(key)} cannot be used", _allowed(path)
    return path, f"{_label(path)} is {quoted(error['input'])}", _allowed(path)


def _place(error: ErrorDetails) -> FieldPath:
    return tuple(part for part in error["loc"] if part != "[key]")


def _label(path: FieldPath) -> str:
    """Name a value for messages: its key, or its number in the list under a key."""
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return f"number {path[-1] + 1} of {path[-2]}"
    return path[-1]


def _owner(path: FieldPath) -> tuple[type[BaseModel] | None, str | None]:
    """The model a place is in and the name of its field there; for the inside of a field, of that field."""
    names = tuple(part for part in path if isinstance(part, str))
    for length in range(len(names) - 1, -1, -1):
        if names[:length] in MODELS:
            return MODELS[names[:length]], names[length]
    return None, None


def _is_required(path: FieldPath) -> bool:
    model, key = _owner(path)
    fields = model.model_fields.items() if model else ()
    return any(field.is_required() for name, field in fields if key in (name, field.alias))


def _model(path: FieldPath) -> type[BaseModel] | None:
    return MODELS.get(tuple(part for part in path if isinstance(part, str)))


def _keys(path: FieldPath) -> list[str]:
    model = _model(path)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _allowed(path: FieldPath) -> str:
    if path and isinstance(path[-1], int):
        keys = _keys(path)
        if keys:
            return f"a mapping of {', '.join(keys)}"
    model, key = _owner(path)
    for name, field in model.model_fields.items() if model else ():
        if key in (name, field.alias):
            texts = [one.text for one in field.metadata if isinstance(one, Allowed)]
            return texts[0] if texts else "another value"
    return ", ".join(_keys(path[:-1])) or "another value"


def _stand_in(data: dict[str, Any], path: FieldPath, *, missing: bool = False) -> None:
    """Take the value at a place out of the data, or put one there that fits, without moving anything else."""
    parent: Any = data
    for part in path[:-1]:
        try:
            parent = parent[part]
        except (KeyError, IndexError, TypeError):
            return
    key = path[-1]
    if isinstance(parent, list) and isinstance(key, int):
        parent[key] = _stand_in_for(str(path[-2]), path)
    elif isinstance(parent, dict) and missing:
        parent[key] = _stand_in_for(str(key), path)
        if key == "kind":
            parent.pop("seconds", None)
    elif isinstance(parent, dict):
        parent.pop(key, None)


def _stand_in_for(key: str, path: FieldPath) -> Any:  # noqa: ANN401 - as varied as the fields
    """A value for a required field, or for one item of a list (when the path ends in its index)."""
    name = "unnamed-" + "-".join(str(part) for part in path if isinstance(part, int))
    item = isinstance(path[-1], int)
    shot = {"id": f"{name}-shot"}
    scene = {"id": f"{name}-scene", "shots": [shot]}
    return {
        "schema": "longtake/1",
        "title": "untitled",
        "id": name,
        "name": name,
        "kind": "cut",
        "text": "untitled",
        "captions": "vtt",
        "deliverables": {"name": name},
        "references": "unnamed",
        "shots": shot if item else [shot],
        "scenes": scene if item else [scene],
    }.get(key)
