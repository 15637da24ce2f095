"""Deliverables: a film in other frames, with captions burned in or as files. Each is kept next to the film; nothing is bought."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from longtake import media
from longtake import store as stores
from longtake.errors import SettingsError
from longtake.film import film_objects
from longtake.film.rendering import software
from longtake.frozen import Frozen
from longtake.manifest import Software
from longtake.media.concat import captions, reframing

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.manifest import Manifest
    from longtake.store import Store

CaptionForm = Literal["srt", "ttml", "vtt"]
_KINDS = {
    "film.mp4": "video/mp4",
    "poster.jpg": "image/jpeg",
    "film.srt": "application/x-subrip",
    "film.ttml": "application/ttml+xml",
    "film.vtt": "text/vtt",
}
_WRITERS = {"srt": captions.subrip, "ttml": captions.ttml, "vtt": captions.webvtt}
_Share = Annotated[float, Field(ge=0, le=1)]


class Deliverable(Frozen):
    """What is wanted of a film."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    """Names it in the store: a-z, 0-9 and hyphens, up to 40 characters."""
    size: str | None = None
    """A ratio such as `9:16`, or pixels such as `1080x1920`; None as the film."""
    fit: reframing.Fit = "crop"
    """Whether the picture is cropped to a new ratio or gets black bars (`pad`)."""
    focus: dict[str, tuple[_Share, _Share]] = Field(default_factory=dict)
    """The point a crop keeps in view, by `scene/shot`: shares of width and height from the left and the top; the middle without."""
    burn: bool = False
    """Whether captions are drawn into the picture."""
    captions: tuple[CaptionForm, ...] = ()
    """Files of captions next to it."""


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
    """A deliverable in the store, and whether this call made it; `key` is its film's."""

    manifest: DeliveredManifest
    key: str
    made: bool


def deliver(
    manifest: Manifest, store: Store, wanted: Deliverable, *, on_progress: Callable[[float], None] | None = None
) -> Delivered:
    """Make a deliverable of a joined film, or find the one that was made of the same. It has the film's frames and its sound.

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
    digest = hashlib.sha256(f"{manifest.sha256} {wanted.model_dump_json()}".encode()).hexdigest()[:12]
    home = f"{film.key.removesuffix('film.mp4')}deliverables/{wanted.name}-{digest}/"
    known = store.get(f"{home}deliverable.json", limit=1024**2)
    if known is not None:
        return Delivered(DeliveredManifest.model_validate_json(known), f"{home}film.mp4", made=False)
    with tempfile.TemporaryDirectory(prefix="longtake-deliver-") as name, stores.local_copy(store, film.key) as source:
        files = Path(name)
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
