"""The catalog as a person reads it: what each model offers, what a second costs, and how old each rate is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from longtake import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longtake.catalog.model import Model, Rate, ReferenceRule

_WIDTH = 80
_RATES = ("resolution", "seen", "age", "$/s", "$/s with videos")
_SHOWN = {"id", "family", "note", "real_people", "prompt", "duration", "size", "resolution", "generate_audio", "media"}
_SHOWN |= {"constant_fields", "with_video", "other_fields"}
"""Fields of a model that `--json` prints as they are in the catalog."""
_PLANNING = "* planning rate: the provider has not published one"


@dataclass(frozen=True, slots=True)
class OldRate:
    """A rate that was seen longer ago than the catalog's `stale_days`."""

    model: str
    resolution: str
    as_of: date
    days: int
    """Since it was seen."""

    def __str__(self) -> str:
        return f"rates of {self.model} are {self.days} days old (seen {self.as_of})"


@dataclass(frozen=True, slots=True)
class RateCard:
    """US dollars per second of output at one resolution; `usd_with_video` with video inputs, None where unknown."""

    resolution: str
    usd: Decimal
    usd_with_video: Decimal | None
    planning: bool
    planning_with_video: bool
    as_of: date
    days: int
    """Since it was seen."""
    old: bool
    """Whether that is longer ago than the catalog's `stale_days`."""
    source: str
    source_with_video: str

    @classmethod
    def of(cls, resolution: str, rate: Rate, *, today: date, stale_days: int) -> RateCard:
        """Build the card of one rate."""
        days = rate.days(today)
        return cls(
            resolution=resolution,
            usd=rate.usd,
            usd_with_video=rate.usd_with_video,
            planning=rate.planning,
            planning_with_video=rate.planning_with(video=True),
            as_of=rate.as_of,
            days=days,
            old=days > stale_days,
            source=rate.source,
            source_with_video=rate.source_with_video or rate.source,
        )

    @property
    def text(self) -> str:
        """The plain rate for a table, in USD per second; a planning rate ends in `*`."""
        return f"{self.usd}{'*' if self.planning else ''}"

    @property
    def text_with_video(self) -> str:
        """The rate with video inputs for a table; `-` where it is unknown."""
        if self.usd_with_video is None:
            return "-"
        return f"{self.usd_with_video}{'*' if self.planning_with_video else ''}"

    def row(self) -> dict[str, Any]:
        """Return it for JSON: amounts and days as text, as the catalog file has them."""
        return {
            name: str(value) if isinstance(value, Decimal | date) else value for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model with its rates, as of a day."""

    model: Model
    rates: tuple[RateCard, ...]
    stale_days: int

    @property
    def id(self) -> str:
        """The model's id."""
        return self.model.id

    @property
    def modes(self) -> tuple[str, ...]:
        """What a request may be made of, in words: the provider reads the mode from the fields that are set."""
        fields = self.model.fields
        offered = {
            "text": fields.prompt,
            "first and last frame": fields.frames,
            "reference images": fields.image,
            "reference videos": fields.video,
            "reference audio": fields.audio,
            "web search": fields.web_search,
        }
        return tuple(mode for mode, field in offered.items() if field is not None)

    @property
    def marks(self) -> tuple[str, ...]:
        """What a reader should know before using the rates."""
        found = []
        if any(rate.planning or rate.planning_with_video for rate in self.rates):
            found.append(_PLANNING)
        if any(rate.old for rate in self.rates):
            found.append(f"! seen more than {self.stale_days} days ago: compare it with the provider's model page")
        return tuple(found)

    @property
    def days(self) -> int:
        """Days since its oldest rate was seen; 0 where it has none."""
        return max((rate.days for rate in self.rates), default=0)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            **self.model.model_dump(mode="json", include=_SHOWN),
            "fields": self.model.fields.model_dump(exclude_none=True),
            "modes": list(self.modes),
            "rates": [rate.row() for rate in self.rates],
            "marks": list(self.marks),
        }

    def _lines(self) -> Iterator[tuple[str, str]]:
        model = self.model
        yield "modes", ", ".join(self.modes)
        yield "prompt", _prompt(model)
        yield "seconds", f"{model.duration.allowed}; {model.duration.default} unless given"
        yield "resolution", f"{', '.join(model.resolution.values)}; {model.resolution.default} unless given"
        yield "size", f"{', '.join(model.size.values)}; {model.size.default} unless given"
        yield "images", _references(model.media.image)
        yield "videos", _references(model.media.video)
        yield "audio", _references(model.media.audio)
        yield "seed", "yes" if model.fields.seed is not None else "no"
        yield "real people", "yes" if model.real_people else "no"
        names = model.fields.model_dump(exclude_none=True)
        yield "fields", ", ".join(field if ours == field else f"{ours}: {field}" for ours, field in names.items())
        if model.constant_fields:
            yield (
                "always sent",
                ", ".join(f"{name}: {json.dumps(value)}" for name, value in model.constant_fields.items()),
            )
        if model.with_video:
            yield "with videos", ", ".join(f"{name}: {value}" for name, value in model.with_video.items())
        if unused := [name for name in model.other_fields if name not in model.with_video]:
            yield "never sent", ", ".join(unused)

    def __str__(self) -> str:
        head = f"{self.id}: {self.model.note}" if self.model.note else self.id
        lines = [tables.shortened(head, _WIDTH)]
        for name, words in self._lines():
            lines += tables.wrapped(f"{name:<11} ", words, _WIDTH)
        lines += ["", *tables.text(_RATES, [_rate_row(rate) for rate in self.rates], numbers=2, width=_WIDTH)]
        for source, where in _sources(self.rates).items():
            lines += tables.wrapped(f"{where}: ", source, _WIDTH)
        return "\n".join([*lines, *self.marks])

    def _repr_html_(self) -> str:
        rows = [_rate_row(rate) for rate in self.rates]
        return tables.html(
            self.id, _RATES, rows, numbers=2, notes=[*(f"{n}: {w}" for n, w in self._lines()), *self.marks]
        )


@dataclass(frozen=True, slots=True)
class Overview:
    """Every model of a catalog, as of a day."""

    as_of: date
    """The catalog's day."""
    models: tuple[ModelCard, ...]
    stale_days: int

    @property
    def old(self) -> tuple[OldRate, ...]:
        """The oldest rate of each model that has one older than `stale_days`."""
        found = []
        for card in self.models:
            oldest = max((rate for rate in card.rates if rate.old), key=lambda rate: rate.days, default=None)
            if oldest is not None:
                found.append(OldRate(card.id, oldest.resolution, oldest.as_of, oldest.days))
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "as_of": self.as_of.isoformat(),
            "stale_days": self.stale_days,
            "models": [card.as_dict() for card in self.models],
        }

    def _table(self) -> tuple[list[str], list[list[str]]]:
        resolutions = list(dict.fromkeys(name for card in self.models for name in card.model.resolution.values))
        rows = []
        for card in self.models:
            rates = {rate.resolution: rate for rate in card.rates}
            cells = [_thousandths(rates[name]) if name in rates else "-" for name in resolutions]
            age = f"{card.days} d{'!' if any(rate.old for rate in card.rates) else ''}" if card.rates else "-"
            rows.append([card.id, _seconds(card.model), *cells, age])
        return ["model", "s", *resolutions, "seen"], rows

    def _notes(self) -> Iterator[str]:
        yield "credits for a second of output without video inputs (1 credit = $0.001)"
        yield from dict.fromkeys(mark for card in self.models for mark in card.marks)
        yield "`longtake catalog MODEL` shows one model whole"

    def __str__(self) -> str:
        columns, rows = self._table()
        lines = tables.text(columns, rows, numbers=len(columns) - 1, width=_WIDTH)
        return "\n".join([*lines, "", *(tables.shortened(note, _WIDTH) for note in self._notes())])

    def _repr_html_(self) -> str:
        columns, rows = self._table()
        title = f"Catalog of {self.as_of}"
        return tables.html(title, columns, rows, numbers=len(columns) - 1, notes=self._notes())


def _rate_row(rate: RateCard) -> tuple[str, str, str, str, str]:
    age = f"{rate.days} d{'!' if rate.old else ''}"
    return rate.resolution, rate.as_of.isoformat(), age, rate.text, rate.text_with_video


def _sources(rates: tuple[RateCard, ...]) -> dict[str, str]:
    """Group the rates by their source."""
    found: dict[str, list[str]] = {}
    for rate in rates:
        found.setdefault(rate.source, []).append(rate.resolution)
        if rate.source_with_video != rate.source:
            found.setdefault(rate.source_with_video, []).append(f"{rate.resolution} with videos")
    return {source: ", ".join(where) for source, where in found.items()}


def _thousandths(rate: RateCard) -> str:
    """Credits for a second, rounded to a tenth."""
    return f"{rate.usd * 1000:.1f}{'*' if rate.planning else ''}"


def _seconds(model: Model) -> str:
    return f"{model.duration.min}-{model.duration.max}"


def _prompt(model: Model) -> str:
    rule = model.prompt
    return f"{rule.min} to {rule.max} characters" + (
        ", optional with media" if rule.optional_with_media else ", always needed"
    )


def _references(rule: ReferenceRule) -> str:
    words = [f"up to {rule.count}"]
    if rule.together is not None:
        words.append(f"{rule.together:g} s together")
    if rule.each is not None:
        words.append(f"{rule.each.min:g} to {rule.each.max:g} s each")
    if rule.needs_picture:
        words.append("only with an image or a video")
    return ", ".join(words)
