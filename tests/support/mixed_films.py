"""Storyboards of mixed shape: chains, single shots, several takes, transitions, sound, given pictures, shots that films share."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pictures import png

if TYPE_CHECKING:
    import random
    from pathlib import Path

SIZES = {"16:9": (64, 36), "9:16": (36, 64), "1:1": (48, 48)}
"""Pixels of the clips by ratio."""


@dataclass(frozen=True)
class MixedFilm:
    """A storyboard in a file, and what it needs: takes by prompt."""

    name: str
    board: Path
    wants: dict[str, int] = field(default_factory=dict)


def catalog(path: Path) -> Path:
    """Write a catalog of few pixels and short clips in all these sizes; prices are the real ones."""
    model = {"pixels": {"480p": SIZES}, "duration": {"min": 1}}
    path.write_text(json.dumps({"inputs": {"image": {"side": {"min": 16}}}, "models": {"seedance-2.5": model}}))
    return path


def films(folder: Path, count: int, dice: random.Random, *, marker: str) -> list[MixedFilm]:
    """Write films into a folder; prompts begin with the marker."""
    pictures = [f"picture-{number}.png" for number in range(4)]
    for number, name in enumerate(pictures):
        (folder / name).write_bytes(png((40 * number, 90, 140)))
    return [_film(folder, number, dice, marker, pictures) for number in range(count)]


def _film(folder: Path, number: int, dice: random.Random, marker: str, pictures: list[str]) -> MixedFilm:
    name = f"{marker}-film-{number:03d}"
    size, sound = dice.choice(list(SIZES)), dice.random() < 0.3
    scenes: list[dict[str, Any]] = []
    for scene in range(dice.choice((1, 1, 2))):
        shots = [_shot(f"{name} s{scene}n{place}", place, dice, pictures) for place in range(dice.randint(1, 3))]
        scenes.append({"id": f"s{scene}", "shots": shots})
    if len(scenes) > 1 and dice.random() < 0.6:
        scenes[1]["transition"] = {"kind": dice.choice(("crossfade", "wipe-left", "fade-black")), "seconds": 0.3}
    if dice.random() < 0.3:
        prompt = f"{marker} logo of all films in {size} {'with sound' if sound else 'silent'}"
        scenes[-1]["shots"].append({"id": "logo", "prompt": prompt, "continue_from": None})
    wants = {shot["prompt"]: int(shot.get("takes", 1)) for scene in scenes for shot in scene["shots"]}
    board: dict[str, Any] = {
        "schema": "longtake/1",
        "title": name,
        "model": "seedance-2.5",
        "defaults": {"resolution": "480p", "size": size, "duration": 1, "generate_audio": sound},
        "scenes": scenes,
    }
    if dice.random() < 0.3:
        board["match"] = dice.choice(("film", "chain"))
    if dice.random() < 0.3:
        # Room for failed takes whose refunds are late or never come.
        board["budget"] = 80 * 2 * sum(wants.values()) * 4
    path = folder / f"{name}.json"
    path.write_text(json.dumps(board))
    return MixedFilm(name, path, wants)


def _shot(name: str, place: int, dice: random.Random, pictures: list[str]) -> dict[str, Any]:
    shot: dict[str, Any] = {"id": name.rpartition(" ")[2], "prompt": f"{name}, wide shot"}
    if place and dice.random() < 0.3:
        shot["continue_from"] = None
    fresh = not place or "continue_from" in shot
    if fresh and dice.random() < 0.15:
        shot["first_frame"] = dice.choice(pictures)
    if (not fresh or "first_frame" in shot) and dice.random() < 0.1:
        shot["last_frame"] = dice.choice(pictures)
    if dice.random() < 0.1:
        shot |= {"takes": 2, "pick": dice.choice(("first", "best"))}
    if dice.random() < 0.25:
        shot["duration"] = 2
    if dice.random() < 0.15:
        shot["caption"] = f"Caption of {shot['id']}"
    if dice.random() < 0.1:
        shot["trim"] = {"head": "3f"}
    return shot
