"""One model of the provider: what it accepts, what its fields are called, what it costs and what comes back.

Every class mirrors a mapping of `catalog.yaml`, which holds the facts with their sources; see also provider-contract.md §2, §4
and §5.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from longtake.errors import CatalogError
from longtake.frozen import Frozen

AUTO_DURATION = -1
"""The provider's word for "the model chooses the length" (provider-contract.md §2)."""
ADAPTIVE = "adaptive"
"""The provider's word for "the first picture decides the ratio" (provider-contract.md §4)."""

Positive = Annotated[int, Field(gt=0)]
Usd = Annotated[Decimal, Field(gt=0, lt=1000, allow_inf_nan=False)]


class Data(Frozen):
    """Read-only data from a catalog file, where an unknown key is a mistake."""

    model_config = ConfigDict(allow_inf_nan=False)


class Range(Data):
    """Both ends included; the unit is said where it is used."""

    min: float = 0
    max: float


class PromptRule(Data):
    """How long a prompt may be, in characters, and whether media can stand in for it."""

    min: int = 1
    max: Positive
    optional_with_media: bool


class DurationRule(Data):
    """Whole seconds of output; `auto` says whether -1 (the model chooses) is offered."""

    min: Positive
    max: Positive
    default: int
    auto: bool = False

    def allows(self, seconds: int) -> bool:
        """Whether a shot may ask for this many seconds (-1 where the model may choose)."""
        return self.min <= seconds <= self.max or (self.auto and seconds == AUTO_DURATION)

    @property
    def allowed(self) -> str:
        """The rule in words, for messages."""
        return f"{self.min} to {self.max}" + (f", or {AUTO_DURATION}" if self.auto else "")


class Choice(Data):
    """A closed set of words and the one taken when none is said."""

    values: tuple[str, ...]
    default: str


class ReferenceRule(Data):
    """How many references of one kind, and how long in seconds: `together` all of them, `each` one of them."""

    count: int = Field(ge=0)
    together: float | None = None
    each: Range | None = None
    needs_picture: bool = False


class MediaRule(Data):
    """Which media may be given together."""

    image: ReferenceRule
    video: ReferenceRule
    audio: ReferenceRule
    frames_exclude_references: bool
    last_frame_needs_first: bool


class FieldNames(Data):
    """The provider's names of what we send; None where the model does not offer it."""

    prompt: str
    duration: str
    size: str
    resolution: str
    generate_audio: str
    last_frame: str
    frames: str
    image: str | None = None
    video: str | None = None
    audio: str | None = None
    seed: str | None = None
    web_search: str | None = None


class FrameItem(Data):
    """The provider's names inside one pinned frame."""

    url: str
    role: str
    first_frame: str
    last_frame: str


class Mentions(Data):
    """How a prompt names the n-th reference of a kind, `{n}` counting from 1."""

    image: str
    video: str
    audio: str


class Rate(Data):
    """US dollars per second of output at one resolution, seen on a day, from a source.

    `planning` marks a rate that stands in for one not published yet. `source_with_video` is set where only the rate with
    video inputs stands in, and says where that comes from.
    """

    usd: Usd
    usd_with_video: Usd | None = None
    as_of: dt.date
    source: str = Field(min_length=1)
    source_with_video: str | None = Field(default=None, min_length=1)
    planning: bool = False

    def days(self, today: dt.date) -> int:
        """Return the days since the rate was seen; 0 for a day to come."""
        return max((today - self.as_of).days, 0)

    def planning_with(self, *, video: bool) -> bool:
        """Whether the price of a job with or without video inputs stands in for one not published yet."""
        return self.planning or (video and self.source_with_video is not None)


class InputRule(Data):
    """What a media file given as an input may be: formats and codecs as probed, file name endings, bytes, pixels a side.

    No codecs: any.
    """

    formats: tuple[str, ...]
    codecs: tuple[str, ...] = ()
    extensions: tuple[str, ...]
    bytes: Positive | None = None
    side: Range | None = None


class Model(Data):
    """One model id of the provider with all that is known of it."""

    id: str
    family: str
    note: str = ""
    real_people: bool = False
    prompt: PromptRule
    duration: DurationRule
    size: Choice
    resolution: Choice
    generate_audio: bool
    media: MediaRule
    frame_size: Literal["keep", "adaptive"]
    mentions: Mentions
    fields: FieldNames
    frame_item: FrameItem
    web_search: tuple[dict[str, str], ...] = ()
    with_video: dict[str, str] = Field(default={})
    """Fields sent along with video inputs. They are part of a take's fingerprint."""
    constant_fields: dict[str, JsonValue] = Field(default={})
    """Fields sent with every request. They are not part of a fingerprint: a change here buys nothing again."""
    other_fields: tuple[str, ...] = ()
    pixel_table: dict[str, dict[str, tuple[Positive, Positive]]] = Field(alias="pixels")
    rates: dict[str, Rate]

    @model_validator(mode="after")
    def _defaults_are_allowed(self) -> Model:
        for choice in (self.size, self.resolution):
            if choice.default not in choice.values:
                raise ValueError(f"default {choice.default!r} is not one of {', '.join(choice.values)}")
        if not self.duration.allows(self.duration.default):
            raise ValueError(f"default duration {self.duration.default} is not {self.duration.allowed}")
        return self

    @model_validator(mode="after")
    def _constant_fields_decide_nothing(self) -> Model:
        # They are sent without being priced and are not part of a fingerprint: a field that decides the price or the picture
        # must not be among them.
        deciding = {"model", *self.fields.model_dump(exclude_none=True).values(), *self.with_video}
        if taken := sorted(deciding & set(self.constant_fields)):
            raise ValueError(f"constant_fields cannot hold {', '.join(taken)}: a shot decides it")
        return self

    def rate(self, resolution: str) -> Rate:
        """The rate at a resolution.

        Raises:
            CatalogError: no rate is known, which is never taken for zero (provider-contract.md §2).
        """
        known = self.rates.get(resolution)
        if known is None:
            raise CatalogError(
                f"the catalog has no rate for {self.id} at {resolution!r}; known: {', '.join(self.rates) or 'none'}"
            )
        return known

    def pixels_or_none(self, ratio: str, resolution: str) -> tuple[int, int] | None:
        """Width and height that come back (provider-contract.md §5), or None where the catalog does not know."""
        return self.pixel_table.get(resolution, {}).get(ratio)

    def pixels(self, ratio: str, resolution: str) -> tuple[int, int]:
        """Width and height in pixels that come back for a ratio at a resolution (provider-contract.md §5).

        Raises:
            CatalogError: the catalog holds no size for them; `adaptive` has none by nature.
        """
        known = self.pixels_or_none(ratio, resolution)
        if known is None:
            raise CatalogError(f"the catalog has no picture size for {self.id} at {ratio} {resolution}")
        return known

    def sent_size(self, size: str, *, framed: bool) -> str:
        """Return the `size` to send: some models take only `adaptive` with a pinned frame (provider-contract.md §4)."""
        return ADAPTIVE if framed and self.frame_size == ADAPTIVE else size
