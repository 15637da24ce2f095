"""What must hold between the parts of a storyboard: ids, names and continuations that mean something."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from longtake.storyboard.chains import cycles, parents, places
from longtake.storyboard.problem import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from longtake.storyboard.loaded import FieldPath, Loaded

Mistake = tuple["FieldPath", str, str]
"""Place, message, allowed."""
PROVIDER_NAME = re.compile(r"(image|video|audio)[0-9]+", re.IGNORECASE)


def check(loaded: Loaded) -> Iterator[Mistake]:
    """Find everything in the file that contradicts something else in it; places that are broken already are skipped."""
    yield from _names(loaded)
    yield from _doubled(loaded)
    yield from _references(loaded)
    yield from _continuations(loaded)
    yield from _deliverables(loaded)
    first = loaded.board.scenes[0]
    for what, said, place in (("scene", first, ("scenes", 0)), ("shot", first.shots[0], ("scenes", 0, "shots", 0))):
        if said.transition and said.transition.kind != "cut":
            allowed = f"no transition on the first {what}"
            yield (*place, "transition"), f"the first {what} follows nothing, so it has no transition", allowed


def listed(names: Collection[str], near: str = "") -> str:
    """Format allowed names for an error: the nearest ones first if there are many."""
    if not names:
        return "none, for there are none"
    close = difflib.get_close_matches(near, names, n=3) if near else []
    ordered = close + [name for name in names if name not in close]
    more = len(ordered) - 20
    return ", ".join(ordered[:20]) + (f" and {more} more" if more > 0 else "")


def _names(loaded: Loaded) -> Iterator[Mistake]:
    for name in loaded.board.references:
        if PROVIDER_NAME.fullmatch(name):
            what = f"the reference name {name} is one of the provider's own"
            yield ("references", name), what, "names other than image1, video1, audio1 and so on"


def _doubled(loaded: Loaded) -> Iterator[Mistake]:
    first: dict[str, FieldPath] = {}
    for index, scene in enumerate(loaded.board.scenes):
        path: FieldPath = ("scenes", index, "id")
        if scene.id in first and not loaded.is_broken(path):
            where = loaded.where(first[scene.id])
            yield path, f"the scene id {scene.id} is already that of {where}", "an id no other scene has"
        first.setdefault(scene.id, path)
    first.clear()
    for place, shot in places(loaded.board):
        path = (*place, "id")
        if shot.id in first and not loaded.is_broken(path):
            where = loaded.where(first[shot.id])
            yield path, f"the id {shot.id} is already that of {where}", "an id no other shot of the film has"
        first.setdefault(shot.id, path)


def _references(loaded: Loaded) -> Iterator[Mistake]:
    known = loaded.board.references
    for place, shot in places(loaded.board):
        for index, name in enumerate(shot.references):
            path = (*place, "references", index)
            if loaded.is_broken(path) or loaded.is_broken(("references", name)):
                continue
            if name not in known:
                yield path, f"the reference {quoted(name)} is unknown", listed(known, name)
            elif name in shot.references[:index]:
                yield path, f"the reference {quoted(name)} is given twice", "each reference once"


def _continuations(loaded: Loaded) -> Iterator[Mistake]:
    shots = list(places(loaded.board))
    ids = [shot.id for place, shot in shots if not loaded.is_broken((*place, "id"))]
    written = {node.scalar for place, _ in shots if (node := loaded.tree.at((*place, "id"))) is not None}
    for place, shot in shots:
        path = (*place, "continue_from")
        other = shot.continue_from
        if other is not None and other not in ids and other not in written and not loaded.is_broken(path):
            what = f"continue_from names {quoted(other)}, and no shot has that id"
            others = [one for one in dict.fromkeys(ids) if one != shot.id]
            yield path, what, f"null, or one of {listed(others, other)}"
    for ring in cycles(parents(loaded.board)):
        names = [shots[position][1].id for position in ring]
        said = " continues ".join([*names, names[0]])
        path = (*shots[ring[0]][0], "continue_from")
        yield path, f"this goes round in a circle: {said}", "null, or a shot that does not lead back here"


def _deliverables(loaded: Loaded) -> Iterator[Mistake]:
    labels = [f"{scene.id}/{shot.id}" for scene in loaded.board.scenes for shot in scene.shots]
    first: dict[str, FieldPath] = {}
    for index, wanted in enumerate(loaded.board.deliverables):
        path: FieldPath = ("deliverables", index, "name")
        if wanted.name in first and not loaded.is_broken(path):
            where = loaded.where(first[wanted.name])
            yield path, f"the name {wanted.name} is already that of {where}", "a name no other deliverable has"
        first.setdefault(wanted.name, path)
        for label in wanted.focus:
            if label not in labels and not loaded.is_broken((*path[:2], "focus", label)):
                yield (*path[:2], "focus", label), f"the film has no shot {quoted(label)}", listed(labels, label)
