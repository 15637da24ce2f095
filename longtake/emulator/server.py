"""Serve the emulator over uvicorn and keep each connection's transport: faults drop connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from longtake.emulator import api
from longtake.errors import SettingsError
from longtake.ledger.realm import HEADER
from longtake.ports import not_listening
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import socket

    from longtake.emulator.config import Config
    from longtake.emulator.state import Connections

_log = logging.getLogger("longtake.emulator")


@dataclass(frozen=True)
class EmulatorAddress:
    """Where an emulator listens. `base_url` is what LONGTAKE_BASE_URL takes, `store_url` what LONGTAKE_PUBLIC_URL takes."""

    base_url: str
    admin_url: str
    store_url: str


class _Server(uvicorn.Server):
    """Says when it listens, and where."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[EmulatorAddress], None] | None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._ready is not None:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            root = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            self._ready(EmulatorAddress(f"{root}{api.PREFIX}", f"{root}/admin", f"{root}/store"))


async def serve(
    config: Config,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[EmulatorAddress], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until cancelled, signalled or `stop` is set; `ready` gets the address once connections are accepted.

    Raises:
        CatalogError: the catalog file of `config` is unusable.
        SettingsError: the address cannot be listened on.
    """
    app = api.app(config)
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=_protocol(app.state.connections),
            # Forwarded headers would let a caller choose the address that admin calls are judged by.
            proxy_headers=False,
            # Access lines would show the signatures of output URLs.
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=1,
            ws="none",
            server_header=False,
            headers=[(HEADER, VERSION)],
        ),
        ready,
    )
    watcher = asyncio.create_task(_stop_when(stop, server)) if stop is not None else None
    try:
        await server.serve()
    except SystemExit as ended:
        # uvicorn exits while it handles the error of bind(2).
        raise not_listening("the emulator", host, port, ended.__context__) from None
    finally:
        if watcher is not None:
            watcher.cancel()
    if not server.started:
        raise SettingsError(
            "the emulator did not start", next_step="read the reason in its log above, then start it again"
        )


async def _stop_when(stop: asyncio.Event, server: uvicorn.Server) -> None:
    await stop.wait()
    server.should_exit = True


@contextlib.contextmanager
def running(config: Config, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[EmulatorAddress]:
    """Serve in a thread of this process for the length of a `with` block, which is given the address."""
    listening = threading.Event()
    found: list[EmulatorAddress] = []
    failed: list[BaseException] = []
    ways_out: list[Callable[[], object]] = []

    async def main() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def ready(address: EmulatorAddress) -> None:
            ways_out.append(lambda: loop.call_soon_threadsafe(stop.set))
            found.append(address)
            listening.set()

        await serve(config, host=host, port=port, ready=ready, stop=stop)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that asked
            failed.append(error)
        finally:
            listening.set()

    thread = threading.Thread(target=run, name="longtake-emulator", daemon=True)
    thread.start()
    listening.wait()
    try:
        if found:
            yield found[0]
    finally:
        for leave in ways_out:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                leave()
        thread.join()
    if failed:
        raise failed[0]


def _protocol(connections: Connections) -> type[asyncio.Protocol]:
    """The protocol of uvicorn, which also notes the transport of every open connection by its peer's address."""

    class Noted(H11Protocol):
        def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as uvicorn has it
            peer = transport.get_extra_info("peername")
            self._peer = (str(peer[0]), int(peer[1])) if peer else ("", 0)
            connections[self._peer] = transport
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self._peer, None)
            super().connection_lost(exc)

    return Noted
