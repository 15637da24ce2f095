"""Files over HTTP: finished clips under expiring URLs, and a folder store's media; both with HEAD and Range."""

from __future__ import annotations

import asyncio
import mimetypes
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from longtake.emulator import responses
from longtake.emulator.faults import GETS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from longtake.emulator.faults import Rule
    from longtake.emulator.state import EmulatorState

router = APIRouter()

_MEDIA_FAULTS = GETS | {"expired", "truncated", "slow"}
_TYPES = {".mp4": "video/mp4", ".png": "image/png", ".webp": "image/webp", ".heic": "image/heic", ".m4a": "audio/mp4"}
_EXPIRED = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'


@router.api_route("/cdn/tasks/{task_id}/{name}", methods=["GET", "HEAD"])
async def give_file(request: Request, task_id: str, name: str, expires: str = "", signature: str = "") -> Response:
    """A finished task's clip or last frame (provider-contract.md §1: public, and for a limited time)."""
    state = responses.state_of(request)
    task = state.tasks.get(task_id)
    if task is None or task.files is None or name not in {"0.mp4", "0.png"}:
        return Response(status_code=404)
    rule = state.faults.strike("media", _MEDIA_FAULTS, task.wish.prompt)
    if task.fate.expired or (rule and rule.what == "expired") or not state.is_signed(task, name, expires, signature):
        return Response(_EXPIRED, status_code=403, media_type="application/xml")
    path = task.files.clip if name == "0.mp4" else task.files.last_frame
    if rule is not None and rule.what == "slow":
        await asyncio.sleep(rule.seconds)
    elif rule is not None:
        return await _spoilt_file(request, state, rule, path)
    return _file(path)


@router.api_route("/store/{key:path}", methods=["GET", "HEAD"])
async def give_object(request: Request, key: str) -> Response:
    """An object of the folder store in `--public`: media only, for everyone, read-only."""
    state = responses.state_of(request)
    root = state.config.public
    path = None if root is None else await asyncio.to_thread(locate, root, key)
    return Response(status_code=404) if path is None else _file(path)


def locate(root: Path, key: str) -> Path | None:
    """The file of a store's key, or None: anything but `media/`, any part that begins with a dot, any way out of `root`."""
    parts = key.split("/")
    if len(parts) < 2 or parts[0] != "media" or any(not part or part.startswith(".") for part in parts):
        return None
    if not key.isprintable() or "\\" in key:
        return None
    path = (root / key).resolve()
    return path if path.is_relative_to((root / "media").resolve()) and path.is_file() else None


def _file(path: Path) -> Response:
    guessed = mimetypes.guess_type(path.name)[0]
    return FileResponse(path, media_type=_TYPES.get(path.suffix, guessed or "application/octet-stream"))


async def _spoilt_file(request: Request, state: EmulatorState, rule: Rule, path: Path) -> Response:
    kind = _TYPES[path.suffix]
    if rule.what == "garbage":
        return Response(bytes(range(256)) * 16, media_type=kind)
    if rule.what == "truncated" and request.method == "GET":
        size, half = await asyncio.to_thread(_first_half, path)
        return StreamingResponse(
            _cut_short(request, state, half), headers={"Content-Length": str(size)}, media_type=kind
        )
    return _file(path) if rule.what == "truncated" else await responses.spoilt(request, state, rule)


def _first_half(path: Path) -> tuple[int, bytes]:
    size = path.stat().st_size
    with path.open("rb") as file:
        return size, file.read(size // 2)


async def _cut_short(request: Request, state: EmulatorState, half: bytes) -> AsyncIterator[bytes]:
    yield half
    transport = state.connections.get((request.scope.get("client") or ("", 0))[:2])
    if transport is not None:
        transport.close()  # unlike abort, after what was written is out
        await responses.until_gone(request)
