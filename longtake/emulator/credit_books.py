"""The provider's own books: every credit that moved, as double entries."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

Party = Literal["customer", "provider", "outside"]
BookEntryKind = Literal["debit", "refund", "external"]


class ShortError(Exception):
    """The customer's balance does not cover a debit. Stays inside the emulator, which answers 402."""


@dataclass(frozen=True, kw_only=True)
class BookEntry:
    """One move of `credits` (whole, above zero) from one account to another.

    `balance` is the customer's afterwards, `at` the time in seconds since 1970. A top-up or other use of the same
    account from elsewhere is `external` and has no task.
    """

    task: str | None
    kind: BookEntryKind
    credits: int
    source: Party
    target: Party
    balance: int
    at: float


class CreditBooks:
    """The accounts of one workspace. Every method is atomic, from any thread.

    The sum over all accounts is the same before and after every entry; the customer's balance never goes below zero.
    """

    def __init__(self, opening: int) -> None:
        self.opening = opening
        self._lock = threading.Lock()
        self._accounts: dict[Party, int] = {"customer": opening, "provider": 0, "outside": 0}
        self._entries: list[BookEntry] = []
        self._open: dict[str, int] = {}

    @property
    def balance(self) -> int:
        """What the customer holds, in credits."""
        with self._lock:
            return self._accounts["customer"]

    @property
    def entries(self) -> tuple[BookEntry, ...]:
        """All entries, oldest first."""
        with self._lock:
            return tuple(self._entries)

    def accounts(self) -> dict[Party, int]:
        """The balance of each account; their sum is always the opening balance."""
        with self._lock:
            return dict(self._accounts)

    def debit(self, task: str, amount: int) -> None:
        """Take the price of a task before any work is done for it (provider-contract.md §2).

        Raises:
            ShortError: the balance is below `amount`; nothing moved.
        """
        with self._lock:
            if self._accounts["customer"] < amount:
                raise ShortError
            self._open[task] = amount
            self._move(task, "debit", amount, "customer", "provider")

    def refund(self, task: str, amount: int | None = None) -> int:
        """Give back `amount`, or all that is left of what the task was charged; returns what moved.

        Never more than the task was charged, so a second refund moves nothing.
        """
        with self._lock:
            left = self._open.get(task, 0)
            moved = left if amount is None else min(left, amount)
            if moved > 0:
                self._open[task] = left - moved
                self._move(task, "refund", moved, "provider", "customer")
            return moved

    def external(self, amount: int) -> None:
        """Move credits that no task explains: a top-up, or (negative) spending by someone else.

        Raises:
            ShortError: more would be spent than the balance holds; nothing moved.
        """
        with self._lock:
            if self._accounts["customer"] + amount < 0:
                raise ShortError
            if amount > 0:
                self._move(None, "external", amount, "outside", "customer")
            elif amount < 0:
                self._move(None, "external", -amount, "customer", "outside")

    def _move(self, task: str | None, kind: BookEntryKind, amount: int, source: Party, target: Party) -> None:
        self._accounts[source] -= amount
        self._accounts[target] += amount
        self._entries.append(
            BookEntry(
                task=task,
                kind=kind,
                credits=amount,
                source=source,
                target=target,
                balance=self._accounts["customer"],
                at=time.time(),
            )
        )
