"""The server on standard input and output: registers tools and resources, and ends in good order."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import ToolAnnotations

from longtake.errors import LongtakeError
from longtake.mcp import films
from longtake.mcp.redaction import Redaction, log_to_stderr
from longtake.mcp.tools import Tools
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.mcp.folder import Folder
    from longtake.settings import Settings

_INSTRUCTIONS = """\
Longtake makes long films from storyboards; each generated clip costs credits (1 credit = $0.001).
Work in this order: `validate`, then `plan`, show the person the price, and only when they agree call `make` with the plan's
digest and a budget. A `make` that was cut short is called again with the same digest: nothing is bought twice. After a change
of the storyboard, plan again. `retake` shows its price first and then needs a budget and its digest, too."""

_FREE = {
    "validate": "Check a storyboard",
    "plan": "Price of a film",
    "status": "How a film stands",
    "explain": "Explain a shot or an error",
    "credits": "Where credits went",
}
_PAID = {"make": "Make a film (costs credits)", "retake": "Buy a new take (costs credits)"}


def server_of(folder: Folder, settings: Settings) -> tuple[MCPServer, Tools]:
    """The server of a folder, with its tools."""
    redaction = Redaction(settings)
    tools = Tools(folder, settings, redaction)
    server = MCPServer("longtake", title="Longtake", instructions=_INSTRUCTIONS, version=VERSION, log_level="WARNING")
    for name, title in _FREE.items():
        hints = ToolAnnotations(title=title, read_only_hint=True, destructive_hint=False, open_world_hint=False)
        server.add_tool(getattr(tools, name), name=name, title=title, annotations=hints, structured_output=True)
    for name, title in _PAID.items():
        # Clients ask a person before a tool that is destructive: credits that are spent do not come back.
        hints = ToolAnnotations(
            title=title, read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
        )
        server.add_tool(getattr(tools, name), name=name, title=title, annotations=hints, structured_output=True)
    _add_resources(server, settings, redaction)
    return server, tools


def serve(folder: Folder, settings: Settings) -> None:
    """Serve one client on standard input and output until it closes them. Whatever else is printed goes to standard error.

    SIGINT and SIGTERM cancel the runs and end the process when what is open is written down.
    """
    log_to_stderr(Redaction(settings))
    server, tools = server_of(folder, settings)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ending: list[asyncio.Task[None]] = []

        async def end(number: int) -> None:
            await tools.running.stop()
            # A thread waits for the client's next line and would hold up an orderly exit for as long as the client lives.
            os._exit(128 + number)

        def stop(number: int) -> None:
            if not ending:
                ending.append(asyncio.ensure_future(end(number)))

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        await server.run_stdio_async()

    asyncio.run(main())


def _add_resources(server: MCPServer, settings: Settings, redaction: Redaction) -> None:
    async def read(what: Callable[[], str]) -> str:
        try:
            return redaction.text(await asyncio.to_thread(what))
        except LongtakeError as error:
            raise ResourceNotFoundError(redaction.text(str(error))) from None

    async def all_films() -> str:
        """The films of the store."""
        return await read(lambda: films.films_of(settings))

    async def manifest(film: str) -> str:
        """What a film was made from: every clip with its request, its digest and its price."""
        return await read(lambda: films.manifest_of(film, settings))

    async def report(film: str) -> str:
        """A film's page for people."""
        return await read(lambda: films.report_of(film, settings))

    json, html = "application/json", "text/html"
    server.resource("longtake://films", name="films", title="Films", mime_type=json)(all_films)
    server.resource("longtake://films/{film}/manifest", name="manifest", title="Manifest", mime_type=json)(manifest)
    server.resource("longtake://films/{film}/report", name="report", title="Report", mime_type=html)(report)
