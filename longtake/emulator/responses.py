"""What goes over the wire: envelopes, errors, and the spoilt answers that faults ask for."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from fastapi import Response
from fastapi.responses import HTMLResponse, JSONResponse

from longtake.emulator.refusal import INPUT_UNREADABLE, NOT_FOUND, RATE_LIMITED, UPSTREAM, RefusalAnswer

if TYPE_CHECKING:
    from fastapi import Request

    from longtake.emulator.faults import Rule
    from longtake.emulator.state import EmulatorState
    from longtake.emulator.tasks import EmulatedTask

_STATUS = {
    "404": (404, NOT_FOUND, "task not found"),
    "429": (429, RATE_LIMITED, "too many requests"),
    "500": (500, UPSTREAM, "internal error"),
    "500-after": (500, UPSTREAM, "internal error"),
    "503-before": (503, UPSTREAM, "service unavailable"),
    "refuse-30002": (400, INPUT_UNREADABLE, "the probe of an input URL timed out"),
}
_HTML = "<!doctype html><html><head><title>One moment</title></head><body><h1>Checking your browser</h1></body></html>"
_GARBAGE = b'{"id": "task_\xff\xfe\x00", "status": [["proc'


def state_of(request: Request) -> EmulatorState:
    """The state of the emulator that a request came to."""
    state: EmulatorState = request.app.state.emulator
    return state


def refused(refusal: RefusalAnswer, *, retry_after: float | str | None = None) -> Response:
    """An error answer in the provider's shape (provider-contract.md §3)."""
    headers = {}
    if refusal.status == 429:
        headers["Retry-After"] = retry_after if isinstance(retry_after, str) else f"{retry_after or 1:g}"
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    error = {"code": refusal.code, "message": refusal.message, "request_id": f"req_{secrets.token_hex(12)}"}
    return JSONResponse({"error": error}, status_code=refusal.status, headers=headers)


def envelope(state: EmulatorState, task: EmulatedTask, base: str, *, without: str | None = None) -> dict[str, Any]:
    """A task as submit and poll show it (provider-contract.md §1). `without` is the kind of a fault that omits a part."""
    shown: dict[str, Any] = {
        "id": task.id,
        "model": task.wish.model.id,
        "status": task.status,
        "created_at": int(task.created_at),
        "output": None,
        "error": None,
    }
    if task.status == "completed":
        output: dict[str, Any] = {"video_urls": [state.file_url(base, task, "0.mp4")]}
        if task.wish.last_frame and task.fate.last_frame and without != "no-last-frame":
            output["last_frame_url"] = state.file_url(base, task, "0.png")
        shown["output"] = output
        if task.fate.usage and without != "no-usage":
            shown["usage"] = {"credits": task.charged}
    elif task.status == "failed":
        shown["error"] = {"code": task.error, "message": task.message, "request_id": f"req_{task.id[-24:]}"}
    if without == "no-id":
        del shown["id"]
    return shown


async def spoilt(request: Request, state: EmulatorState, rule: Rule, shown: dict[str, Any] | None = None) -> Response:
    """The answer a fault gives in place of the right one; `shown` is what the right one would hold."""
    if rule.what in _STATUS:
        status, code, message = _STATUS[rule.what]
        return refused(RefusalAnswer(status, code, message), retry_after=rule.retry_after)
    if rule.what in {"drop-before", "drop-after"}:
        return await drop(request, state)
    if rule.what == "stall":
        await until_gone(request)
    if rule.what == "same-id":
        return JSONResponse({**(shown or {}), "id": state.tasks.all[0].id})
    return {
        "html": HTMLResponse(_HTML),
        "redirect": Response(status_code=307, headers={"Location": str(request.url)}),
        "no-id": JSONResponse({name: value for name, value in (shown or {}).items() if name != "id"}),
    }.get(rule.what) or Response(_GARBAGE, media_type="application/json")


async def drop(request: Request, state: EmulatorState) -> Response:
    """Close the TCP connection without an answer.

    Raises:
        RuntimeError: the application is not served by `longtake.emulator.serve`, so the connection cannot be had.
    """
    transport = state.connections.get((request.scope.get("client") or ("", 0))[:2])
    if transport is None:
        raise RuntimeError("dropping connections needs longtake.emulator.serve")
    transport.abort()
    await asyncio.sleep(0)
    return Response(status_code=503)  # goes nowhere: the connection is gone


async def until_gone(request: Request) -> None:
    """Wait until the other side has closed the connection; the request's body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
