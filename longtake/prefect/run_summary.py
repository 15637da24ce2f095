"""The end of a run: its money, its table and its page, the answer it gives or the error that sums it up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from longtake import report
from longtake.errors import KeyRefusedError, LongtakeError, StoreError
from longtake.ledger import accounts
from longtake.prefect import artifacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.film import Film
    from longtake.ledger import Closed
    from longtake.ledger.accounts import Sums
    from longtake.plan import Plan
    from longtake.report import Books, Outcome
    from longtake.take import Session

__all__ = ["Result", "cancelled", "lacks", "started", "tell"]

_NAMED = 50
"""Shots that an event names; what holds for more is in the page."""


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


def started(session: Session, plan: Plan) -> None:
    """A run begins to make a film: it knows what is missing, and may buy it."""
    artifacts.event(
        "film.started",
        film=session.film,
        account=session.book.account,
        shots=len(plan.shots),
        to_buy=sum(shot.to_buy for shot in plan.shots),
        planned=plan.expected,
        reserve=plan.reserve,
    )


async def tell(session: Session, result: Result) -> dict[str, Any]:
    """Account for a run, show it, and give its answer.

    Raises:
        FilmIncompleteError: something is missing; it carries the answer.
    """
    film = result.film
    money, books, notes = await _account(session, result.plan, result.head)
    outcomes = _bought(result.outcomes, books)
    place = film.place(session.store) if film else None
    seams = {shot.shot: shot.seam for shot in film.manifest.shots if shot.seam is not None} if film else {}
    distances = {label: seam.distance for label, seam in seams.items()}
    lines = await _lines(session, result.sums, notes)
    await artifacts.shots(session.film, report.rows(outcomes, lines, seams=distances))
    notes += [*result.notes, *report.failed_checks(outcomes)]
    seen = report.seam_note({label: distances[label] for label, seam in seams.items() if seam.seen})
    notes += [seen] if seen is not None else []
    pictures, links = await _pictures(session, film, outcomes, notes)
    text = report.page(
        result.plan.title,
        outcomes,
        plan=result.plan,
        money=money,
        books=books,
        pictures=pictures,
        links=links,
        notes=notes,
    )
    await artifacts.page(session.film, text)
    answer = {
        "film": place,
        "manifest": film.manifest_place(session.store) if film else None,
        "shots": [outcome.answer() for outcome in outcomes],
        "credits": money.model_dump(),
        "would_cost": result.would_cost,
        "flow_run_id": flow_run.get_id(),
    }
    account = session.book.account
    if film:
        artifacts.event("film.ready", film=session.film, account=account, place=place, **money.model_dump())
    incomplete = report.incomplete(outcomes, would_cost=result.would_cost, unjoined=result.unjoined)
    if incomplete is not None:
        if not film:
            missing = [one.shot.label for one in outcomes if one.take is None]
            artifacts.event(
                "film.incomplete",
                film=session.film,
                account=account,
                missing=len(missing),
                shots=missing[:_NAMED],
                would_cost=result.would_cost,
                reason=incomplete.message,
                **money.model_dump(),
            )
        incomplete.__dict__["answer"] = answer
        raise incomplete
    return answer


async def cancelled(session: Session) -> None:
    """Say what a run that is being cancelled leaves open and what that costs; takes a few seconds at most and raises nothing."""

    async def work() -> None:
        state = await asyncio.to_thread(session.book.read)
        books = report.Books(session.film, session.run, tuple(state.attempts.values()))
        count, credits = len(books.under_way), sum(one.money for one in books.under_way)
        get_run_logger().warning("cancelled: %s", report.under_way(count, credits))
        artifacts.event(
            "film.cancelled", film=session.film, account=session.book.account, under_way=count, credits=credits
        )
        links = _places(session, None)
        await artifacts.page(session.film, report.cut_short(session.film, books, links=links), patience=artifacts.SHORT)

    await artifacts.harmless(work(), patience=2 * artifacts.SHORT)


async def _lines(session: Session, sums: Sums | None, notes: list[str]) -> list[accounts.Line]:
    """What the ledger says the film has cost, by shot."""
    try:
        return (await asyncio.to_thread(accounts.by_shot, session.book, session.film, sums))[0]
    except StoreError as error:
        notes.append(f"what the film has cost could not be read: {error.message}")
        return []


async def _pictures(
    session: Session, film: Film | None, outcomes: Sequence[Outcome], notes: list[str]
) -> tuple[list[str], dict[str, str]]:
    """Poster and contact sheet as Markdown, and the page's links; the sheet is kept beside the film."""
    store = session.store
    used = [(one.take, one.shot.label) for one in outcomes if one.take is not None]
    takes, labels = [take for take, _ in used], [label for _, label in used]
    key = film.key.removesuffix("film.mp4") + "sheet.jpg" if film else None
    poster = sheet = None
    try:
        poster = await asyncio.to_thread(store.get, film.poster) if film else None
        if key is not None:
            sheet = await asyncio.to_thread(report.kept_sheet, key, takes, store, labels=labels)
        elif takes:
            sheet = await asyncio.to_thread(report.contact_sheet, takes, store, labels=labels)
    except LongtakeError as error:
        notes.append(f"pictures are missing here: {error.message}")
    public = _public(session)

    def url(key: str | None) -> str | None:
        return f"{public.rstrip('/')}/{key}" if public is not None and key is not None else None

    found = artifacts.picture("poster", poster, url=url(film.poster) if film else None)
    found += artifacts.picture("contact sheet", sheet, url=url(key) if sheet is not None else None)
    if sheet is not None and len(takes) > report.MOST_PICTURES:
        notes.append(f"the contact sheet shows {report.MOST_PICTURES} of {len(takes):,} shots, evenly spread")
    links = _places(session, film)
    if sheet is not None and film is not None:
        there = film.place(store).removesuffix("film.mp4") + "sheet.jpg"
        links["contact sheet"] = url(key) or there
    return found, links


def _places(session: Session, film: Film | None) -> dict[str, str]:
    """Where things are, for people; never a signed URL."""
    found = film.links(session.store, public_url=_public(session)) if film else {}
    found["store"] = session.store.uri
    run = url_for("flow-run", obj_id=flow_run.get_id()) if flow_run.get_id() else None
    return found | ({"this run": run} if run is not None else {})


def _public(session: Session) -> str | None:
    """The base URL under which others read the store; an emulator's is gone when the page is read."""
    return None if session.settings.loopback else session.settings.public_url


def _bought(outcomes: Sequence[Outcome], books: Books) -> list[Outcome]:
    """The outcomes of the whole run: what it bought before a pause, or on another worker, is current by now."""
    mine = {one.order.fingerprint for one in books.closed if one.outcome == "settled" and one.order.run == books.run}

    def whole(one: Outcome) -> Outcome:
        if one.state != "current" or mine.isdisjoint(take.fingerprint for take in one.takes):
            return one
        seconds = one.seconds
        if not seconds and one.take is not None and one.take.submitted_at is not None:
            seconds = (one.take.kept_at - one.take.submitted_at).total_seconds()
        return replace(one, state="bought", seconds=seconds)

    return [whole(one) for one in outcomes]


async def _account(session: Session, plan: Plan, head: int) -> tuple[report.Money, Books, list[str]]:
    """This run's money, what the page takes from the ledger, and what the balance says at its end."""
    notes = []
    try:
        checked = await session.balance()
    except KeyRefusedError as error:
        checked = None
        notes.append(f"the balance could not be read at the end: {error.message}")
    if checked is not None and checked.drift:
        since = f" since {checked.since}" if checked.since else ""
        notes.append(f"the balance is {checked.drift:+} credits off{since}: `longtake credits` says more")
    missing = tuple(checked.refunds_missing) if checked else ()
    for attempt in missing:
        notes.append(f"the refund of attempt {attempt} is missing")
        artifacts.event("refund.missing", film=session.film, account=session.book.account, attempt=attempt)
    state = await asyncio.to_thread(session.book.read)
    closed = await asyncio.to_thread(lambda: list(session.book.log.history(since=head)))
    mine = [one for one in closed if one.order.run == session.run]
    settled = [one for one in mine if one.outcome == "settled"]
    estimate, charged = sum(one.order.expected for one in settled), sum(one.charged for one in settled)
    if charged != estimate:
        notes.append(
            f"the provider charged {charged} credits where the catalog expects {estimate}: its rates may be old"
        )
    planned = plan.expected + sum(one.order.expected for one in _before(plan, settled))
    money = report.money_of(state, closed, run=session.run, film=session.film, planned=planned)
    return money, report.Books(session.film, session.run, tuple(state.attempts.values()), mine, missing), notes


def _before(plan: Plan, settled: Sequence[Closed]) -> list[Closed]:
    """What a run bought before the plan was made: it was suspended, or died, and began again."""
    done = {shot.id for shot in plan.shots if not shot.to_buy}
    return [one for one in settled if one.order.shot in done]
