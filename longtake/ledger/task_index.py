"""Which attempts of an account have a task: a task that two attempts name was charged once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from longtake.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longtake.ledger.attempt import Closed
    from longtake.ledger.entry_log import EntryLog
    from longtake.ledger.state import LedgerState

_log = logging.getLogger("longtake.ledger")


class TaskIndex:
    """The task ids of closed attempts, read from the log when they are first needed."""

    def __init__(self, log: EntryLog) -> None:
        self._log = log
        self._attempts: dict[str, set[str]] = {}
        """Task id -> closed attempts that had it, as far as `_until`."""
        self._until = 0

    def other(self, state: LedgerState, task_id: str, *, but: str) -> str | None:
        """Return an attempt other than `but` that has the task, open or closed, within the readable part of the log."""
        try:
            self.learn(state.head)
        except LedgerError as error:
            _log.warning("not known whether a closed attempt has task %s: %s", task_id, error.message)
        found = {a.id for a in state.attempts.values() if a.task_id == task_id} | self._attempts.get(task_id, set())
        return min(found - {but}, default=None)

    def learn(self, until: int) -> None:
        """Read the attempts that closed up to this entry.

        Raises:
            LedgerError: the log cannot be read back that far.
        """
        for closed in self._log.history(since=self._until, until=until):
            if closed.task_id is not None:
                self._attempts.setdefault(closed.task_id, set()).add(closed.id)
        self._until = until

    def closed(self, since: int, until: int) -> Iterator[Closed]:
        """Yield closed attempts within the readable part of the log: an outcome is recorded even if the log has a hole."""
        try:
            yield from self._log.history(since=since, until=until)
        except LedgerError as error:
            _log.warning("not all closed attempts of %s are known: %s", self._log.account, error.message)
