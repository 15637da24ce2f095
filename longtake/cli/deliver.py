"""`longtake deliver`: a film in another frame, with captions burned in or as files."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, get_args

from pydantic import ValidationError

from longtake import settings as env
from longtake.cli.waiting import Waiting
from longtake.errors import SettingsError
from longtake.storyboard import CaptionForm, Deliverable
from longtake.studio.delivering import deliver

if TYPE_CHECKING:
    import argparse

_FOCUS = re.compile(r"([^=]+)=([01]?\.?\d+),([01]?\.?\d+)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "film", metavar="FILM", help="the film's storyboard, its slug, <film>/<digest>, or its manifest's path or URI"
    )
    parser.add_argument("--name", required=True, help="what it is called in the store: a-z, 0-9 and hyphens")
    parser.add_argument("--size", help="a ratio such as 9:16, or pixels such as 1080x1920 (as the film)")
    parser.add_argument("--fit", choices=("crop", "pad"), default="crop", help="crop to a new ratio, or add black bars")
    parser.add_argument(
        "--focus",
        metavar="SHOT=X,Y",
        action="append",
        default=[],
        help="the point of a scene/shot that a crop keeps in view, as shares from left and top (0.5,0.5); may be given again",
    )
    parser.add_argument("--burn", action="store_true", help="draw the captions into the picture")
    parser.add_argument(
        "--captions",
        choices=get_args(CaptionForm),
        action="append",
        default=[],
        help="a file of captions; may be given again",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Make it and say where it is."""
    try:
        wanted = Deliverable(
            name=options.name,
            size=options.size,
            fit=options.fit,
            focus=dict(map(_focus, options.focus)),
            burn=options.burn,
            captions=tuple(dict.fromkeys(options.captions)),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(f"--{where}: {first['msg']}", next_step="see `longtake deliver --help`") from None
    with Waiting("making it") as waiting:
        done, place = deliver(options.film, wanted, settings=env.from_environment(), on_progress=waiting.share)
    told = done.manifest
    if options.json:
        print(json.dumps({"path": place, "made": done.made, **told.model_dump(mode="json")}, indent=2))
        return 0
    how = "encoded again" if told.encoded else "as the film is coded"
    print(f"{place}: {told.width}x{told.height}, {told.frames} frames, {how}{'' if done.made else ' (there already)'}")
    return 0


def _focus(said: str) -> tuple[str, tuple[float, float]]:
    found = _FOCUS.fullmatch(said)
    if found is None:
        raise SettingsError(f"--focus cannot be {said[:80]!r}", next_step="write it as dawn/rocks=0.3,0.5")
    return found[1], (float(found[2]), float(found[3]))
