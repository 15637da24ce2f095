"""The end of a run: its money, its table and its page, and the film as a value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from longtake import preflight, report
from longtake.errors import KeyRefusedError, LongtakeError, StoreError, TaskIdNotRecordedError
from longtake.ledger import accounts
from longtake.ledger.readings import differs
from longtake.studio.film import Film, ShotResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longtake.film import JoinedFilm
    from longtake.ledger import Closed
    from longtake.ledger.accounts import SpendSums
    from longtake.plan import Plan
    from longtake.report import RunLedger, ShotOutcome
    from longtake.settings import Settings
    from longtake.store import Store
    from longtake.take import Session

_NAMED = 50
"""Shots that an event names; the page has all of them."""
IDLE_PATIENCE = 3.0
"""Seconds a run that has nothing to buy, to fetch or to join waits for each reading of the balance."""


@dataclass(frozen=True)
class FilmResult:
    """What came of a run."""

    plan: Plan
    outcomes: Sequence[ShotOutcome]
    joined: JoinedFilm | None
    unjoined: LongtakeError | None
    """Why there is no film although every shot has a take."""
    head: int
    """Where the ledger stood when the run began."""
    would_cost: int
    """Credits to buy what is missing."""
    sums: SpendSums | None
    """What the film cost before the ledger's last entries."""
    notes: Sequence[str]


def balance_patience(plan: Plan) -> float | None:
    """Seconds a run waits for a reading of the balance: a run with nothing to buy must not wait long for a dead provider."""
    return None if preflight.needed(plan) else IDLE_PATIENCE


def lacks(outcomes: Sequence[ShotOutcome]) -> bool:
    """Whether something that was wanted is not there."""
    return any(outcome.take is None or outcome.error is not None for outcome in outcomes)


async def summarize(
    session: Session, result: FilmResult, links: Mapping[str, str]
) -> tuple[Film, LongtakeError | None]:
    """Account for a run; return the film and the error that summarizes the missing shots, None if the film is whole.

    Args:
        session: the run's.
        result: what came of it.
        links: more places for the page, by name.
    """
    joined = result.joined
    money, books, notes = await _account(session, result.plan, result.head)
    drift = session.ledger.log.known().offset
    outcomes = _bought(result.outcomes, books)
    lines = await _lines(session, result.sums, notes)
    notes += result.notes
    rows, page = await asyncio.to_thread(
        describe,
        session.store,
        session.settings,
        outcomes,
        plan=result.plan,
        money=money,
        books=books,
        joined=joined,
        lines=lines,
        notes=notes,
        links=links,
    )
    film = Film(
        title=result.plan.title,
        name=session.film,
        place=joined.place(session.store) if joined else None,
        path=session.store.path(joined.key) if joined else None,
        manifest=joined.manifest_place(session.store) if joined else None,
        poster=joined.poster if joined else None,
        deliverables=joined.deliverables(session.store) if joined else {},
        shots={one.shot.id: shot_result(one) for one in outcomes},
        cost=money,
        would_cost=result.would_cost,
        plan=result.plan,
        notes=tuple(notes),
        rows=rows,
        page=page,
        run=session.run,
    )
    if film.place is not None:
        session.events.event("film.ready", place=film.place, drift=drift, **money.model_dump())
    incomplete = report.incomplete(outcomes, would_cost=result.would_cost, unjoined=result.unjoined)
    if incomplete is not None and not joined:
        missing = [one.shot.label for one in outcomes if one.take is None]
        session.events.event(
            "film.incomplete",
            missing=len(missing),
            shots=missing[:_NAMED],
            would_cost=result.would_cost,
            reason=incomplete.message,
            drift=drift,
            **money.model_dump(),
        )
    return film, incomplete


def describe(
    store: Store,
    settings: Settings,
    outcomes: Sequence[ShotOutcome],
    *,
    plan: Plan,
    money: report.Money,
    books: RunLedger,
    joined: JoinedFilm | None,
    lines: Sequence[accounts.SpendLine],
    notes: list[str],
    links: Mapping[str, str],
) -> tuple[tuple[dict[str, Any], ...], str]:
    """Make the table of shots and the page of a run. Findings are added to `notes`."""
    seams = {shot.shot: shot.seam for shot in joined.manifest.shots if shot.seam is not None} if joined else {}
    distances = {label: seam.distance for label, seam in seams.items()}
    notes += report.failed_checks(outcomes)
    left = {label: seam.matched for label, seam in seams.items() if seam.matched not in {None, seam.distance}}
    notes += report.seam_notes(
        {label: left.get(label) or distances[label] for label, seam in seams.items() if seam.seen},
        {label: (distances[label], matched) for label, matched in left.items() if matched is not None},
    )
    pictures, places = _pictures(store, settings, joined, outcomes, notes)
    page = report.page(
        plan.title,
        outcomes,
        plan=plan,
        money=money,
        books=books,
        pictures=pictures,
        links={**places, **links},
        notes=notes,
    )
    return tuple(report.rows(outcomes, lines, seams=distances, matched=left)), page


def name_paid_tasks(session: Session, error: StoreError) -> None:
    """Add to the error of a store that is away which tasks of the run are paid for and not kept: their ids may be nowhere else."""
    lost, known = session.events.unrecorded, session.ledger.log.known().attempts
    tasks = {one.id: one.task_id for one in known.values() if one.order.run == session.run and one.task_id} | lost
    if not tasks:
        return
    said = [f"{task} for {known[name].order.label}" if name in known else task for name, task in tasks.items()]
    error.message += f"; paid for and not kept: {', '.join(map(str, said))}"
    if lost:
        found = [
            f"`longtake credits resolve {name} --adopt {task} --why 'store was away'`" for name, task in lost.items()
        ]
        error.next_step = f"when the store works again: {', '.join(found)}, then run again"
        error.exit_code = TaskIdNotRecordedError.exit_code


async def report_cancelled(session: Session, links: Mapping[str, str]) -> None:
    """Report what a cancelled run leaves open and what that costs; the event carries a page."""
    state = await asyncio.to_thread(session.ledger.read)
    books = report.RunLedger(session.film, session.run, tuple(state.attempts.values()))
    count, credits = len(books.under_way), sum(one.money for one in books.under_way)
    text = report.under_way(count, credits)
    page = report.cut_short(session.film, books, links={**_places(session.store, session.settings, None), **links})
    session.events.cancelled(text, count=count, credits=credits, page=page)


def shot_result(one: ShotOutcome) -> ShotResult:
    """Turn the outcome of a shot into a plain value."""
    return ShotResult(
        id=one.shot.id,
        label=one.shot.label,
        state=one.state,
        take=one.take,
        takes=one.takes,
        error=one.error.message if one.error is not None else None,
        seconds=one.seconds,
        why=one.why,
    )


async def _lines(session: Session, sums: SpendSums | None, notes: list[str]) -> list[accounts.SpendLine]:
    """Read from the ledger what the film has cost, by shot."""
    try:
        return (await asyncio.to_thread(accounts.by_shot, session.ledger, session.film, sums))[0]
    except StoreError as error:
        notes.append(f"what the film has cost could not be read: {error.message}")
        return []


def _pictures(
    store: Store, settings: Settings, joined: JoinedFilm | None, outcomes: Sequence[ShotOutcome], notes: list[str]
) -> tuple[list[str], dict[str, str]]:
    """Poster and contact sheet as Markdown, and the page's links; the sheet is kept next to the film."""
    used = [(one.take, one.shot.label) for one in outcomes if one.take is not None]
    takes, labels = [take for take, _ in used], [label for _, label in used]
    key = joined.key.removesuffix("film.mp4") + "sheet.jpg" if joined else None
    poster = sheet = None
    try:
        poster = store.get(joined.poster) if joined else None
        if key is not None:
            sheet = report.kept_sheet(key, takes, store, labels=labels)
        elif takes:
            sheet = report.contact_sheet(takes, store, labels=labels)
    except LongtakeError as error:
        notes.append(f"pictures are missing here: {error.message}")
    public = _public(settings)

    def url(key: str | None) -> str | None:
        return f"{public.rstrip('/')}/{key}" if public is not None and key is not None else None

    found = report.picture("poster", poster, url=url(joined.poster) if joined else None)
    found += report.picture("contact sheet", sheet, url=url(key) if sheet is not None else None)
    if sheet is not None and len(takes) > report.MOST_PICTURES:
        notes.append(f"the contact sheet shows {report.MOST_PICTURES} of {len(takes):,} shots, evenly spread")
    links = _places(store, settings, joined)
    if sheet is not None and joined is not None:
        there = joined.place(store).removesuffix("film.mp4") + "sheet.jpg"
        links["contact sheet"] = url(key) or there
    return found, links


def _places(store: Store, settings: Settings, joined: JoinedFilm | None) -> dict[str, str]:
    """Links to the film, its manifest and the store, for people; never a signed URL."""
    found = joined.links(store, public_url=_public(settings)) if joined else {}
    return found | {"store": store.uri}


def _public(settings: Settings) -> str | None:
    """The base URL under which others read the store; an emulator's is gone when the page is read."""
    return None if settings.loopback else settings.public_url


def _bought(outcomes: Sequence[ShotOutcome], books: RunLedger) -> list[ShotOutcome]:
    """The outcomes of the whole run: what it bought before a pause, or on another worker, is current by now."""
    mine = {one.order.fingerprint for one in books.closed if one.outcome == "settled" and one.order.run == books.run}

    def whole(one: ShotOutcome) -> ShotOutcome:
        if one.state != "current" or mine.isdisjoint(take.fingerprint for take in one.takes):
            return one
        seconds = one.seconds
        if not seconds and one.take is not None and one.take.submitted_at is not None:
            seconds = (one.take.kept_at - one.take.submitted_at).total_seconds()
        return replace(one, state="bought", seconds=seconds)

    return [whole(one) for one in outcomes]


async def _account(session: Session, plan: Plan, head: int) -> tuple[report.Money, RunLedger, list[str]]:
    """This run's money, what the page takes from the ledger, and what the balance says at its end."""
    notes = []
    try:
        checked = await session.account.balance(session.store, patience=balance_patience(plan))
    except KeyRefusedError as error:
        checked = None
        notes.append(f"the balance could not be read at the end: {error.message}")
    missing = tuple(checked.refunds_missing) if checked else ()
    for attempt in missing:
        notes.append(f"the refund of attempt {attempt} is missing")
        session.events.event("refund.missing", attempt=attempt)
    state = await asyncio.to_thread(session.ledger.read)
    if state.offset:
        notes.insert(0, f"{differs(state.offset, state.agreed)}: explain it with `longtake credits adjust`")
    closed = await asyncio.to_thread(lambda: list(session.ledger.log.history(since=head)))
    mine = [one for one in closed if one.order.run == session.run and one.order.film == session.film]
    settled = [one for one in mine if one.outcome == "settled"]
    estimate, charged = sum(one.order.expected for one in settled), sum(one.charged for one in settled)
    if charged != estimate:
        notes.append(
            f"the provider charged {charged} credits where the catalog expects {estimate}: its rates may be old"
        )
    planned = plan.expected + sum(one.order.expected for one in _before(plan, settled))
    money = report.money_of(state, closed, run=session.run, film=session.film, planned=planned)
    return money, report.RunLedger(session.film, session.run, tuple(state.attempts.values()), mine, missing), notes


def _before(plan: Plan, settled: Sequence[Closed]) -> list[Closed]:
    """Count what this run bought before its plan was made, because it was suspended or died and began again."""
    done = {shot.id for shot in plan.shots if not shot.to_buy}
    return [one for one in settled if one.order.shot in done]
