"""The back door of a rehearsal: books, tasks, faults and time, for callers on this machine only."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from longtake.emulator import faults
from longtake.emulator.credit_books import ShortError
from longtake.emulator.responses import state_of

if TYPE_CHECKING:
    from longtake.emulator.tasks import EmulatedTask


def _from_this_machine(request: Request) -> None:
    host = request.client.host if request.client else ""
    try:
        near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = False
    if not near:
        raise HTTPException(403, "admin calls are taken from this machine only")


router = APIRouter(prefix="/admin", dependencies=[Depends(_from_this_machine)])


class _Change(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    add: int = Field(ge=-(10**12), le=10**12)


@router.get("/books")
async def books(request: Request) -> Response:
    """Every credit that moved, every task, and how many submits came."""
    state = state_of(request)
    return JSONResponse(
        {
            "opening": state.books.opening,
            "balance": state.books.balance,
            "accounts": state.books.accounts(),
            "entries": [dataclasses.asdict(entry) for entry in state.books.entries],
            "tasks": [_shown(task) for task in state.tasks.all],
            "posts": dataclasses.asdict(state.posts),
            "limits": dataclasses.asdict(state.limits),
        }
    )


@router.get("/tasks")
async def tasks(request: Request) -> Response:
    """Every task with what it was asked for."""
    return JSONResponse([{**_shown(task), "body": dict(task.wish.body)} for task in state_of(request).tasks.all])


@router.post("/advance")
async def advance(request: Request) -> Response:
    """Finish all tasks that are processing; answers when they are done."""
    return JSONResponse({"finished": await state_of(request).tasks.advance()})


@router.post("/balance")
async def change_balance(request: Request) -> Response:
    """Move credits that no task explains: `{"add": n}`, negative to spend."""
    state = state_of(request)
    try:
        state.books.external(_Change.model_validate_json(await request.body()).add)
    except ValidationError as error:
        return _unusable(error)
    except ShortError:
        return JSONResponse({"error": "the balance does not hold that many credits"}, status_code=400)
    return JSONResponse({"balance": state.books.balance})


@router.get("/faults")
async def list_faults(request: Request) -> Response:
    """The rules in force and how often each has struck."""
    return JSONResponse(state_of(request).faults.rules)


@router.post("/faults")
async def add_faults(request: Request) -> Response:
    """Append a JSON list of rules to the active ones."""
    state = state_of(request)
    try:
        state.faults.add(faults.parse(await request.body()))
    except ValidationError as error:
        return _unusable(error)
    return JSONResponse(state.faults.rules)


@router.delete("/faults")
async def clear_faults(request: Request) -> Response:
    """Take all rules away; tasks keep the fate they have."""
    state = state_of(request)
    state.faults.clear()
    return JSONResponse(state.faults.rules)


def _shown(task: EmulatedTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "model": task.wish.model.id,
        "prompt": task.wish.prompt,
        "status": task.status,
        "seconds": task.seconds,
        "credits": task.charged,
        "debited": task.debited,
        "refunded": task.refunded,
        "error": task.error,
        "told": task.told,
        "polls": task.polls,
        "created_at": task.created_at,
        "received_at": task.received_at,
        "finished_at": task.finished_at,
    }


def _unusable(error: ValidationError) -> Response:
    problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:20]]
    return JSONResponse({"error": "; ".join(problems)}, status_code=400)
