"""How an emulator behaves: everything that can be asked of it, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from longtake.emulator.faults import Rule
from longtake.frozen import Frozen

DEFAULT_KEY = "emulator-key"
"""The key an emulator takes when none is named. It guards play money, so it is not a secret."""

Speed = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"]
SPEEDS: tuple[Speed, ...] = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")

Key = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")]


class Config(Frozen):
    """The options of one emulator. Durations are seconds, money is whole credits."""

    processing: float = Field(default=3.0, ge=0, le=3600)
    """How long a task shows `processing`; rendering may take longer."""
    balance: int = Field(default=100_000, ge=0, le=10**12)
    keys: tuple[Key, ...] = Field(default=(DEFAULT_KEY,), min_length=1)
    """Every key draws on the one balance, as keys of one workspace do."""
    catalog: Path | None = None
    """A catalog file laid over the shipped one."""
    public: Path | None = None
    """A folder store whose `media/` is served read-only under `/store/`."""
    offers_balance: bool = True
    """Whether `GET /balance` exists (404 when not; provider-contract.md §1)."""
    faults: tuple[Rule, ...] = ()
    url_lifetime: float = Field(default=7 * 86400.0, ge=0, le=365 * 86400)
    """How long output URLs live after completion (provider-contract.md §1: about 7 days)."""
    rate_limit: float | None = Field(default=None, gt=0, le=100_000)
    """API requests per second and key before 429; None does not limit."""
    max_in_flight: int | None = Field(default=None, ge=1, le=100_000)
    """Tasks that process at once before a submit gets 429; None does not limit."""
    submits_per_second: float | None = Field(default=None, gt=0, le=100_000)
    """Submits a second, all keys together, before 429; None does not limit."""
    seed: int = 0
    """Decides pictures and the dice of fault shares."""
    speed: Speed = "superfast"
    """The x264 preset of rendered clips."""
    copies: bool = False
    """Whether clips of one size and length are copies of one, so that rendering takes no part in what is measured."""
