"""The catalog: every model and rule of the provider, as dated data that a file of your own may change."""

from __future__ import annotations

import datetime as dt
import difflib
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from longtake.catalog.load import SHIPPED, merged, read, shipped, with_families
from longtake.catalog.model import AUTO_DURATION, Data, InputRule, Model, Positive
from longtake.catalog.overview import ModelCard, OldRate, Overview, RateCard
from longtake.catalog.price import Price, price_of
from longtake.errors import CatalogError

if TYPE_CHECKING:
    from pathlib import Path


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _fraction(value: object) -> Fraction:
    return value if isinstance(value, Fraction) else Fraction(str(value))


class Billing(Data):
    """How seconds become credits (provider-contract.md §2)."""

    credits_per_usd: Positive
    reserve_seconds: Positive
    source_minimum: Annotated[Fraction, BeforeValidator(_fraction), Field(gt=0, le=100)]
    stale_days: int = Field(ge=0)
    """Days after which a rate is marked as old."""


class Frames(Data):
    """Frames of a clip: `per_second` × seconds + `extra` (provider-contract.md §5)."""

    per_second: Positive
    extra: int = Field(ge=0, le=24)

    def count(self, seconds: int) -> int:
        """Frames in a clip of this many whole seconds."""
        return self.per_second * seconds + self.extra


class Inputs(Data):
    """What media files may be, by kind (provider-contract.md §4)."""

    image: InputRule
    video: InputRule
    audio: InputRule

    def kind_of_name(self, name: str) -> Literal["image", "video", "audio"] | None:
        """The kind a file name's ending stands for, or None."""
        ending = name.rpartition(".")[2].lower()
        if ending in self.image.extensions:
            return "image"
        if ending in self.video.extensions:
            return "video"
        return "audio" if ending in self.audio.extensions else None


class Catalog(Data):
    """All models, with how inputs, frames and billing work for them."""

    schema_: Literal["longtake-catalog/1"] = Field(alias="schema")
    as_of: dt.date
    billing: Billing
    frames: Frames
    inputs: Inputs
    models: dict[str, Model]

    @classmethod
    def load(cls, override: Path | None = None) -> Catalog:
        """The shipped catalog, with the file `override` laid over it when given.

        Raises:
            CatalogError: a file cannot be read, or what results is not a catalog; names the file and every place in it.
        """
        tree: dict[str, Any] = shipped()
        where = SHIPPED.name
        if override is not None:
            where = str(override)
            tree = merged(tree, read(override))
        try:
            return cls.model_validate(with_families(tree, where=where))
        except ValidationError as error:
            places = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:20])
            raise CatalogError(f"{where} is not a catalog: {places}") from None

    def model(self, model_id: str) -> Model:
        """The model of this id.

        Raises:
            CatalogError: there is none; names the nearest ids.
        """
        known = self.models.get(model_id)
        if known is None:
            near = self.nearest(model_id)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self.models)}"
            raise CatalogError(f"the catalog has no model {model_id[:80]!r} ({hint})")
        return known

    def nearest(self, model_id: str) -> list[str]:
        """Return up to two ids of models that are spelled like this one, the nearest first."""
        return difflib.get_close_matches(model_id, self.models, n=2, cutoff=0.6)

    def card(self, model_id: str, *, today: dt.date | None = None) -> ModelCard:
        """Return what a model offers, what it costs and how old its rates are.

        Args:
            model_id: the model's id.
            today: the day that ages are counted to; None is today in UTC.

        Raises:
            CatalogError: there is no such model; names the nearest ids.
        """
        model, day, stale_days = self.model(model_id), today or _today(), self.billing.stale_days
        rates = (RateCard.of(name, rate, today=day, stale_days=stale_days) for name, rate in model.rates.items())
        return ModelCard(model, tuple(rates), stale_days)

    def overview(self, *, today: dt.date | None = None) -> Overview:
        """Return the cards of all models; `today` is as for `card`."""
        cards = tuple(self.card(model_id, today=today) for model_id in self.models)
        return Overview(self.as_of, cards, self.billing.stale_days)

    def old_rate(self, model_id: str, resolution: str, *, today: dt.date | None = None) -> OldRate | None:
        """Return the rate of a model at a resolution if it was seen longer ago than `billing.stale_days`.

        Raises:
            CatalogError: there is no such model or rate.
        """
        rate = self.model(model_id).rate(resolution)
        days = rate.days(today or _today())
        return OldRate(model_id, resolution, rate.as_of, days) if days > self.billing.stale_days else None

    def price(self, model_id: str, *, resolution: str, seconds: int, source_seconds: float | Fraction = 0) -> Price:
        """Credits for whole seconds of output and seconds of video inputs (provider-contract.md §2).

        Raises:
            CatalogError: the model or a rate for this is not known. An unknown price is never zero.
        """
        return price_of(
            self.model(model_id),
            resolution=resolution,
            seconds=seconds,
            source_seconds=source_seconds,
            credits_per_usd=self.billing.credits_per_usd,
            source_minimum=self.billing.source_minimum,
        )

    def reserve(self, model_id: str, *, resolution: str, seconds: int, source_seconds: float | Fraction = 0) -> Price:
        """Credits the provider may debit at submit: as `price`, but -1 counts what it holds for an open length.

        Raises:
            CatalogError: as `price`.
        """
        counted = self.seconds_at_most(seconds)
        return self.price(model_id, resolution=resolution, seconds=counted, source_seconds=source_seconds)

    def seconds_at_most(self, seconds: int) -> int:
        """Seconds a clip may have: those asked for, or the reserve's when the model chooses (-1)."""
        return self.billing.reserve_seconds if seconds == AUTO_DURATION else seconds
