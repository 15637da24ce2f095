"""The full local stand-in for the provider: real HTTP, real money rules, real clips, and faults on purpose.

Use it as a process (`longtake emulator`, or `python -m longtake.emulator`), inside a running event loop (`serve`), or
from ordinary code and tests (`running`). What it knows lives in memory and ends with it; clips lie in a temporary folder.
Nothing heavy is imported before one of these is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.emulator.config import DEFAULT_KEY, Config
from longtake.emulator.faults import Rule

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from fastapi import FastAPI

    from longtake.emulator.server import EmulatorAddress

__all__ = ["DEFAULT_KEY", "Config", "Rule", "app", "running", "serve"]


def app(config: Config) -> FastAPI:
    """Build the emulator as an ASGI application.

    Faults that drop the connection need the application to be served by `serve` or `running`; under another server they
    end in a 500.

    Raises:
        CatalogError: the catalog file of `config` is unusable.
    """
    from longtake.emulator.api import build  # noqa: PLC0415 - FastAPI is loaded only to serve

    return build(config)


async def serve(
    config: Config,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[EmulatorAddress], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until cancelled, signalled or `stop` is set; `ready` gets the address once connections are accepted."""
    from longtake.emulator import server  # noqa: PLC0415 - uvicorn is loaded only to serve

    await server.serve(config, host=host, port=port, ready=ready, stop=stop)


def running(config: Config, *, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[EmulatorAddress]:
    """Serve in a thread of this process for the length of a `with` block, which is given the address."""
    from longtake.emulator import server  # noqa: PLC0415 - uvicorn is loaded only to serve

    return server.running(config, host=host, port=port)
