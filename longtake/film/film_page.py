"""`report.html` next to a film: the film, its timeline, every take, seams and drift, cost, and where it all came from.

One file without scripts that works from a disk and from a bucket: pictures are in it, clips are named by relative paths.
"""

from __future__ import annotations

import base64
import itertools
import posixpath
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from longtake import media
from longtake import store as stores
from longtake.errors import LongtakeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from longtake.library import Take
    from longtake.manifest import FilmShot, Manifest
    from longtake.store import Store

MOST_PICTURES = 400
"""Pictures of the largest page; a film with more takes has a page without them."""
_READERS = 4
_WIDTH, _HEIGHT = 960, 120
"""Of a plot, in the units of its SVG."""


@dataclass(frozen=True, slots=True)
class _Plot:
    """A line over the film: `points` for an SVG of `_WIDTH` by `_HEIGHT`, and the largest value, at its top."""

    name: str
    unit: str
    top: float
    lines: tuple[str, ...]


def film_page(manifest: Manifest, store: Store, home: str, clips: Path) -> bytes:
    """Draw the page of a film.

    Args:
        manifest: the film's.
        store: where its takes' frames are.
        home: the key prefix the page will have, which relative paths start from.
        clips: a folder with copies of clips and frames, or for them.
    """
    used = {shot.used.fingerprint for shot in manifest.shots}
    numbers = {id(shot): number for number, shot in enumerate(manifest.shots, 1)}
    takes = {take.fingerprint: take for shot in manifest.shots for take in (shot.used, *shot.alternates)}
    firsts = _pictures(store, {take.clip.key for name, take in takes.items() if name in used}, clips, len(takes))
    lasts = _pictures(store, {take.last_frame.key for take in takes.values()}, clips, len(takes))
    text: str = _template().render(
        film=manifest,
        scenes=[(name, list(shots)) for name, shots in itertools.groupby(manifest.shots, key=lambda shot: shot.scene)],
        before=dict(zip([shot.shot for shot in manifest.shots[1:]], manifest.shots, strict=False)),
        plots=list(_plots(manifest.shots)),
        size=(_WIDTH, _HEIGHT),
        number=lambda shot: numbers[id(shot)],
        first=lambda take: firsts.get(take.clip.key),
        last=lambda take: lasts.get(take.last_frame.key),
        clip=lambda take: posixpath.relpath(take.clip.key, home),
        estimate=lambda shots: sum(_estimate(take) for take in _of(shots)),
        charged=lambda shots: sum(take.credits for take in _of(shots)),
    )
    return text.encode()


@cache
def _template() -> Any:  # noqa: ANN401 - Jinja is loaded only where a film is joined
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - see above

    source = resources.files("longtake.film").joinpath("film_page.html").read_text()
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )


def _of(shots: Iterable[FilmShot]) -> Iterator[Take]:
    return iter({take.fingerprint: take for shot in shots for take in (shot.used, *shot.alternates)}.values())


def _estimate(take: Take) -> int:
    return take.rate.expected if take.rate is not None else take.credits


def _pictures(store: Store, keys: set[str], folder: Path, takes: int) -> dict[str, str]:
    """Small pictures as `data:` URLs by key; what cannot be read has none."""

    def draw(key: str) -> str | None:
        try:
            return f"data:image/jpeg;base64,{base64.b64encode(media.small_jpeg(stores.fetch(store, key, folder))).decode()}"
        except LongtakeError:
            return None

    if takes > MOST_PICTURES:
        return {}
    named: Sequence[str] = sorted(keys)
    with ThreadPoolExecutor(_READERS, thread_name_prefix="longtake-page") as pool:
        return {key: url for key, url in zip(named, pool.map(draw, named), strict=True) if url is not None}


def _plots(shots: Sequence[FilmShot]) -> Iterator[_Plot]:
    """Drift and tone over the film, where they are known."""
    values = {
        ("drift from the chain's first shot", "levels"): [[shot.drift for shot in shots]],
        ("brightness", "levels"): [[shot.used.tone.luma if shot.used.tone else None for shot in shots]],
        ("saturation", "levels"): [[shot.used.tone.saturation if shot.used.tone else None for shot in shots]],
    }
    length = shots[-1].end or 1.0
    for (name, unit), (line,) in values.items():
        known = [value for value in line if value is not None]
        if len(known) < 2:
            continue
        top = max(*known, 1.0)
        lines: list[list[str]] = []
        points: list[str] = []
        for shot, value in zip(shots, line, strict=True):
            if value is None:
                lines.append(points)
                points = []
            else:
                middle = (shot.start + shot.end) / 2
                points.append(f"{_WIDTH * middle / length:.1f},{_HEIGHT * (1 - value / top):.1f}")
        lines.append(points)
        yield _Plot(name, unit, top, tuple(" ".join(part) for part in lines if part))
