"""The end of a run: its money, its tables and its page, the answer it gives or the error that sums it up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect.runtime import flow_run

from flows import showing
from longtake import report
from longtake.errors import KeyRefusedError
from longtake.ledger import accounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.errors import LongtakeError
    from longtake.film import Film
    from longtake.ledger.accounts import Sums
    from longtake.plan import Plan
    from longtake.report import Outcome
    from longtake.take import Session

__all__ = ["Result", "lacks", "tell"]


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    plan: Plan
    outcomes: Sequence[Outcome]
    film: Film | None
    unjoined: LongtakeError | None
    """Why there is no film though every shot is there."""
    head: int
    """Where the ledger stood when the run began."""
    would_cost: int
    """Credits to buy what is missing."""
    sums: Sums | None
    """What the film cost before the ledger's last entries."""
    notes: Sequence[str]


def lacks(outcomes: Sequence[Outcome]) -> bool:
    """Whether something that was wanted is not there."""
    return any(outcome.take is None or outcome.error is not None for outcome in outcomes)


async def tell(session: Session, result: Result) -> dict[str, Any]:
    """Account for a run, show it, and give its answer.

    Raises:
        FilmIncompleteError: something is missing; it carries the answer.
    """
    outcomes, film = result.outcomes, result.film
    money, notes = await _account(session, result.plan, result.head)
    place = film.place(session.store) if film else None
    poster = await asyncio.to_thread(session.store.get, film.poster) if film else None
    seams = {shot.id: shot.seam for shot in film.manifest.shots if shot.seam is not None} if film else {}
    rows = [o.row(seams[o.shot.id].distance if o.shot.id in seams else None) for o in outcomes]
    await showing.shots(session.film, rows)
    notes += [*result.notes, *report.failed_checks(outcomes)]
    seen = {o.shot.label: seams[o.shot.id].distance for o in outcomes if o.shot.id in seams and seams[o.shot.id].seen}
    notes += [note for note in [report.seam_note(seen)] if note is not None]
    await showing.credits(session.film, lambda: accounts.by_shot(session.book, session.film, result.sums)[0])
    public = None if session.settings.loopback else session.settings.public_url
    links = film.links(session.store, public_url=public) if film else {}
    text = report.summary(outcomes, money, title=result.plan.title, links=links, notes=notes)
    await showing.summary(session.film, text, poster=poster)
    answer = {
        "film": place,
        "manifest": film.manifest_place(session.store) if film else None,
        "shots": [outcome.answer() for outcome in outcomes],
        "credits": money.model_dump(),
        "would_cost": result.would_cost,
        "flow_run_id": flow_run.get_id(),
    }
    if film:
        showing.event("film.ready", film=session.film, account=session.book.account, place=place, **money.model_dump())
    incomplete = report.incomplete(outcomes, would_cost=result.would_cost, unjoined=result.unjoined)
    if incomplete is not None:
        incomplete.__dict__["answer"] = answer
        raise incomplete
    return answer


async def _account(session: Session, plan: Plan, head: int) -> tuple[report.Money, list[str]]:
    """This run's money, and what the balance says at its end."""
    notes = []
    try:
        checked = await session.balance()
    except KeyRefusedError as error:
        checked = None
        notes.append(f"the balance could not be read at the end: {error.message}")
    if checked is not None and checked.drift:
        since = f" since {checked.since}" if checked.since else ""
        notes.append(f"the balance is {checked.drift:+} credits off{since}: `longtake credits` says more")
    for attempt in checked.refunds_missing if checked else ():
        notes.append(f"the refund of attempt {attempt} is missing")
        showing.event("refund.missing", film=session.film, account=session.book.account, attempt=attempt)
    state = await asyncio.to_thread(session.book.read)
    closed = await asyncio.to_thread(lambda: list(session.book.log.history(since=head)))
    estimate = sum(c.order.expected for c in closed if c.outcome == "settled" and c.order.run == session.run)
    charged = sum(c.charged for c in closed if c.outcome == "settled" and c.order.run == session.run)
    if charged != estimate:
        notes.append(
            f"the provider charged {charged} credits where the catalog expects {estimate}: its rates may be old"
        )
    money = report.money_of(state, closed, run=session.run, film=session.film, planned=plan.expected)
    return money, notes
