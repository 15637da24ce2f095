"""What seconds cost: exact decimal arithmetic with one ceiling at the end (provider-contract.md §2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from longtake.errors import CatalogError

if TYPE_CHECKING:
    from datetime import date
    from fractions import Fraction

    from longtake.catalog.model import Model


@dataclass(frozen=True, slots=True)
class Price:
    """Whole credits, and how far they can be trusted: the rate's day, its source, and whether it only stands in."""

    credits: int
    planning: bool
    as_of: date
    source: str


def billable_seconds(seconds: int, *, source_seconds: float | Fraction, source_minimum: Fraction) -> int:
    """Seconds the provider bills for a job with video inputs: max(output + ceil(source), ceil(minimum × output))."""
    return max(seconds + math.ceil(source_seconds), math.ceil(source_minimum * seconds))


def price_of(
    model: Model,
    *,
    resolution: str,
    seconds: int,
    source_seconds: float | Fraction,
    credits_per_usd: int,
    source_minimum: Fraction,
) -> Price:
    """Credits for `seconds` of output, with `source_seconds` of video inputs (0: none, the plain rate).

    Raises:
        CatalogError: no rate is known for this, or the seconds make no sense. Never zero in their place.
    """
    if seconds < 1:
        raise CatalogError(f"{seconds} seconds of {model.id} have no price; give 1 or more")
    if not (math.isfinite(source_seconds) and source_seconds >= 0):
        raise CatalogError(f"{source_seconds} seconds of video inputs of {model.id} have no price; give 0 or more")
    rate = model.rate(resolution)
    usd, billable, source = rate.usd, seconds, rate.source
    if source_seconds > 0:
        if rate.usd_with_video is None:
            raise CatalogError(f"the catalog has no rate with video inputs for {model.id} at {resolution}")
        usd, source = rate.usd_with_video, rate.source_with_video or source
        billable = billable_seconds(seconds, source_seconds=source_seconds, source_minimum=source_minimum)
    with localcontext() as context:
        context.prec = 60  # exact for any rate and length that passes the checks
        amount = usd * Decimal(billable) * Decimal(credits_per_usd)
    planning = rate.planning_with(video=source_seconds > 0)
    return Price(math.ceil(amount), planning, rate.as_of, source)
