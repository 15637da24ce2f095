"""`report.html` next to a film: the film, its timeline, every take, seams and drift, cost, and where it all came from.

One file without scripts that works from a disk and from a bucket: pictures are in it, clips have relative paths. The page of
`longtake review` is drawn from the same template.
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

from longtake import library
from longtake.errors import LongtakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from longtake.library import Take
    from longtake.manifest import FilmShot, Manifest, Seam
    from longtake.store import Store

MOST_PICTURES = 400
"""Pictures of the largest page; a film with more takes has a page without them."""
_READERS = 4
_LIST = ("<!-- deliverables -->", "<!-- /deliverables -->")
_WIDTH, _HEIGHT = 960, 120
"""Of a plot, in the units of its SVG."""


@dataclass(frozen=True, slots=True)
class PageShot:
    """A shot on the page of a film that may lack takes; the attributes are those of a manifest's `FilmShot`."""

    shot: str
    scene: str
    id: str
    state: str
    why: str
    start: float
    end: float
    prompt: str
    used: Take | None = None
    alternates: tuple[Take, ...] = ()
    seam: Seam | None = None
    drift: float | None = None


@dataclass(frozen=True, slots=True)
class ListedDeliverable:
    """A deliverable on the page: its folder, relative to the page, its name and what it is, and its files."""

    folder: str
    name: str
    facts: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a page finds pictures and clips: each gives a URL for a take, `first` and `last` None where there is no picture."""

    first: Callable[[Take], str | None]
    last: Callable[[Take], str | None]
    clip: Callable[[Take], str]


@dataclass(frozen=True, slots=True)
class _Plot:
    """A line over the film: `lines` and `points` for an SVG of `_WIDTH` by `_HEIGHT`, and the largest value, at its top."""

    name: str
    unit: str
    top: float
    lines: tuple[str, ...]
    points: tuple[tuple[str, str], ...]
    """Where each shot's value lies, and what a person reads there."""


def film_page(manifest: Manifest, store: Store, home: str, clips: Path) -> bytes:
    """Draw the page of a film.

    Args:
        manifest: the film's.
        store: where its takes' frames are.
        home: the key prefix the page will have, which relative paths start from.
        clips: a folder with copies of clips and frames, or for them.
    """
    used = {shot.used.fingerprint for shot in manifest.shots}
    takes = {take.fingerprint: take for shot in manifest.shots for take in (shot.used, *shot.alternates)}
    firsts = _pictures(store, {take.clip.key for name, take in takes.items() if name in used}, clips, len(takes))
    lasts = _pictures(store, {take.last_frame.key for take in takes.values()}, clips, len(takes))
    places = Places(
        first=lambda take: firsts.get(take.clip.key),
        last=lambda take: lasts.get(take.last_frame.key),
        clip=lambda take: posixpath.relpath(take.clip.key, home),
    )
    return draw(manifest.title, manifest.shots, places, film=manifest)


def draw(
    title: str, shots: Sequence[FilmShot | PageShot], places: Places, *, film: Manifest | None, review: bool = False
) -> bytes:
    """Draw a page from its parts.

    Args:
        title: the film's.
        shots: in film order.
        places: of pictures and clips.
        film: the joined film; None where there is none yet.
        review: whether the page is for a review: takes in the order of their numbers, with buttons, and a script.
    """
    numbers = {id(shot): number for number, shot in enumerate(shots, 1)}
    text: str = _template().render(
        title=title,
        film=film,
        shots=shots,
        review=review,
        scenes=[(name, list(some)) for name, some in itertools.groupby(shots, key=lambda shot: shot.scene)],
        before=dict(zip([shot.shot for shot in shots[1:]], shots, strict=False)),
        plots=list(_plots(shots)),
        size=(_WIDTH, _HEIGHT),
        number=lambda shot: numbers[id(shot)],
        takes=lambda shot: sorted(_of([shot]), key=lambda take: (take.take, take.kept_at)) if review else _of([shot]),
        first=places.first,
        last=places.last,
        clip=places.clip,
        estimate=lambda some: sum(_estimate(take) for take in _of(some)),
        charged=lambda some: sum(take.credits for take in _of(some)),
        kept=lambda some: len(_of(some)),
    )
    return text.encode()


def with_deliverables(page: bytes, listed: Sequence[ListedDeliverable]) -> bytes:
    """A stored page with its list of deliverables replaced; unchanged where it has no place for them."""
    text = page.decode()
    # Text of a storyboard is escaped on the page, so the marks around the list are not in it.
    before, found, rest = text.partition(_LIST[0])
    _, ended, after = rest.partition(_LIST[1])
    if not (found and ended):
        return page
    part: str = _template("film_deliverables.html").render(listed=listed)
    return f"{before}{part.strip()}{after}".encode()


@cache
def _template(name: str = "film_page.html") -> Any:  # noqa: ANN401 - Jinja is loaded only where a film is joined
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - see above

    source = resources.files("longtake.film").joinpath(name).read_text()
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )


def _of(shots: Iterable[FilmShot | PageShot]) -> list[Take]:
    takes = (take for shot in shots for take in (shot.used, *shot.alternates) if take is not None)
    return list({take.fingerprint: take for take in takes}.values())


def _estimate(take: Take) -> int:
    return take.rate.expected if take.rate is not None else take.credits


def _pictures(store: Store, keys: set[str], folder: Path, takes: int) -> dict[str, str]:
    """Small pictures as `data:` URLs by key; what cannot be read has none."""

    def draw(key: str) -> str | None:
        try:
            return f"data:image/jpeg;base64,{base64.b64encode(library.picture(store, key, folder)).decode()}"
        except LongtakeError:
            return None

    if takes > MOST_PICTURES:
        return {}
    named: Sequence[str] = sorted(keys)
    with ThreadPoolExecutor(_READERS, thread_name_prefix="longtake-page") as pool:
        return {key: url for key, url in zip(named, pool.map(draw, named), strict=True) if url is not None}


def _plots(shots: Sequence[FilmShot | PageShot]) -> Iterator[_Plot]:
    """Drift and tone over the film, where they are known."""
    tones = [shot.used.tone if shot.used is not None else None for shot in shots]
    values = {
        ("drift from the chain's first shot", "levels"): [shot.drift for shot in shots],
        ("brightness", "levels"): [tone.luma if tone else None for tone in tones],
        ("saturation", "levels"): [tone.saturation if tone else None for tone in tones],
    }
    length = max((shot.end for shot in shots), default=0.0) or 1.0
    for (name, unit), line in values.items():
        known = [value for value in line if value is not None]
        if len(known) < 2:
            continue
        top = max(*known, 1.0)
        lines: list[list[str]] = [[]]
        points: list[tuple[str, str]] = []
        for shot, value in zip(shots, line, strict=True):
            if value is None:
                lines.append([])
                continue
            middle = (shot.start + shot.end) / 2
            place = f"{_WIDTH * middle / length:.1f},{_HEIGHT * (1 - value / top):.1f}"
            lines[-1].append(place)
            points.append((place, f"{shot.shot}: {value:.1f} {unit}"))
        yield _Plot(name, unit, top, tuple(" ".join(part) for part in lines if part), tuple(points))
