"""Where every credit went: lines per film, scene, shot, take and day, with the estimate next to the charge.

A line is derived from attempts, open and closed; sums of lines are sums of attempts. All amounts are whole credits.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from longtake.frozen import Frozen
from longtake.ledger.attempt import DOUBTS, day_of
from longtake.ledger.fold import CHECKPOINT_EVERY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longtake.ledger.attempt import Attempt, Closed
    from longtake.ledger.ledger import Ledger

GroupBy = Literal["film", "scene", "shot", "day", "label"]

_FAR = 16 * CHECKPOINT_EVERY


@dataclass(frozen=True, slots=True)
class SpendLine:
    """Sums over attempts. `estimate` is what the settled ones should have cost, `settled` what they did cost.

    `written_off` is what was lost: given up by a person, or never refunded. So settled, reserved, in doubt (where it was charged)
    and written off together are what the balance lost.
    """

    film: str = ""
    scene: str = ""
    shot: str = ""
    day: str = ""
    label: str = ""
    """The value of the label that the lines were asked for by; "(none)" for purchases without it."""
    attempts: int = 0
    estimate: int = 0
    settled: int = 0
    refunded: int = 0
    reserved: int = 0
    in_doubt: int = 0
    written_off: int = 0

    def plus(self, other: SpendLine) -> SpendLine:
        """The sum of two lines; names are those of this one."""
        return SpendLine(
            film=self.film,
            scene=self.scene,
            shot=self.shot,
            day=self.day,
            label=self.label,
            attempts=self.attempts + other.attempts,
            estimate=self.estimate + other.estimate,
            settled=self.settled + other.settled,
            refunded=self.refunded + other.refunded,
            reserved=self.reserved + other.reserved,
            in_doubt=self.in_doubt + other.in_doubt,
            written_off=self.written_off + other.written_off,
        )

    def row(self) -> dict[str, Any]:
        """As a row of a table, without the names this line does not have."""
        return {k: v for k, v in asdict(self).items() if v != ""}


def open_line(a: Attempt) -> SpendLine:
    """The line of an attempt whose money is not settled yet."""
    doubtful, done = a.phase in DOUBTS, a.phase == "completed"
    return SpendLine(
        film=a.order.film,
        scene=a.order.scene,
        shot=a.order.shot,
        day=day_of(a.at),
        attempts=1,
        estimate=a.order.expected if done else 0,
        settled=a.charge if done else 0,
        reserved=0 if doubtful or done else a.money,
        in_doubt=a.money if doubtful else 0,
    )


def closed_line(c: Closed) -> SpendLine:
    """The line of a closed attempt, or of a correction of one."""
    settled = c.outcome == "settled"
    lost = {"written_off": c.charged, "refund_missing": -c.refunded, "refund_found": -c.refunded}
    return SpendLine(
        film=c.order.film,
        scene=c.order.scene,
        shot=c.order.shot,
        day=c.day,
        attempts=0 if c.outcome in {"refund_missing", "refund_found"} else 1,
        estimate=c.order.expected if settled else 0,
        settled=c.charged if settled else 0,
        refunded=c.refunded,
        written_off=lost.get(c.outcome, 0),
    )


def lines(ledger: Ledger, *, film: str | None = None, label: str | None = None) -> list[SpendLine]:
    """One line per attempt, the oldest closed first, the open ones last.

    Args:
        ledger: the account's ledger.
        film: only this film, by its slug.
        label: the label whose value the lines get.

    Raises:
        StoreError: the store is away.
    """
    state = ledger.read()
    # What closes while this is read is still among the open.
    found = [(c.order, closed_line(c)) for c in ledger.log.history(until=state.head)]
    found += [(a.order, open_line(a)) for a in state.attempts.values()]
    return [
        line if label is None else replace(line, label=order.labels.get(label) or "(none)")
        for order, line in found
        if film is None or line.film == film
    ]


class SpendSums(Frozen):
    """What a film's closed attempts come to by shot, up to a checkpoint of an account's log: a later reader goes on from there."""

    account: str
    head: int
    """The last entry that is in them."""
    rows: tuple[SpendLine, ...]

    def is_far(self) -> bool:
        """Whether going on from here in place of the log's first entry saves more than a few requests."""
        return self.head >= _FAR

    def is_far_from(self, other: SpendSums) -> bool:
        """Whether going on from here in place of the other saves more than a few requests."""
        return self.account != other.account or abs(self.head - other.head) >= _FAR


def by_shot(ledger: Ledger, film: str, since: SpendSums | None = None) -> tuple[list[SpendLine], SpendSums]:
    """A film's lines by scene and shot as `grouped` gives them, and the part of them that will not change any more.

    Args:
        ledger: the account's ledger.
        film: the film's slug.
        since: what was summed before; it counts for the same account, so that only what closed behind it is read.

    Raises:
        StoreError: the store is away.
    """
    state = ledger.read()
    whole = state.head // CHECKPOINT_EVERY * CHECKPOINT_EVERY
    known = since if since is not None and since.account == ledger.account and since.head <= whole else None
    done = known.head if known is not None else 0

    def closed(since: int, until: int) -> list[SpendLine]:
        return [closed_line(c) for c in ledger.log.history(since=since, until=until) if c.order.film == film]

    sums = SpendSums(
        account=ledger.account,
        head=whole,
        rows=tuple(grouped([*(known.rows if known is not None else ()), *closed(done, whole)], ("scene", "shot"))),
    )
    still = [open_line(a) for a in state.attempts.values() if a.order.film == film]
    return grouped([*sums.rows, *closed(whole, state.head), *still], ("scene", "shot")), sums


def total(attempts: Iterable[SpendLine]) -> SpendLine:
    """The sum of all lines."""
    result = SpendLine()
    for line in attempts:
        result = result.plus(line)
    return result


def grouped(attempts: Iterable[SpendLine], by: tuple[GroupBy, ...]) -> list[SpendLine]:
    """Sums of lines with the same names in `by`, in the order these first appear."""
    groups: dict[tuple[str, ...], SpendLine] = {}
    for line in attempts:
        key = tuple(getattr(line, name) for name in by)
        known = groups.get(key) or replace(SpendLine(), **dict(zip(by, key, strict=True)))
        groups[key] = known.plus(line)
    return list(groups.values())
