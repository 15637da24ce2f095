"""Tasks of the emulator: charged first, then made, then completed, or refunded and failed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import math
import secrets
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from longtake.catalog import AUTO_DURATION
from longtake.emulator import inputs, rendering
from longtake.emulator.copying import Copies
from longtake.errors import FfmpegError, MediaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from longtake.catalog import Catalog, Model
    from longtake.emulator.config import Config
    from longtake.emulator.credit_books import CreditBooks
    from longtake.emulator.faults import Fate
    from longtake.emulator.inputs import InputSources
    from longtake.emulator.rendering import RenderedClip
    from longtake.emulator.validation import Wish

_log = logging.getLogger("longtake.emulator")

RENDERS_AT_ONCE = 2
_CHOICES = 8
"""Lengths the emulator chooses among, in whole seconds up from the model's shortest, when asked for -1."""
_MESSAGES = {
    80003: "the generation service failed",
    80006: "the request was rejected by the content policy",
    80007: "an input URL could not be read by the generation service",
}


@dataclass(kw_only=True)
class EmulatedTask:
    """One paid task. Only `EmulatedTasks` changes it, on its event loop.

    `debited` is what was taken at submit, `charged` what the real seconds cost, `refunded` what was given back (credits).
    `told` says whether an answer with the id was sent to the client. The times are seconds since 1970; `received_at`
    is when its POST came, before it was read.
    """

    id: str
    wish: Wish
    sources: InputSources
    fate: Fate
    digest: str
    seconds: int
    debited: int
    charged: int
    created_at: float
    status: Literal["processing", "completed", "failed"] = "processing"
    refunded: int = 0
    error: int | None = None
    told: bool = False
    polls: int = 0
    received_at: float | None = None
    finished_at: float | None = None
    files: RenderedClip | None = None
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def message(self) -> str | None:
        """What the provider says about a failure."""
        return None if self.error is None else _MESSAGES[self.error]


class EmulatedTasks:
    """All tasks of one emulator and the work on them, in one event loop."""

    def __init__(
        self, config: Config, catalog: Catalog, books: CreditBooks, *, folder: Path, web: httpx.AsyncClient
    ) -> None:
        self._config = config
        self._catalog = catalog
        self._books = books
        self._folder = folder
        self._web = web
        self._tasks: dict[str, EmulatedTask] = {}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._asked: Counter[str] = Counter()
        """How often each request was charged for."""
        self._pool = asyncio.Semaphore(RENDERS_AT_ONCE)
        self._render = Copies(folder / "originals").render if config.copies else rendering.render

    @property
    def all(self) -> tuple[EmulatedTask, ...]:
        """Every task, oldest first."""
        return tuple(self._tasks.values())

    def get(self, task_id: str) -> EmulatedTask | None:
        """The task of this id."""
        return self._tasks.get(task_id)

    def open(self, wish: Wish, sources: InputSources, draw: Callable[[str], Fate]) -> EmulatedTask:
        """Charge for a task and start it. Nothing is awaited in between, so no task exists that was not charged.

        `draw` gives a charged task its fate by its prompt; a refused request uses up no fault.

        Raises:
            ShortError: the balance is too low; no task was opened.
            CatalogError: the catalog has no price for this.
        """
        asked = _digest(wish, sources, self._config.seed)
        digest = self._renewed(asked)
        seconds = _real_seconds(wish, digest)
        model, source_seconds = wish.model.id, sources.video_seconds
        reserve = self._catalog.reserve(
            model, resolution=wish.resolution, seconds=wish.seconds, source_seconds=source_seconds
        ).credits
        price = self._catalog.price(
            model, resolution=wish.resolution, seconds=seconds, source_seconds=source_seconds
        ).credits
        task_id = f"task_{secrets.token_hex(16)}"
        self._books.debit(task_id, reserve)
        self._asked[asked] += 1
        task = EmulatedTask(
            id=task_id,
            wish=wish,
            sources=sources,
            fate=draw(wish.prompt),
            digest=digest,
            seconds=seconds,
            debited=reserve,
            charged=price,
            created_at=time.time(),
        )
        self._tasks[task_id] = task
        self._work[task_id] = asyncio.create_task(self._run(task), name=task_id)
        _log.info("%s: %s, %d s at %s, %d credits", task_id, model, seconds, wish.resolution, reserve)
        return task

    def _renewed(self, digest: str) -> str:
        """A digest that differs each time the same request comes: a model never makes the same clip twice."""
        asked = self._asked[digest]
        return hashlib.sha256(f"{digest} {asked}".encode()).hexdigest() if asked else digest

    async def advance(self) -> int:
        """Finish every task that is processing now, without its waiting time; returns how many there were."""
        running = [self._work[task.id] for task in self.all if task.status == "processing"]
        for task in self.all:
            task.hurry.set()
        await asyncio.gather(*running)
        return len(running)

    async def close(self) -> None:
        """Stop all work; tasks that were processing stay so."""
        for work in self._work.values():
            work.cancel()
        await asyncio.gather(*self._work.values(), return_exceptions=True)

    async def _run(self, task: EmulatedTask) -> None:
        code, files = task.fate.code, None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_time(task))
                making = group.create_task(self._make(task)) if code is None else None
            if making is not None:
                code, files = making.result()
        except Exception:  # noqa: BLE001 - after any failure the task must end and be refunded
            _log.exception("%s: the emulator itself failed", task.id)
            code = 80003
        self._finish(task, code, files)

    def _finish(self, task: EmulatedTask, code: int | None, files: RenderedClip | None) -> None:
        if code is None:
            # An open length was charged for the longest: the difference goes back before a client can see the price.
            task.refunded = self._books.refund(task.id, task.debited - task.charged)
            task.files = files
            task.status = "completed"
        else:
            # provider-contract.md §2: refunded before any poll can show `failed`.
            task.refunded = self._books.refund(task.id) if task.fate.refund else 0
            task.error = code
            task.status = "failed"
        task.finished_at = time.time()
        _log.info("%s: %s%s", task.id, task.status, f" with {code}" if code else "")

    async def _pass_time(self, task: EmulatedTask) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(task.hurry.wait(), self._config.processing + task.fate.extra_seconds)

    async def _make(self, task: EmulatedTask) -> tuple[int | None, RenderedClip | None]:
        """Fetch the inputs once more and render; gives an error code or the files."""
        wish = task.wish
        width, height = _pixels(wish.model, wish.size, wish.resolution, task.sources.shape)
        async with self._pool:
            folder = self._folder / task.id
            folder.mkdir()
            pinned: dict[str, Path] = {}
            try:
                for number, url in enumerate(wish.urls):
                    into = folder / f"input-{number}"
                    await inputs.fetch(self._web, url, into, limit=None)
                    pinned[url] = into
                order = rendering.RenderOrder(
                    prompt=wish.prompt,
                    digest=task.digest,
                    width=width,
                    height=height,
                    frames=self._catalog.frames.count(task.seconds),
                    rate=self._catalog.frames.per_second,
                    audio=wish.audio,
                    speed=self._config.speed,
                    first=pinned.get(wish.first_url or ""),
                    last=pinned.get(wish.last_url or ""),
                    spoiled=task.fate.spoiled,
                )
                return None, await self._render(order, folder)
            except (inputs.UnreadableError, FfmpegError, MediaError) as error:
                _log.warning("%s: %s", task.id, error)
                shutil.rmtree(folder, ignore_errors=True)
                return (80007 if wish.urls else 80003), None
            finally:
                for into in pinned.values():
                    into.unlink(missing_ok=True)


def _digest(wish: Wish, sources: InputSources, seed: int) -> str:
    """Digest what decides a clip: the request with digests for URLs, without fields that do not change the picture."""
    names = wish.model.fields
    dropped = {names.image, names.video, names.audio, names.frames, names.last_frame}
    rest = {name: value for name, value in wish.body.items() if name not in dropped}
    shape = [len(wish.images), len(wish.videos), len(wish.sounds), wish.first_url is not None]
    decides = [rest, shape, [source.sha256 for source in sources.all], seed]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def _real_seconds(wish: Wish, digest: str) -> int:
    if wish.seconds != AUTO_DURATION:
        return wish.seconds
    rule = wish.model.duration
    return min(rule.max, rule.min + int(digest[:8], 16) % _CHOICES)


def _pixels(model: Model, size: str, resolution: str, shape: tuple[int, int] | None) -> tuple[int, int]:
    """The size of the clip: from the catalog; for `adaptive`, the ratio nearest to the first picture's.

    Where the catalog knows no size (4k), twice the largest it knows.
    """
    sizes, factor = model.pixel_table.get(resolution), 1
    if sizes is None:
        sizes, factor = (
            max(model.pixel_table.values(), key=lambda some: max(width * height for width, height in some.values())),
            2,
        )
    if size in sizes:
        width, height = sizes[size]
    elif shape is None:
        width, height = next(iter(sizes.values()))
    else:
        wanted = math.log(shape[0] / shape[1])
        width, height = min(sizes.values(), key=lambda pair: abs(math.log(pair[0] / pair[1]) - wanted))
    return width * factor, height * factor
