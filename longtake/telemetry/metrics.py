"""The metrics: levels are what the ledger says when they are sent, counts are what this process has seen.

So levels are right after a crash, and include what other processes bought: of several that send one, take the highest. Counts
add up.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation

from longtake.errors import LongtakeError
from longtake.ledger import DOUBTS
from longtake.telemetry.attributes import ACCOUNT, FILM, STATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from opentelemetry.metrics import CallbackOptions, Meter

    from longtake.ledger import Attempt, Ledger, LedgerState

_log = logging.getLogger("longtake.telemetry")

_LINKS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Bounds of the histogram, seconds: a link takes a twentieth of a second where nothing holds it up."""
_FRESH = 1.0
"""Seconds in which a ledger is not read again: the levels of one export come from one reading."""


class Metrics:
    """The instruments of a meter, and the ledgers that levels are read from."""

    def __init__(self, meter: Meter) -> None:
        self.refunds = meter.create_counter(
            "longtake.refunds", "{refund}", "Failed generations whose credits were booked as given back"
        )
        self.retakes = meter.create_counter(
            "longtake.retakes", "{take}", "Takes kept in addition to those that a shot asks for"
        )
        self.link = meter.create_histogram(
            "longtake.link.duration",
            "s",
            "Time from the end of a generation to the POST of the shot that continues it",
            explicit_bucket_boundaries_advisory=_LINKS,
        )
        gauges = (
            ("longtake.credits", self._credits, "{credit}", "Credits of the account, by state"),
            ("longtake.film.credits", self._film_credits, "{credit}", "Credits of a film over all its runs, by state"),
            ("longtake.generations", self._generations, "{generation}", "Generations of the account in flight"),
            ("longtake.doubts", self._doubts, "{attempt}", "Attempts of the account that may have been charged"),
        )
        for name, read, unit, text in gauges:
            meter.create_observable_gauge(name, [read], unit, text)
        self._guard, self._turn = threading.Lock(), threading.Lock()
        self._films: collections.Counter[tuple[str, str]] = collections.Counter()
        self._ledgers: dict[str, Ledger] = {}
        self._seen: dict[str, tuple[float, LedgerState]] = {}

    @contextlib.contextmanager
    def reading(self, ledger: Ledger, film: str) -> Iterator[None]:
        """While the body runs, send levels of an account and of a film of it."""
        one = (ledger.account, film)
        with self._guard:
            self._ledgers[ledger.account] = ledger
            self._films[one] += 1
        try:
            yield
        finally:
            with self._guard:
                self._films[one] -= 1
                self._films += collections.Counter()  # drops those that no run makes any more
                if all(account != ledger.account for account, _ in self._films):
                    self._ledgers.pop(ledger.account, None)

    def expire(self) -> None:
        """Read the ledgers again at the next export, whenever they were read last."""
        with self._turn:
            self._seen = {account: (-_FRESH, state) for account, (_, state) in self._seen.items()}

    def _states(self) -> list[tuple[str, LedgerState]]:
        """Each account with its ledger's state; the last known one where the store does not answer."""
        with self._guard:
            ledgers = list(self._ledgers.values())
        # A lock of its own: a run that begins must not wait for the store here.
        with self._turn:
            seen = {one.account: self._seen.get(one.account, (-_FRESH, None)) for one in ledgers}
            for one in ledgers:
                at, state = seen[one.account]
                if state is None or time.monotonic() - at > _FRESH:
                    seen[one.account] = time.monotonic(), _read(one)
            self._seen = {account: (at, state) for account, (at, state) in seen.items() if state is not None}
            return [(account, state) for account, (_, state) in self._seen.items()]

    def _credits(self, _: CallbackOptions) -> Iterable[Observation]:
        for account, state in self._states():
            taken = list(state.attempts.values())
            # What is accepted is debited already, and may come back.
            open_debits = sum(one.order.reserve for one in taken if one.phase in {"accepted", "failed"})
            found = {"charged": state.debits - open_debits, "refunded": state.refunds, **_held(taken)}
            yield from (Observation(amount, {ACCOUNT: account, STATE: name}) for name, amount in found.items())

    def _film_credits(self, _: CallbackOptions) -> Iterable[Observation]:
        states = dict(self._states())
        with self._guard:
            films = [one for one in self._films if one[0] in states]
        for account, film in films:
            state = states[account]
            taken = [one for one in state.attempts.values() if one.order.film == film]
            spent = state.films.get(film, 0) + sum(one.money for one in taken if one.phase == "completed")
            for name, amount in {"spent": spent, **_held(taken)}.items():
                yield Observation(amount, {ACCOUNT: account, FILM: film, STATE: name})

    def _generations(self, _: CallbackOptions) -> Iterable[Observation]:
        for account, state in self._states():
            count = sum(one.phase == "accepted" for one in state.attempts.values())
            yield Observation(count, {ACCOUNT: account})

    def _doubts(self, _: CallbackOptions) -> Iterable[Observation]:
        for account, state in self._states():
            yield Observation(len(state.doubts()), {ACCOUNT: account})


def _held(attempts: Sequence[Attempt]) -> dict[str, int]:
    """Credits of open attempts whose outcome is not known."""
    return {
        "reserved": sum(one.money for one in attempts if one.phase in {"intent", "accepted", "failed"}),
        "in_doubt": sum(one.money for one in attempts if one.phase in DOUBTS),
    }


def _read(ledger: Ledger) -> LedgerState:
    try:
        return ledger.read()
    except LongtakeError as error:
        _log.debug("levels are of the last reading: %s", error.message)
        return ledger.log.known()
