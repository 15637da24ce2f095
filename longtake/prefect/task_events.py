"""The steps of a take as they are seen from outside: a line in the run's log and an event for each change, and nothing else.

What is paid for is not touched here: all is said after a step came back, and one look now and then tells what takes so long.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from prefect import get_run_logger

from longtake import tasks
from longtake.errors import InDoubtError, RefusedError, TaskFailedError, TaskIdNotRecordedError
from longtake.ledger.book import now
from longtake.prefect import artifacts
from longtake.take import Steps, Take

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from longtake.errors import LongtakeError
    from longtake.ledger import Attempt
    from longtake.provider import Task
    from longtake.take import Prepared, Session, Wanted

__all__ = ["Following"]

_LONG = 10.0
"""Seconds after which a take that is still not bought is worth a line, and between two looks at those that wait."""
_FEW = 20
"""More takes than this that wait share one line."""


class Following:
    """Follows the takes of one run. `steps` are the tasks of a take, told of as they end."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._log = get_run_logger()
        self._waiting: dict[str, str] = {}
        """Labels by fingerprint of the takes that are being bought."""
        self._said: dict[str, str] = {}
        """What was said last of those that take long."""
        self._told: list[LongtakeError] = []
        self.steps = Steps(upload=tasks.STEPS.upload, submit=self._submit, poll=self._poll, keep=self._keep)

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[Following]:
        """Say of takes that wait what they wait for, while the body runs; its steps depend on nothing at the API."""
        watch = asyncio.create_task(self._watch())
        try:
            with artifacts.alone():
                yield self
        finally:
            watch.cancel()

    def failed(self, wanted: Wanted, error: LongtakeError) -> None:
        """A take was not obtained: say why. What stops the whole run is said once."""
        if any(one is error for one in self._told):
            return
        self._told.append(error)
        session = self._session
        if session.halted is not None and type(session.halted) is type(error):
            if any(type(one) is type(error) for one in self._told[:-1]):
                return
            self._log.warning("%s: %s; nothing more is bought in this run", wanted.label, error.message)
        elif not isinstance(error, TaskFailedError):
            self._log.warning("%s: %s", wanted.label, error.message)
        if isinstance(error, InDoubtError | TaskIdNotRecordedError):
            self._event(
                "attempt.in-doubt",
                attempt=error.attempt,
                shot=wanted.label,
                reason=error.message,
            )
        elif isinstance(error, RefusedError):
            self._event(
                "attempt.refused",
                shot=wanted.label,
                status=error.status,
                code=error.code,
                reason=error.message,
            )

    async def _submit(self, session: Session, prepared: Prepared) -> Attempt | Take:
        label, name, began = prepared.identity.wanted.label, prepared.identity.fingerprint, now()
        self._waiting[name] = label
        try:
            found = await tasks.STEPS.submit(session, prepared)
        finally:
            self._waiting.pop(name, None)
            self._said.pop(name, None)
        if isinstance(found, Take):
            self._log.info("%s: kept by another run meanwhile", label)
        elif found.order.run != session.run or found.at < began:
            self._log.info(
                "%s: takes up attempt %s, bought before for %d credits as %s",
                label,
                found.id,
                found.money,
                found.task_id,
            )
        else:
            self._log.info(
                "%s: submitted as attempt %d (%s) for %d credits, accepted as %s, polling",
                label,
                found.number,
                found.id,
                found.order.reserve,
                found.task_id,
            )
            self._event(
                "attempt.accepted",
                attempt=found.id,
                number=found.number,
                shot=label,
                task=found.task_id,
                credits=found.order.reserve,
            )
        return found

    async def _poll(self, session: Session, attempt: Attempt) -> Task:
        label, credits = attempt.order.label, attempt.order.reserve
        try:
            task = await tasks.STEPS.poll(session, attempt)
        except TaskFailedError as error:
            self._log.warning(
                "%s: attempt %s failed: %s; %d credits are refunded", label, attempt.id, error.message, credits
            )
            self._event(
                "attempt.failed",
                attempt=attempt.id,
                number=attempt.number,
                shot=label,
                task=error.task_id,
                code=error.code,
                retryable=error.retryable,
                reason=error.message,
            )
            self._event(
                "attempt.refunded",
                attempt=attempt.id,
                shot=label,
                credits=credits,
            )
            raise
        self._log.info("%s: made by the provider, fetching it", label)
        return task

    async def _keep(self, session: Session, prepared: Prepared, attempt: Attempt, task: Task) -> Take:
        label = prepared.identity.wanted.label
        take = await tasks.STEPS.keep(session, prepared, attempt, task)
        self._log.info("%s: kept, %.2f s for %d credits", label, take.clip.seconds, take.credits)
        self._event(
            "take.kept",
            attempt=attempt.id,
            shot=label,
            task=take.task_id,
            credits=take.credits,
            seconds=round(take.clip.seconds, 3),
            clip=take.clip.key,
        )
        return take

    def _event(self, name: str, **said: object) -> None:
        artifacts.event(name, film=self._session.film, account=self._session.book.account, **said)

    async def _watch(self) -> None:
        before: set[str] = set()
        while True:
            await asyncio.sleep(_LONG)
            slow = {name: label for name, label in self._waiting.items() if name in before}
            before = set(self._waiting)
            if not slow:
                continue
            # In a thread, and once for all of them: the log may be busy with the store.
            state = await asyncio.to_thread(self._session.book.log.known)
            news = []
            for name, label in slow.items():
                said = self._waits_for(state.find(name))
                if name in self._waiting and self._said.get(name) != said:
                    self._said[name] = said
                    news.append((label, said))
            for label, said in news[:_FEW]:
                self._log.info("%s: %s", label, said)
            if len(news) > _FEW:
                self._log.info("%d more takes wait to be bought", len(news) - _FEW)

    def _waits_for(self, attempt: Attempt | None) -> str:
        if attempt is None or attempt.phase != "intent":
            return "waits for its turn to be bought"
        if attempt.order.run != self._session.run:
            return f"waits for attempt {attempt.id} of another run"
        return (
            f"submitted as attempt {attempt.number} ({attempt.id}) for {attempt.order.reserve} credits, no answer yet"
        )
