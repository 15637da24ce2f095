"""A kept take: the record under ``takes/<fingerprint>.json`` and the media it names."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from longtake.errors import StoreError
from longtake.frozen import Frozen
from longtake.media.measure.tone import MeasuredSeam, MeasuredTone

if TYPE_CHECKING:
    from longtake.store import Store


class ClipFile(Frozen):
    """A clip in the store. Frames are counted, seconds are the picture's."""

    key: str
    sha256: str
    bytes: int
    width: int
    height: int
    frames: int
    seconds: float
    audio: bool


class Frame(Frozen):
    """A last frame in the store: what the next shot of a chain starts from."""

    key: str
    sha256: str
    source: Literal["provider", "clip"]


class PriceSource(Frozen):
    """Where a price came from: the estimate in credits, the day the rate was seen, and who said it."""

    expected: int
    as_of: date
    source: str
    planning: bool


class Checks(Frozen):
    """What the checks of a clip said when it came: whether all were passed, a score of 0 to 1, and what was found."""

    passed: bool
    score: float
    findings: tuple[str, ...] = ()


class Take(Frozen):
    """One kept generation of a shot, and where it came from."""

    v: Literal[1] = 1
    fingerprint: str
    description: str
    """What all takes of the shot as it was then have in common, whatever frames they start from or are pinned to."""
    frame: str | None = None
    """SHA-256 of the frame it continues."""
    end: str | None = None
    """SHA-256 of the frame its end was pinned to."""
    bridges: str | None = None
    """The kept take whose first frame that is."""
    model: str
    request: dict[str, Any]
    """The body as sent, with `sha256:` digests in place of URLs."""
    clip: ClipFile
    last_frame: Frame
    account: str
    attempt: str
    task_id: str
    credits: int
    """What it cost; an estimate where the provider did not say (`credits_from`)."""
    credits_from: Literal["usage", "estimate"]
    film: str
    shot: str
    take: int
    kept_at: datetime
    submitted_at: datetime | None = None
    rate: PriceSource | None = None
    """The rate that the estimate came from."""
    checks: Checks | None = None
    tone: MeasuredTone | None = None
    anchor: MeasuredTone | None = None
    """The tone of its chain's first shot as it was then: what this one is held against."""
    corrected: Frame | None = None
    """The last frame without the step of color at the shot's beginning, where the storyboard hands that one on."""
    seam: MeasuredSeam | None = None
    """How far its first frame is from the one it was given; None where it continues no shot, or was not measured."""

    @property
    def leaves(self) -> Frame:
        """The frame that a shot continuing this one starts from."""
        return self.corrected or self.last_frame


DESCRIPTIONS = "descriptions/"
"""Below it lies a name for each kept take, `<description>/<fingerprint>.json`: a listing tells what there is of a shot."""


def key_of(fingerprint: str) -> str:
    """The key of a take's record."""
    return f"takes/{fingerprint}.json"


def tail_key(sha256: str) -> str:
    """The key of a clip's tail, which is made from the clip alone and so is named after its digest."""
    return f"tails/{sha256}.mp4"


def load(store: Store, fingerprint: str) -> Take | None:
    """The kept take, None where there is none.

    Raises:
        StoreError: the store is away, or the record is not one.
    """
    key = key_of(fingerprint)
    data = store.get(key)
    if data is None:
        return None
    try:
        return Take.model_validate_json(data)
    except ValidationError as error:
        raise StoreError(
            f"{key} is not a take record ({error.errors()[0]['msg']})",
            next_step="restore it from a backup; it was paid for",
            key=key,
        ) from None


def save(store: Store, take: Take) -> Take:
    """Write the record once; if another process was quicker, return its record."""
    store.put_if_absent(f"{DESCRIPTIONS}{take.description}/{take.fingerprint}.json", b"{}\n")
    if store.put_if_absent(key_of(take.fingerprint), take.model_dump_json(indent=1).encode() + b"\n"):
        return take
    return load(store, take.fingerprint) or take
