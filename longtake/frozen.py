"""The base of the records that are written and read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Read-only, and closed to unknown keys. The schema is built when it is first used, because most commands use few of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
