"""Deliverables: a film in other frames, with captions burned in or as files. Each is kept next to the film; nothing is bought."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from longtake import media
from longtake import store as stores
from longtake.errors import SettingsError
from longtake.film import film_objects, film_page, marked_copies
from longtake.film.rendering import software
from longtake.frozen import Frozen
from longtake.manifest import Software
from longtake.media.concat import captions, reframing
from longtake.storyboard import Deliverable, Storyboard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from longtake.film.film_objects import JoinedFilm
    from longtake.manifest import Manifest
    from longtake.settings import Settings
    from longtake.store import Store

_KINDS = {
    "film.mp4": "video/mp4",
    "poster.jpg": "image/jpeg",
    "film.srt": "application/x-subrip",
    "film.ttml": "application/ttml+xml",
    "film.vtt": "text/vtt",
}
_LARGEST_PAGE = 256 * 1024**2
_WRITERS = {"srt": captions.subrip, "ttml": captions.ttml, "vtt": captions.webvtt}


class DeliveredManifest(Frozen):
    """What a deliverable was made from; stored next to it as `deliverable.json`."""

    v: Literal["longtake-deliverable/1"] = "longtake-deliverable/1"
    film: str
    digest: str
    """Of the film's timeline."""
    film_sha256: str
    """Of the film it was made from."""
    deliverable: Deliverable
    sha256: str
    """Of its `film.mp4`."""
    bytes: int
    width: int
    height: int
    frames: int
    encoded: bool
    """False where the picture is the film's, frame for frame as it is coded."""
    files: tuple[str, ...]
    made_at: datetime
    software: Software


@dataclass(frozen=True, slots=True)
class Delivered:
    """A deliverable in the store, and whether this call made it; `key` is its film's, `marked` that of its marked copy."""

    manifest: DeliveredManifest
    key: str
    made: bool
    marked: str | None = None


def wanted_of(board: Storyboard) -> tuple[Deliverable, ...]:
    """The deliverables of a storyboard; cropped ones get the focus points of its shots."""
    points = {
        f"{scene.id}/{shot.id}": shot.focus for scene in board.scenes for shot in scene.shots if shot.focus is not None
    }
    return tuple(
        one.model_copy(update={"focus": {**points, **one.focus}}) if one.crops and points else one
        for one in board.deliverables
    )


def deliver_all(
    film: JoinedFilm,
    wanted: Sequence[Deliverable],
    store: Store,
    settings: Settings,
    *,
    on_progress: Callable[[float], None] | None = None,
) -> list[Delivered]:
    """Make the missing deliverables of a film, with marked copies where the settings ask for them, and list all on its page.

    Raises:
        SettingsError: `focus` names a shot that the film does not have, or the copies cannot be signed.
        MediaError, FfmpegError: one cannot be made; those before it are kept.
        StoreError: the store is away.
    """
    done: list[Delivered] = []
    for one in wanted:
        made = deliver(film.manifest, store, one, on_progress=on_progress)
        edit = f"made again as {one}" if made.manifest.encoded else None
        done.append(replace(made, marked=marked_copies.mark_copy(made.key, film.manifest, store, settings, edit=edit)))
    if any(one.made for one in done):
        list_on_page(film, store)
    return done


def keep_delivered(film: JoinedFilm, wanted: Sequence[Deliverable], store: Store, settings: Settings) -> JoinedFilm:
    """Make the missing deliverables of a film and return the film with all of them. Raises the errors of `deliver_all`."""
    done = deliver_all(film, wanted, store, settings)
    return replace(film, delivered=tuple((one.manifest.deliverable.name, one.key) for one in done))


def find_copies(film: JoinedFilm, wanted: Sequence[Deliverable], store: Store, settings: Settings) -> JoinedFilm | None:
    """The film with its marked copy and its deliverables; None where one of them is missing.

    Raises:
        StoreError: the store is away.
    """
    homes = {one.name: _home(film.key, film.manifest, one) for one in wanted}
    films = [film.key, *(f"{home}film.mp4" for home in homes.values())]
    copies = [marked for key in films if (marked := marked_copies.marked_key(key, settings)) is not None]
    index = marked_copies.marked_hls_key(film, settings)
    there = [*copies, *([index] if index is not None else []), *(f"{home}deliverable.json" for home in homes.values())]
    if any(store.head(key) is None for key in there):
        return None
    delivered = tuple((name, f"{home}film.mp4") for name, home in homes.items())
    return replace(film, marked=copies[0] if copies else None, delivered=delivered)


def list_on_page(film: JoinedFilm, store: Store) -> None:
    """Write the deliverables that lie next to a film onto its page.

    Raises:
        StoreError: the store is away.
    """
    home = film.key.removesuffix("film.mp4")
    listed = [
        film_page.ListedDeliverable(
            key.removeprefix(home).removesuffix("deliverable.json"),
            str(one.deliverable),
            f"{one.width}×{one.height}, {one.frames:,} frames, {'encoded again' if one.encoded else 'as the film is coded'}",
            tuple(name for name in one.files if name.startswith("film.")),
        )
        for key, one in _stored(home, store)
    ]
    before = store.get(f"{home}report.html", limit=_LARGEST_PAGE)
    after = film_page.with_deliverables(before, listed) if before is not None else None
    if before is None or after is None or after == before:
        return
    with stores.temporary_folder("page") as name:
        page = name / "report.html"
        # A store takes a file of the same size for the same file.
        page.write_bytes(after if len(after) != len(before) else after + b"\n")
        store.put_file(f"{home}report.html", page, content_type="text/html; charset=utf-8")


def _stored(home: str, store: Store) -> Iterator[tuple[str, DeliveredManifest]]:
    for key in sorted(store.list(f"{home}deliverables/")):
        data = store.get(key, limit=1024**2) if key.endswith("/deliverable.json") else None
        if data is not None:
            yield key, DeliveredManifest.model_validate_json(data)


def _home(film: str, manifest: Manifest, wanted: Deliverable) -> str:
    """The key prefix of a deliverable, which identifies the film and the deliverable's form."""
    said = {
        "name": wanted.name,
        "size": wanted.size,
        "fit": wanted.fit,
        "focus": wanted.focus if wanted.crops else {},
        "burn": wanted.burn,
        "captions": wanted.captions,
    }
    text = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(f"{manifest.sha256} {text}".encode()).hexdigest()[:12]
    return f"{film.removesuffix('film.mp4')}deliverables/{wanted.name}-{digest}/"


def deliver(
    manifest: Manifest, store: Store, wanted: Deliverable, *, on_progress: Callable[[float], None] | None = None
) -> Delivered:
    """Make a deliverable of a joined film, or find the existing one. It has the film's frames and its sound.

    Args:
        manifest: the film's.
        store: where the film is.
        wanted: what is made.
        on_progress: called with 0 to 1.

    Raises:
        SettingsError: the film is not in the store, or `focus` names a shot that it does not have.
        MediaError, FfmpegError: it cannot be made.
        StoreError: the store is away.
    """
    labels = [shot.shot for shot in manifest.shots]
    unknown = next((label for label in wanted.focus if label not in labels), None)
    if unknown is not None:
        raise SettingsError(f"the film has no shot {unknown[:64]!r}", next_step=f"name one of {', '.join(labels[:20])}")
    folder = film_objects.folder_of(manifest.film, manifest.digest)
    film = film_objects.find(store, folder, sha256=manifest.sha256)
    if film is None:
        raise SettingsError(
            f"the film {manifest.film}/{manifest.digest} is not in {store.uri}",
            next_step="join it again: `longtake run --from-manifest PLACE`",
        )
    home = _home(film.key, manifest, wanted)
    known = store.get(f"{home}deliverable.json", limit=1024**2)
    if known is not None:
        return Delivered(DeliveredManifest.model_validate_json(known), f"{home}film.mp4", made=False)
    with stores.temporary_folder("deliver") as files, stores.local_copy(store, film.key) as source:
        chapters = [media.Chapter(shot.start, shot.end, shot.shot) for shot in manifest.shots]
        cues = captions.cues([cut.caption for cut in manifest.timeline.cuts], chapters)
        made = reframing.reframe(
            source,
            files / "film.mp4",
            size=wanted.size,
            fit=wanted.fit,
            focus=_focus(manifest, wanted),
            burned=cues if wanted.burn else (),
            on_progress=on_progress,
        )
        media.poster(files / "film.mp4", files / "poster.jpg", at=manifest.seconds / 3)
        for form in wanted.captions if cues else ():
            (files / f"film.{form}").write_text(_WRITERS[form](cues), encoding="utf-8", newline="\n")
        there = tuple(name for name in _KINDS if (files / name).exists())
        for each in there:
            store.put_file(home + each, files / each, content_type=_KINDS[each])
        delivered = DeliveredManifest(
            film=manifest.film,
            digest=manifest.digest,
            film_sha256=manifest.sha256,
            deliverable=wanted,
            sha256=film_objects.sha256_of(files / "film.mp4"),
            bytes=(files / "film.mp4").stat().st_size,
            width=made.width,
            height=made.height,
            frames=made.frames,
            encoded=made.encoded,
            files=there,
            made_at=datetime.now(UTC),
            software=software(),
        )
        store.put_if_absent(f"{home}deliverable.json", delivered.model_dump_json(indent=1).encode() + b"\n")
    return Delivered(delivered, f"{home}film.mp4", made=True)


def _focus(manifest: Manifest, wanted: Deliverable) -> list[reframing.Focus]:
    """The points of a crop in film frames; over a transition the point moves from one to the other."""
    rate = manifest.frames / manifest.seconds if manifest.seconds else 24.0
    found = []
    for number, (shot, cut) in enumerate(zip(manifest.shots, manifest.timeline.cuts, strict=True)):
        shared = max(round(cut.transition.seconds * rate), 1) if number and cut.transition is not None else 0
        x, y = wanted.focus.get(shot.shot, (0.5, 0.5))
        found.append(reframing.Focus(round(shot.start * rate) + shared, x, y, shared))
    return found
