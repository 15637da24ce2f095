"""One thing that `longtake doctor` looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """A check and its result: `warn` works but deserves a look; `bad` stops a run."""

    name: str
    state: Literal["ok", "warn", "bad"]
    text: str
    exit_code: int = 1
    """What the command ends with when this is bad: 2 where a setting or the key has to be changed."""
