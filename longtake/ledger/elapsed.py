"""The clock by which this process measures how long something took."""

from __future__ import annotations

import time


def elapsed() -> float:
    """Return seconds since an arbitrary start, by a clock that is never set and, on Linux, also counts while the machine sleeps."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)
