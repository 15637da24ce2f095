"""The film: which takes, joined how, named after the digest of exactly that; made once and kept with its manifest."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from longtake import media
from longtake.errors import StoreError
from longtake.report import FilmCredits, Manifest, ManifestShot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longtake.ledger import State
    from longtake.report import Outcome
    from longtake.request import Resolved
    from longtake.store import Store

_FORM = "longtake join/1"
"""Enters every film's digest: another way of joining is another film."""


@dataclass(frozen=True, slots=True)
class Film:
    """A film in the store, and whether this call joined it."""

    manifest: Manifest
    key: str
    poster: str
    made: bool

    def place(self, store: Store) -> str:
        """A path for a local store, else the object's URI."""
        path = store.path(self.key)
        return str(path) if path is not None else f"{store.uri.rstrip('/')}/{self.key}"

    def links(self, store: Store, *, public_url: str | None) -> dict[str, str]:
        """Where film and manifest are, for people: public URLs where there is a public base, else paths or URIs."""
        if public_url is None:
            return {"film": self.place(store), "manifest": self.manifest_place(store)}
        folder = self.key.removesuffix("film.mp4")
        keys = {"film": self.key, "manifest": f"{folder}manifest.json"}
        return {name: f"{public_url.rstrip('/')}/{key}" for name, key in keys.items()}

    def manifest_place(self, store: Store) -> str:
        """Where the manifest is, as `place`."""
        return self.place(store).removesuffix("film.mp4") + "manifest.json"


def join(
    resolved: Resolved,
    outcomes: Sequence[Outcome],
    *,
    store: Store,
    film: str,
    state: State,
    on_progress: Callable[[float], None] | None = None,
) -> Film:
    """Join the used takes in film order, or find the film that was joined from the same takes before.

    Raises:
        MediaError, FfmpegError: a clip or the music cannot be joined; everything paid for stays kept.
        StoreError: the store is away.
    """
    digest = _digest(resolved, outcomes)
    prefix = f"films/{film}/{digest}/"
    known = _manifest(store, prefix)
    if known is not None:
        return Film(known, prefix + "film.mp4", prefix + "poster.jpg", made=False)
    with tempfile.TemporaryDirectory(prefix="longtake-film-") as name:
        folder = Path(name)
        clips = [
            media.JoinClip(_local(store, o, folder), o.shot.label, crossfade=_crossfade(o, number))
            for number, o in enumerate(outcomes)
        ]
        target = folder / "film.mp4"
        result = media.join(clips, target, sound=_sound(resolved), on_progress=on_progress)
        media.poster(target, folder / "poster.jpg", at=result.seconds / 3)
        digest_of_bytes = _sha256(target)
        store.put_file(prefix + "film.mp4", target, content_type="video/mp4")
        store.put_file(prefix + "poster.jpg", folder / "poster.jpg", content_type="image/jpeg")
    takes = [o.take for o in outcomes if o.take is not None]
    doubts = sum(a.money for a in state.doubts() if a.order.film == film)
    manifest = Manifest(
        title=resolved.loaded.board.title,
        film=film,
        digest=digest,
        sha256=digest_of_bytes,
        frames=result.frames,
        seconds=result.seconds,
        way=result.way,
        shots=tuple(
            ManifestShot(
                shot=outcome.shot.label,
                state=outcome.state,
                take=take.take,
                fingerprint=take.fingerprint,
                clip=take.clip.key,
                last_frame=take.last_frame.key,
                task_id=take.task_id,
                credits=take.credits,
                credits_from=take.credits_from,
                start=chapter.start,
                end=chapter.end,
            )
            for outcome, take, chapter in zip(outcomes, takes, result.chapters, strict=True)
        ),
        credits=FilmCredits(
            used_takes=sum(t.credits for t in {t.fingerprint: t for t in takes}.values()),
            settled=state.films.get(film, 0),
            reserved=state.held(film=film) - doubts,
            in_doubt=doubts,
        ),
    )
    store.put_if_absent(prefix + "manifest.json", manifest.model_dump_json(indent=1).encode() + b"\n")
    return Film(manifest, prefix + "film.mp4", prefix + "poster.jpg", made=True)


def _digest(resolved: Resolved, outcomes: Sequence[Outcome]) -> str:
    """What decides the film's bytes: clips, titles, transitions, sound and the form of the join."""
    sound = _sound(resolved)
    described = {
        "form": _FORM,
        "clips": [
            [o.take.clip.sha256 if o.take else None, o.shot.label, _crossfade(o, number)]
            for number, o in enumerate(outcomes)
        ],
        "loudness": sound.loudness,
        "music": _sha256(sound.music) if sound.music else None,
    }
    text = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _crossfade(outcome: Outcome, number: int) -> float:
    transition = outcome.shot.transition
    return float(transition.seconds or 0.0) if number and transition is not None else 0.0


def _sound(resolved: Resolved) -> media.Sound:
    sound = resolved.loaded.board.sound
    if sound is None:
        return media.Sound()
    music = Path(resolved.music.source) if resolved.music is not None else None
    return media.Sound(loudness=sound.loudness, music=music)


def _local(store: Store, outcome: Outcome, folder: Path) -> Path:
    """The clip as a file: the store's own when it is a folder, else fetched once."""
    assert outcome.take is not None  # noqa: S101 - only whole films are joined
    key = outcome.take.clip.key
    path = store.path(key)
    if path is None:
        path = folder / key.replace("/", "-")
        if not path.exists():
            store.download(key, path)
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(store: Store, prefix: str) -> Manifest | None:
    data = store.get(prefix + "manifest.json")
    if data is None:
        return None
    try:
        return Manifest.model_validate_json(data)
    except ValidationError:
        raise StoreError(
            f"{prefix}manifest.json is not a manifest of this release",
            next_step="move that folder away and run again: joining costs nothing",
            key=f"{prefix}manifest.json",
        ) from None
