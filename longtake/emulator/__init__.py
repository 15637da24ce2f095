"""The full local stand-in for the provider: real HTTP, real money rules, real clips, and faults on purpose.

Use it as a process (`longtake emulator`, or `python -m longtake.emulator`), inside a running event loop (`serve`), or
from ordinary code and tests (`running`). What it knows lives in memory and ends with it; clips lie in a temporary folder.
FastAPI and uvicorn are imported when one of these is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.emulator.config import DEFAULT_KEY, Config
from longtake.emulator.faults import Rule
from longtake.lazy import exports

if TYPE_CHECKING:
    from longtake.emulator.api import app
    from longtake.emulator.server import running, serve

__all__ = ["DEFAULT_KEY", "Config", "Rule", "app", "running", "serve"]

__getattr__, __dir__ = exports(
    __name__, {"longtake.emulator.api": ("app",), "longtake.emulator.server": ("running", "serve")}
)
