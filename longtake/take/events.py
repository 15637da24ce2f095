"""Report the attempts of one run: an event and a log line for each change, after the ledger has it.

Nothing here touches what is paid for. A look every ten seconds reports what takes long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from longtake.errors import BudgetError, InDoubtError, RefusedError, TaskFailedError, TaskIdNotRecordedError
from longtake.ledger.ledger import now
from longtake.library import Take
from longtake.observer import Event, Part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from longtake.errors import LongtakeError
    from longtake.ledger import Attempt, Ledger
    from longtake.observer import Observer, PartName
    from longtake.take.spending import Spending
    from longtake.take.upload import TakeSpec

_LONG = 10.0
"""Seconds after which an unbought take is worth a line, and between two looks at the waiting ones."""
_FEW = 20
"""More waiting takes than this share one line."""


class AttemptEvents:
    """Reports what becomes of the takes of one run to its observer."""

    def __init__(self, observer: Observer, spending: Spending, ledger: Ledger) -> None:
        self.observer = observer
        self._spending, self._ledger = spending, ledger
        self._waiting: dict[str, str] = {}
        """Labels by fingerprint of the takes being bought."""
        self._reported: dict[str, str] = {}
        """The last line about each of them."""
        self._errors: list[LongtakeError] = []

    @property
    def unrecorded(self) -> dict[str, str]:
        """Tasks by attempt that are paid for and whose ids the ledger could not write down."""
        return {one.attempt: one.task_id for one in self._errors if isinstance(one, TaskIdNotRecordedError)}

    def line(self, text: str, *, level: int = logging.INFO) -> None:
        """A line for the log, without an event."""
        self.observer.notify(Event("", self._spending.film, self._ledger.account, text, level))

    def event(self, name: str, text: str = "", *, level: int = logging.INFO, **data: object) -> None:
        """An event of the film, with its line for the log."""
        self.observer.notify(
            Event(name, self._spending.film, self._ledger.account, text, level, {**data, **self._labels()})
        )

    def _labels(self) -> dict[str, object]:
        labels = self._spending.tag.labels
        return {"labels": dict(labels)} if labels else {}

    def making(self, name: PartName, spec: TakeSpec) -> AbstractContextManager[None]:
        """While a take is obtained, or one attempt for it is made."""
        shot = spec.shot
        data = {"id": shot.id, "take": spec.take, "model": shot.model, "continues": shot.parent, "prompt": shot.prompt}
        return self.observer.within(Part(name, spec.label, {**data, "retake": spec.take > shot.takes}))

    @contextlib.contextmanager
    def submitting(self, fingerprint: str, label: str) -> Iterator[datetime]:
        """While a take is being bought; gives the time the purchase began."""
        self._waiting[fingerprint] = label
        try:
            yield now()
        finally:
            self._waiting.pop(fingerprint, None)
            self._reported.pop(fingerprint, None)

    def submitted(self, found: Attempt | Take, label: str, *, since: datetime) -> None:
        """A take has an accepted attempt, of this run or of another, or is in the store already."""
        if isinstance(found, Take):
            self.line(f"{label}: kept by another run meanwhile")
        elif found.order.run != self._spending.run or found.at < since or found.owner != self._ledger.writer:
            # Runs under one agreement have one id, so another process may have bought it for this very run.
            self.line(
                f"{label}: takes up attempt {found.id}, bought before for {found.money} credits as {found.task_id}"
            )
        else:
            self.event(
                "attempt.accepted",
                f"{label}: submitted as attempt {found.number} ({found.id}) for {found.order.reserve} credits, accepted as "
                f"{found.task_id}, polling",
                attempt=found.id,
                number=found.number,
                shot=label,
                task=found.task_id,
                credits=found.order.reserve,
            )

    def task_failed(self, attempt: Attempt, error: TaskFailedError) -> None:
        """The provider failed a task and refunded it."""
        label, credits = attempt.order.label, attempt.order.reserve
        self.event(
            "attempt.failed",
            f"{label}: attempt {attempt.id} failed: {error.message}; {credits} credits are refunded",
            level=logging.WARNING,
            attempt=attempt.id,
            number=attempt.number,
            shot=label,
            task=error.task_id,
            code=error.code,
            retryable=error.retryable,
            reason=error.message,
        )
        self.event("attempt.refunded", attempt=attempt.id, shot=label, credits=credits)

    def kept(self, attempt: Attempt, take: Take, label: str) -> None:
        """A take was ingested."""
        self.event(
            "take.kept",
            f"{label}: kept, {take.clip.seconds:.2f} s for {take.credits} credits",
            attempt=attempt.id,
            shot=label,
            task=take.task_id,
            credits=take.credits,
            seconds=round(take.clip.seconds, 3),
            clip=take.clip.key,
        )

    def not_obtained(self, spec: TakeSpec, error: LongtakeError) -> None:
        """A take could not be had. An error that stops the whole run is reported once."""
        if any(one is error for one in self._errors):
            return
        self._errors.append(error)
        spending, label = self._spending, spec.label
        if spending.halted is not None and type(spending.halted) is type(error):
            if any(type(one) is type(error) for one in self._errors[:-1]):
                return
            self.line(f"{label}: {error.message}; nothing more is bought in this run", level=logging.WARNING)
        elif not isinstance(error, TaskFailedError):
            self.line(f"{label}: {error.message}", level=logging.WARNING)
        if isinstance(error, InDoubtError | TaskIdNotRecordedError):
            self.event("attempt.in-doubt", attempt=error.attempt, shot=label, reason=error.message)
        elif isinstance(error, RefusedError):
            self.event("attempt.refused", shot=label, status=error.status, code=error.code, reason=error.message)
        if isinstance(error, BudgetError) and spending.refused is not error:
            spending.refused = error
            self.over_budget(error)

    def over_budget(self, error: BudgetError) -> None:
        """A purchase would pass a budget."""
        self.event(
            "budget.refused", scope=error.scope, budget=error.budget, needed=error.needed, available=error.available
        )

    def cancelled(self, text: str, *, count: int, credits: int, page: str) -> None:
        """The run is being cancelled; `page` is for people, Markdown."""
        film, account = self._spending.film, self._ledger.account
        data = {"under_way": count, "credits": credits, **self._labels()}
        self.observer.notify(Event("film.cancelled", film, account, f"cancelled: {text}", logging.WARNING, data, page))

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """While the body runs, report what the takes that are not bought yet wait for."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()

    async def _watch(self) -> None:
        before: set[str] = set()
        while True:
            await asyncio.sleep(_LONG)
            slow = {name: label for name, label in self._waiting.items() if name in before}
            before = set(self._waiting)
            if not slow:
                continue
            # In a thread, and once for all of them: the log may be busy with the store.
            state = await asyncio.to_thread(self._ledger.log.known)
            news = []
            for name, label in slow.items():
                text = self._waits_for(state.find(name))
                if name in self._waiting and self._reported.get(name) != text:
                    self._reported[name] = text
                    news.append((label, text))
            for label, text in news[:_FEW]:
                self.line(f"{label}: {text}")
            if len(news) > _FEW:
                self.line(f"{len(news) - _FEW} more takes wait to be bought")

    def _waits_for(self, attempt: Attempt | None) -> str:
        if attempt is None or attempt.phase != "intent":
            return "waits for its turn to be bought"
        if attempt.order.run != self._spending.run:
            return f"waits for attempt {attempt.id} of another run"
        return (
            f"submitted as attempt {attempt.number} ({attempt.id}) for {attempt.order.reserve} credits, no answer yet"
        )
