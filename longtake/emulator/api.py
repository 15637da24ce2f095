"""The provider's API over HTTP (provider-contract.md §1 to §4)."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from longtake.catalog import Catalog
from longtake.emulator import admin, files, inputs, responses, validation
from longtake.emulator.credit_books import CreditBooks, ShortError
from longtake.emulator.faults import AFTER, BEFORE, GETS, SHAPES, Faults
from longtake.emulator.refusal import INVALID, NO_CREDITS, NOT_FOUND, RefusalAnswer
from longtake.emulator.state import EmulatorState
from longtake.emulator.tasks import EmulatedTasks
from longtake.errors import CatalogError
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from longtake.emulator.config import Config
    from longtake.emulator.tasks import EmulatedTask

PREFIX = "/api/v1"
_LARGEST_BODY = 1024 * 1024
_POLL_FAULTS = GETS | SHAPES | {"404", "no-id", "slow"}
_BALANCE_FAULTS = GETS | {"slow"}

router = APIRouter(prefix=PREFIX)


def app(config: Config) -> FastAPI:
    """Build the emulator as an ASGI application.

    Faults that drop the connection need the application to be served by `serve` or `running`; under another server they
    end in a 500.

    Raises:
        CatalogError: the catalog file of `config` is unusable.
    """
    catalog = Catalog.load(config.catalog)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with tempfile.TemporaryDirectory(prefix="longtake-emulator-") as name:
            async with inputs.client() as web:
                books = CreditBooks(config.balance)
                tasks = EmulatedTasks(config, catalog, books, folder=Path(name), web=web)
                app.state.folder, app.state.web = Path(name), web
                app.state.emulator = EmulatorState(
                    config=config,
                    catalog=catalog,
                    books=books,
                    faults=Faults(config.faults, seed=config.seed),
                    tasks=tasks,
                    connections=app.state.connections,
                )
                try:
                    yield
                finally:
                    await tasks.close()

    app = FastAPI(
        title="Longtake emulator", version=VERSION, lifespan=lifespan, openapi_url=None, redirect_slashes=False
    )
    app.state.connections = {}
    app.include_router(router)
    app.include_router(files.router)
    app.include_router(admin.router)
    app.add_exception_handler(RefusalAnswer, _say_no)
    return app


async def _say_no(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RefusalAnswer):
        raise error
    return responses.refused(error)


@router.post("/videos/generations")
async def submit(request: Request) -> Response:
    """Take a request: check it, charge for it, start it. Nothing is deduplicated (provider-contract.md §2)."""
    state, now = responses.state_of(request), time.time()
    state.posts.received += 1
    raw = await _body(request)
    state.count_request(state.key_of(request.headers.get("authorization")))
    state.count_submit()
    prompt = validation.prompt_of(raw)
    rule = state.faults.strike("submit", BEFORE, prompt)
    if rule is not None:
        return await responses.spoilt(request, state, rule)
    task = await _charge(request, state, raw)
    task.received_at = now
    shown = responses.envelope(state, task, str(request.base_url))
    rule = state.faults.strike("submit", AFTER, prompt)
    if rule is not None:
        return await responses.spoilt(request, state, rule, shown)
    state.posts.answered += 1
    task.told = True
    return JSONResponse(shown)


@router.get("/tasks/{task_id}")
async def poll(request: Request, task_id: str) -> Response:
    """Show a task; free."""
    state = responses.state_of(request)
    state.count_request(state.key_of(request.headers.get("authorization")))
    task = state.tasks.get(task_id)
    if task is None:
        raise RefusalAnswer(404, NOT_FOUND, f"task not found: {task_id[:80]}")
    task.polls += 1
    rule = state.faults.strike("poll", _POLL_FAULTS, task.wish.prompt)
    without = None
    if rule is not None and rule.what in SHAPES | {"no-id"}:
        without = rule.what
    elif rule is not None and rule.what == "slow":
        await asyncio.sleep(rule.seconds)
    elif rule is not None:
        return await responses.spoilt(request, state, rule)
    return JSONResponse(responses.envelope(state, task, str(request.base_url), without=without))


@router.get("/balance")
async def balance(request: Request) -> Response:
    """Whole credits left; free. Not offered when the configuration says so."""
    state = responses.state_of(request)
    state.count_request(state.key_of(request.headers.get("authorization")))
    if not state.config.offers_balance:
        raise RefusalAnswer(404, NOT_FOUND, "not found")
    rule = state.faults.strike("balance", _BALANCE_FAULTS, None)
    if rule is not None and rule.what == "slow":
        await asyncio.sleep(rule.seconds)
    elif rule is not None:
        return await responses.spoilt(request, state, rule)
    return JSONResponse({"balance": state.books.balance})


async def _charge(request: Request, state: EmulatorState, raw: bytes) -> EmulatedTask:
    wish = validation.check(validation.read(raw), state.catalog)
    with tempfile.TemporaryDirectory(prefix="probe-", dir=request.app.state.folder) as folder:
        sources = await inputs.look(wish, state.catalog, request.app.state.web, Path(folder))
    try:
        task = state.open_task(wish, sources)
    except ShortError:
        raise RefusalAnswer(402, NO_CREDITS, "the balance does not cover this request") from None
    except CatalogError as error:
        raise RefusalAnswer(400, INVALID, error.message) from None
    state.posts.charged += 1
    return task


async def _body(request: Request) -> bytes:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _LARGEST_BODY:
            raise RefusalAnswer(413, INVALID, f"the request body is larger than {_LARGEST_BODY} bytes")
    return bytes(raw)
