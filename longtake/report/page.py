"""The page of a run in Markdown: pictures, plan against actual, refunds, doubts and what to do, links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longtake.ledger import DOUBTS
from longtake.report.words import link, many, plain, stale_note, under_way

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longtake.ledger import Attempt, Closed
    from longtake.plan import Plan
    from longtake.report.outcomes import Money, ShotOutcome

_MOST = 40
"""Lines of one part of the page; a last line counts the rest."""

_LONGEST = 1500
"""Characters of one line."""


@dataclass(frozen=True, slots=True)
class RunLedger:
    """What a page needs from the ledger: open attempts of the film, closed ones of the run, refunds not received."""

    film: str
    run: str
    attempts: Sequence[Attempt] = ()
    closed: Sequence[Closed] = ()
    missing: Sequence[str] = field(default=())

    @property
    def doubts(self) -> list[Attempt]:
        """The film's attempts that may have been charged."""
        return [one for one in self.attempts if one.order.film == self.film and one.phase in DOUBTS]

    @property
    def under_way(self) -> list[Attempt]:
        """The film's attempts that the next run continues."""
        return [one for one in self.attempts if one.order.film == self.film and one.phase not in DOUBTS]


def page(
    title: str,
    outcomes: Sequence[ShotOutcome],
    *,
    plan: Plan,
    money: Money,
    books: RunLedger,
    pictures: Sequence[str] = (),
    links: Mapping[str, str],
    notes: Sequence[str] = (),
) -> str:
    """Write the page of a run that ended by itself.

    Args:
        title: the film's.
        outcomes: one for each shot.
        plan: the run's plan.
        money: the credits it spent.
        books: the ledger's entries for it.
        pictures: Markdown that shows pictures, already escaped.
        links: names to paths or public URLs, never signed ones.
        notes: further remarks, as plain text.
    """
    made = sum(one.state == "bought" for one in outcomes)
    there = sum(one.state in {"current", "stale"} for one in outcomes)
    missing = sum(one.take is None for one in outcomes)
    stale = stale_note([one.shot.label for one in outcomes if one.state == "stale"])
    failed = [one for one in outcomes if one.error is not None]
    parts = [
        f"# {plain(title)}",
        f"**{len(outcomes)}** shots: {made} bought in this run, {there} were there, {missing} missing.",
        (
            f"Credits: planned **{money.planned}**, charged **{money.charged}**, refunded **{money.refunded}**, "
            f"in doubt **{money.in_doubt}**."
        ),
        *pictures,
        *_part("Plan and actual", _scenes(plan, books)),
        *_part(
            "Not there",
            _listed(f"* **{plain(one.shot.label)}** {one.state}: {_short(str(one.error))}" for one in failed),
        ),
        *_doubts(books),
        *_part("Refunds", _refunds(books)),
        *_part("To know", _listed(f"* {_short(note)}" for note in [*notes, *([stale] if stale else [])])),
        *_part("Links", [f"* {name}: {link(place)}" for name, place in links.items()]),
    ]
    return "\n\n".join(parts)


def cut_short(film: str, books: RunLedger, *, links: Mapping[str, str]) -> str:
    """Write the page of a cancelled run: the attempts it leaves open and their price."""
    open_ones = books.under_way
    rows = _listed(
        f"| {plain(one.order.label)} | {one.id} | {one.phase} | {one.money} | {plain(one.task_id or '')} |"
        for one in open_ones
    )
    head = ["| take | attempt | is | credits | task |", "|---|---|---|---:|---|"]
    said = under_way(len(open_ones), sum(one.money for one in open_ones))
    parts = [
        f"# {plain(film)}",
        f"The run was cancelled: {said}. Each is paid for once, whichever run continues it."
        if open_ones
        else f"The run was cancelled: {said}.",
        *_part("Under way", [*head, *rows] if rows else []),
        *_doubts(books),
        *_part("Links", [f"* {name}: {link(place)}" for name, place in links.items()]),
    ]
    return "\n\n".join(parts)


def _part(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "\n".join(lines)] if lines else []


def _listed(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return found if len(found) <= _MOST else [*found[:_MOST], "", f"… and {len(found) - _MOST:,} more"]


def _short(text: str) -> str:
    """Shorten a sentence that names a thousand shots."""
    return plain(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _scenes(plan: Plan, books: RunLedger) -> list[str]:
    """Planned and actual credits of this run, scene by scene, where there are any."""
    sums: dict[str, list[int]] = {shot.scene: [0, 0, 0, 0, 0, 0] for shot in plan.shots}
    for shot in plan.shots:
        sums[shot.scene][0] += 1
        sums[shot.scene][1] += shot.expected
    for closed in books.closed:
        if closed.order.run == books.run and closed.order.scene in sums:
            sums[closed.order.scene][2] += closed.charged
            sums[closed.order.scene][3] += closed.refunded
    for attempt in books.attempts:
        order = attempt.order
        if order.film == books.film and order.scene in sums:
            doubt, done = attempt.phase in DOUBTS, attempt.phase == "completed" and order.run == books.run
            sums[order.scene][5 if doubt else 2 if done else 4] += attempt.money
    busy = {scene: row for scene, row in sums.items() if any(row[1:])}
    if not busy:
        return ["Nothing had to be bought."]
    rows = _folded(busy)
    rows.append(("**all**", [sum(row[index] for row in sums.values()) for index in range(6)]))
    return [
        "| scene | shots | planned | charged | refunded | under way | in doubt |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(f"| {scene} | {' | '.join(f'{value:,}' for value in row)} |" for scene, row in rows),
    ]


def _folded(busy: dict[str, list[int]]) -> list[tuple[str, list[int]]]:
    rows = [(plain(scene), row) for scene, row in busy.items()]
    if len(rows) <= _MOST:
        return rows
    rest = [row for _, row in rows[_MOST:]]
    return [*rows[:_MOST], (f"{len(rest):,} more", [sum(column) for column in zip(*rest, strict=True)])]


def _doubts(books: RunLedger) -> list[str]:
    if not (doubts := books.doubts):
        return []
    lines = _listed(
        f"* **{one.id}** {plain(one.order.label)}: {one.money} credits, "
        f"{'charged, its task is lost' if one.phase == 'held' else 'may have been charged'} ({plain(one.reason)})"
        for one in doubts
    )
    lines += [
        "",
        (
            "Nothing is bought for these takes until that is settled. `longtake credits reconcile` settles what the balance "
            f"shows; for the rest look at the provider's list of tasks and run `longtake credits resolve {doubts[0].id}` with "
            "`--adopt TASK_ID`, `--not-charged` or `--write-off`."
        ),
    ]
    return _part("In doubt", lines)


def _refunds(books: RunLedger) -> list[str]:
    given = [one for one in books.closed if one.order.run == books.run and one.outcome == "refunded"]
    lines = _listed(
        f"* {one.id} {plain(one.order.label)}: {one.refunded} credits"
        f"{', **not in the balance yet**' if one.id in books.missing else ''} ({plain(one.reason) or 'the task failed'})"
        for one in given
    )
    older = [name for name in books.missing if name not in {one.id for one in given}]
    if older:
        lines += [f"* owed from before and not in the balance: {', '.join(older[:_MOST])}"]
    if given and len(given) > 1:
        lines = [f"{many(len(given), 'attempt')}, {sum(one.refunded for one in given):,} credits:", "", *lines]
    return lines
