"""Which shot continues which. Shots are identified by position, because ids may still be duplicates here."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from longtake.storyboard.board import Storyboard
    from longtake.storyboard.shot import Shot

_Name = TypeVar("_Name")


def places(board: Storyboard) -> Iterator[tuple[tuple[str | int, ...], Shot]]:
    """Every shot in film order with its place in the file."""
    for scene_index, scene in enumerate(board.scenes):
        for shot_index, shot in enumerate(scene.shots):
            yield ("scenes", scene_index, "shots", shot_index), shot


def parents(board: Storyboard) -> list[int | None]:
    """For each shot in film order the position of the shot it continues, None where it starts fresh.

    `continue_from` says which; left out it is the one before in the scene. A name no shot has counts as none.
    """
    by_id: dict[str, int] = {}
    for position, (_, shot) in enumerate(places(board)):
        by_id.setdefault(shot.id, position)
    result: list[int | None] = []
    for position, (place, shot) in enumerate(places(board)):
        if "continue_from" in shot.model_fields_set:
            result.append(by_id.get(shot.continue_from) if shot.continue_from is not None else None)
        else:
            result.append(position - 1 if place[3] else None)
    return result


def cycles(parent_of: Sequence[int | None]) -> list[list[int]]:
    """Rings of shots that continue one another, each from its first shot in the film."""
    found: list[list[int]] = []
    seen: set[int] = set()
    for start in range(len(parent_of)):
        trail: list[int] = []
        here: int | None = start
        while here is not None and here not in seen:
            seen.add(here)
            trail.append(here)
            here = parent_of[here]
        if here is not None and here in trail:
            ring = trail[trail.index(here) :]
            first = ring.index(min(ring))
            found.append(ring[first:] + ring[:first])
    return found


def parents_first(parent_of: Mapping[_Name, _Name | None]) -> list[_Name]:
    """Every shot in the order given, but after the one it continues; there are no rings."""
    order: dict[_Name, None] = {}
    for start in parent_of:
        trail: list[_Name] = []
        here: _Name | None = start
        while here is not None and here not in order:
            trail.append(here)
            here = parent_of[here]
        order |= dict.fromkeys(reversed(trail))
    return list(order)
