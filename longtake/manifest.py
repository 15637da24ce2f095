"""A film's manifest: its takes, timeline and credits. With it the film can be joined again from the store alone.

It is stored next to the film and written once. `longtake schema --manifest` prints its JSON Schema.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from pydantic import (
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from longtake.errors import StoreError
from longtake.frozen import Frozen, without_serializer
from longtake.library import Take
from longtake.media.concat.model import MeasuredLoudness
from longtake.storyboard import Deliverable
from longtake.timeline import Timeline

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

ManifestForm = Literal["longtake-film/2"]

LIMIT = 256 * 1024**2
"""Bytes of the largest manifest: 2,000 shots with ten takes each and the longest prompts stay below."""


class _Part(Frozen):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Seam(_Part):
    """The step from the frame a shot was given to the first frame it shows (see `longtake.media.Seam`)."""

    distance: float
    """Levels of 0 to 255 in brightness and tint: coding a frame again makes up to 2, from 3 on it may be seen."""
    likeness: float
    """Structural similarity: 1 is the same picture; under 0.9 shapes have moved or gone."""
    seen: bool
    """Whether it may be seen in the film."""
    matched: float | None = None
    """The distance that is left after the shot's colors were matched; the same as `distance` where the seam is not seen."""


class FilmShot(_Part):
    """One shot of a film."""

    shot: str
    """`scene/shot`, the chapter's title."""
    scene: str
    id: str
    state: Literal["current", "bought", "stale"]
    """How the run that joined the film found it: kept as described, bought by that run, or made from an older input."""
    why: str = ""
    """Why it is stale."""
    start: float
    """Seconds into the film."""
    end: float
    """Seconds into the film."""
    used: Take
    """The used take."""
    alternates: tuple[Take, ...] = ()
    """The other kept takes of the shot as described."""
    seam: Seam | None = None
    """How far its first frame is from the last one of the shot before it, where it continues that."""
    drift: float | None = None
    """How far its colors, brightness and contrast are from those of its chain's first shot, in levels of 0 to 255."""


class FilmCredits(_Part):
    """What the film cost when it was joined, in credits."""

    used_takes: int
    """The used takes, each counted once."""
    alternates: int
    """The kept takes that are not used."""
    settled: int
    """Everything spent on this film for good, takes of earlier storyboards included."""
    reserved: int
    """Held for attempts in flight."""
    in_doubt: int
    """Held for attempts that may have been charged."""
    refunded: int | None
    """Refunded for failed attempts."""


class Software(_Part):
    """Versions of the software that joined the film; `prefect` only if it ran inside Prefect."""

    longtake: str
    python: str
    av: str
    ffmpeg: str
    prefect: str | None = None


class Manifest(_Part):
    """What a film is made of. Keys are those of the store, times UTC, amounts credits, seconds the film's own."""

    v: ManifestForm = "longtake-film/2"
    title: str
    film: str
    """The title's slug; the film lies under `films/<film>/<digest>/`."""
    digest: str
    """32 hex digits of the timeline's SHA-256: what was joined."""
    sha256: str
    """Of `film.mp4`: what came out."""
    bytes: int
    frames: int
    dropped: int
    """Frames at joints that two clips share and that are shown once."""
    encoded: int
    """Frames that were encoded again; all others are copies of the clips', bit for bit."""
    seconds: float
    way: Literal["copy", "encode"]
    """`copy` when no frame was encoded again."""
    loudness: MeasuredLoudness | None = None
    """Present if the storyboard asks for a loudness."""
    joined_at: datetime
    run: str | None = None
    """The id of the run that joined it; in Prefect the flow run's."""
    labels: dict[str, str] = Field(default={})
    """The labels of the film in that run; a later change of labels joins nothing again."""
    deliverables: tuple[Deliverable, ...] = ()
    """What the storyboard asked to be made of it when it was joined; left out where there is nothing."""
    timeline: Timeline
    """Everything that determines the film's bytes."""
    shots: tuple[FilmShot, ...]
    """In film order, one for each cut of the timeline."""
    credits: FilmCredits
    software: Software

    @model_serializer(mode="wrap")
    def _without_no_deliverables(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Releases without deliverables read the manifest of a film without them.
        data: dict[str, Any] = handler(self)
        if not self.deliverables:
            data.pop("deliverables", None)
        return data

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(without_serializer(core_schema))

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.timeline.digest != self.digest:
            raise ValueError("its digest is not that of its timeline: one of them was changed")
        if [shot.used.clip.sha256 for shot in self.shots] != [cut.sha256 for cut in self.timeline.cuts]:
            raise ValueError("its shots are not those of its timeline: one of them was changed")
        return self


def dump(manifest: Manifest) -> bytes:
    """The stored form of a manifest: indented JSON with a final newline."""
    return manifest.model_dump_json(indent=1).encode() + b"\n"


def load(data: bytes, *, name: str) -> Manifest:
    """Read a manifest; errors refer to it as `name`.

    Raises:
        StoreError: it is not a manifest, is from another release, or was changed.
    """
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
    found = _form(data)
    if found not in get_args(ManifestForm):
        said = f"is a manifest of another release ({found})" if found else "is not a manifest"
    else:
        where = ".".join(str(part) for part in first["loc"])
        said = (
            f"is not a complete manifest ({where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')})"
        )
    raise StoreError(
        f"{name} {said}",
        next_step="move it away and run the storyboard with `longtake run`: its takes are kept, and joining costs nothing",
        key=name,
    )


def _form(data: bytes) -> str | None:
    try:
        form = json.loads(data)["v"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return form[:40] if isinstance(form, str) and form.startswith("longtake-film/") else None


def json_schema() -> dict[str, Any]:
    """The schema as JSON data (draft 2020-12)."""
    schema = Manifest.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Longtake manifest"}
