"""The flow `storyboard`: from a storyboard to a film.

Chains run side by side; a shot waits only for the shot it continues. What fails blocks what hangs on it and nothing else, and
everything paid for is kept: the next run buys only what is missing.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from prefect import flow, get_run_logger, tags
from prefect.runtime import flow_run
from prefect.utilities.annotations import quote

import tasks
from flows import showing
from flows.stopping import in_good_order
from flows.surroundings import load_board, settings_of
from longtake import film as films
from longtake import plan as plans
from longtake import record, report, request
from longtake import storyboard as boards
from longtake.catalog import Catalog
from longtake.errors import (
    BudgetError,
    InDoubtError,
    KeyRefusedError,
    LedgerError,
    LongtakeError,
    SettingsError,
    StoreError,
    TaskIdNotRecordedError,
)
from longtake.ledger import accounts
from longtake.plan import Comparison
from longtake.report import Outcome
from longtake.storyboard import Follow  # noqa: TC001 - the form of the flow is made from it
from longtake.take import Wanted, can_host, complete, decide, needs_host, obtain, open_session, read_inputs, salvage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.film import Film
    from longtake.ledger.accounts import Sums
    from longtake.plan import Plan, Standing
    from longtake.report import Made
    from longtake.request import Resolved, ResolvedShot
    from longtake.take import Completed, Obtained, Session


def _run_name() -> str:
    board = flow_run.get_parameters().get("board", "")
    name = board.get("title", "inline") if isinstance(board, dict) else str(board).rpartition("/")[2]
    return f"film {name}"


@flow(name="storyboard", flow_run_name=_run_name, persist_result=False)
async def storyboard(
    board: str | dict[str, Any],
    credentials: str | None = None,
    store: str | None = None,
    redo: list[str] | None = None,
    follow: Follow | None = None,
) -> dict[str, Any]:
    """Turn a storyboard into a film.

    Args:
        board: a storyboard: a path, `s3://bucket/key`, or the storyboard itself.
        credentials: name of a ReapiCredentials block; without it LONGTAKE_API_KEY and its siblings.
        store: name of an ArtifactStore block; without it LONGTAKE_STORE.
        redo: shots to make anew, by id; each once in a run, also when the run is retried.
        follow: what becomes of shots after one that is made anew: `bridge`, `cascade` or `keep`; else as the storyboard says.

    Returns:
        `film`, `manifest`, `shots`, `credits`, `flow_run_id`, as `longtake run --json` prints them.

    Raises:
        StoryboardError, SettingsError, CatalogError: bad input; nothing was sent.
        BudgetError: what is missing does not fit under a cap; nothing was sent.
        FilmIncompleteError: some shots are missing; says which, why, and what they would cost.
    """
    settings = await settings_of(credentials, store)
    catalog = Catalog.load(settings.catalog)
    loaded = await load_board(board, s3=settings.s3)
    resolved = await asyncio.to_thread(request.resolve, loaded, catalog)
    film = boards.slug(loaded.board.title)
    with tags(f"film:{film}"):
        await showing.tag_run(f"film:{film}")
        async with open_session(
            settings,
            catalog=catalog,
            film=film,
            budget=loaded.board.budget,
            run=flow_run.get_id(),
        ) as session:
            with in_good_order():
                return await make(session, resolved, redo=redo or [], follow=follow)


async def make(
    session: Session, resolved: Resolved, *, redo: Sequence[str] = (), follow: Follow | None = None
) -> dict[str, Any]:
    """The story: compare, shoot, join, account."""
    await asyncio.to_thread(films.check_tools, resolved)
    await read_inputs(session, resolved)
    comparison, plan = await _compare(session, resolved, follow, redo)
    await asyncio.to_thread(_readable, session, comparison)
    head = (await asyncio.to_thread(session.book.read)).head
    try:
        await asyncio.to_thread(
            session.book.afford, session.caps, film=session.film, run=session.run, credits=plan.reserve
        )
    except BudgetError as error:
        _refused(session, error)
        if not any(shot.state == "under way" for shot in plan.shots):
            raise
        # What was bought before is fetched and kept all the same; nothing more is bought.
        session.halted = session.refused = error
    if redo:
        # Until here a redo was only supposed: one that is refused leaves no trace.
        comparison, _ = await _compare(session, resolved, follow)
        while session.halted is None and (wanted := comparison.redo(redo, run=session.run)):
            for revision in wanted:
                await decide(session, comparison, revision)
    # The first quiet reading of the balance opens the account; a key that does not work ends the run here.
    await session.balance()
    async with showing.Progress(session.film, len(resolved.shots)).shown() as progress:
        outcomes = await shoot(session, comparison.running(), progress)
        left = await _left_over(session, comparison)
        sums = await _leave(session, comparison, outcomes)
        film, unjoined = await _join(session, resolved, outcomes, progress)
    would_cost = plans.of(comparison, plans.Books(attempts=[], spent=0)).reserve if _lacks(outcomes) else 0
    money, notes = await _account(session, plan, head)
    place = film.place(session.store) if film else None
    poster = await asyncio.to_thread(session.store.get, film.poster) if film else None
    seams = {shot.id: shot.seam for shot in film.manifest.shots if shot.seam is not None} if film else {}
    rows = [o.row(seams[o.shot.id].distance if o.shot.id in seams else None) for o in outcomes]
    await showing.shots(session.film, rows)
    notes += [*left, *report.failed_checks(outcomes)]
    seen = {o.shot.label: seams[o.shot.id].distance for o in outcomes if o.shot.id in seams and seams[o.shot.id].seen}
    notes += [note for note in [report.seam_note(seen)] if note is not None]
    await showing.credits(session.film, lambda: accounts.by_shot(session.book, session.film, sums)[0])
    public = None if session.settings.loopback else session.settings.public_url
    links = film.links(session.store, public_url=public) if film else {}
    text = report.summary(outcomes, money, title=plan.title, links=links, notes=notes)
    await showing.summary(session.film, text, poster=poster)
    answer = {
        "film": place,
        "manifest": film.manifest_place(session.store) if film else None,
        "shots": [outcome.answer() for outcome in outcomes],
        "credits": money.model_dump(),
        "would_cost": would_cost,
        "flow_run_id": flow_run.get_id(),
    }
    if film:
        showing.event("film.ready", film=session.film, account=session.book.account, place=place, **money.model_dump())
    incomplete = report.incomplete(outcomes, would_cost=would_cost, unjoined=unjoined)
    if incomplete is not None:
        incomplete.__dict__["answer"] = answer
        raise incomplete
    return answer


async def _join(
    session: Session, resolved: Resolved, outcomes: list[Outcome], progress: showing.Progress
) -> tuple[Film | None, LongtakeError | None]:
    """The film when every shot is there; a join that fails is told after the account."""
    if not all(outcome.take for outcome in outcomes):
        return None, None
    try:
        return await tasks.join(session, _whole(resolved), _whole(outcomes), progress.join), None
    except LongtakeError as error:
        return None, error


_Given = TypeVar("_Given")


def _whole(given: _Given) -> _Given:
    """A task's argument that Prefect hands on without looking inside: a film of 1,000 shots would take it seconds."""
    return cast("_Given", quote(given))


async def shoot(session: Session, comparison: Comparison, progress: showing.Progress) -> list[Outcome]:
    """Every shot as soon as the shot it continues is there."""
    jobs: dict[str, asyncio.Task[tuple[Outcome, Standing]]] = {}

    async def work(shot: ResolvedShot) -> tuple[Outcome, Standing]:
        parent = await jobs[shot.parent] if shot.parent else None
        outcome, standing = await _shot(session, comparison, shot, parent[1] if parent else None)
        progress.shot_done(shot.label, outcome.state)
        return outcome, standing

    shots = comparison.resolved.shots
    async with asyncio.TaskGroup() as group:
        for shot in plans.parents_first(comparison.resolved):
            jobs[shot.id] = group.create_task(work(shot))
    return [jobs[shot.id].result()[0] for shot in shots]


async def _shot(
    session: Session, comparison: Comparison, shot: ResolvedShot, parent: Standing | None
) -> tuple[Outcome, Standing]:
    """One shot, and what became of it."""
    started = time.monotonic()
    done = await complete(session, comparison, shot, parent, _obtain)
    seconds = time.monotonic() - started if done.obtained or done.errors else 0.0
    error = max(done.errors, key=lambda e: e.exit_code, default=None)
    why = "; ".join(map(str, done.standing.reasons)) if done.standing.state == "stale" else ""
    return Outcome(shot, _became(done), done.standing.used, done.standing.kept, error, seconds, why), done.standing


def _became(done: Completed) -> Made:
    if done.standing.used is not None:
        if any(one.state == "bought" for one in done.obtained):
            return "bought"
        return "stale" if done.standing.state == "stale" else "current"
    if not done.errors:
        return "blocked"
    return "in doubt" if any(isinstance(e, InDoubtError | TaskIdNotRecordedError) for e in done.errors) else "failed"


async def _obtain(session: Session, wanted: Wanted) -> Obtained | LongtakeError:
    """One take, or the error that says why not: an error stays with its shot."""
    try:
        return await obtain(session, wanted, tasks.STEPS)
    except (InDoubtError, TaskIdNotRecordedError) as error:
        showing.event(
            "attempt.in-doubt",
            film=session.film,
            account=session.book.account,
            attempt=error.attempt,
            shot=wanted.label,
            reason=error.message,
        )
        return error
    except BudgetError as error:
        if session.refused is not error:
            session.refused = error
            _refused(session, error)
        return error
    except LongtakeError as error:
        return error
    except Exception as error:  # noqa: BLE001 - see below
        # A full disk, an API that is away: of whatever kind, it is this shot's and must not end the others.
        get_run_logger().exception("%s", wanted.label)
        return LongtakeError(f"{wanted.label} stopped by {type(error).__name__}: {error}")


def _readable(session: Session, comparison: Comparison) -> None:
    """See that the provider can read what shots to buy start from, before the first of a chain is bought for nothing."""
    if can_host(session):
        return
    found = plans.standings(comparison)
    for shot in comparison.resolved.shots:
        parent = found[shot.parent].used if shot.parent is not None else None
        ours = found[shot.id].bridges is not None or needs_host(session, shot, parent)
        if found[shot.id].to_buy and ours:
            raise SettingsError(
                f"{shot.label} starts from pictures and the provider cannot read them: {session.store.uri} has no URL for others",
                next_step="set LONGTAKE_PUBLIC_URL to a base URL under which the store can be read, or use an S3 store",
            )


def _refused(session: Session, error: BudgetError) -> None:
    showing.event(
        "budget.refused",
        film=session.film,
        account=session.book.account,
        scope=error.scope,
        cap=error.cap,
        needed=error.needed,
        available=error.available,
    )


async def _compare(
    session: Session, resolved: Resolved, follow: Follow | None, redo: Sequence[str] = ()
) -> tuple[Comparison, Plan]:
    """The storyboard against what is kept now, supposing shots that are asked for anew, and the plan that follows."""

    def work() -> tuple[Comparison, Plan]:
        holdings = record.read_holdings(session.store, session.film)
        books = plans.read_books(session.store, session.settings.host, session.film, own=session.book.log)
        comparison = Comparison(
            resolved,
            holdings,
            catalog=session.catalog,
            realm=session.settings.realm,
            attempts=books.attempts,
            follow=follow,
        )
        for revision in comparison.redo(redo, run=session.run):
            holdings.decide(revision)
        return comparison, plans.of(comparison, books)

    return await asyncio.to_thread(work)


async def _leave(session: Session, comparison: Comparison, outcomes: Sequence[Outcome]) -> Sums | None:
    """Leave a snapshot, so that the next run knows what was used and spent without reading each take and entry."""
    before = comparison.holdings.snapshot
    known = {shot.id for shot in comparison.resolved.shots}
    used = {shot: name for shot, name in (before.used if before else {}).items() if shot in known}
    used |= {outcome.shot.id: outcome.take.fingerprint for outcome in outcomes if outcome.take is not None}
    labels = {shot.id: shot.label for shot in comparison.resolved.shots if shot.id in used}
    sums = before.sums if before else None
    try:
        _, sums = await asyncio.to_thread(accounts.by_shot, session.book, session.film, sums)
    except (LedgerError, StoreError) as error:
        get_run_logger().warning("what the film has cost so far could not be read: %s", error.message)
    try:
        await asyncio.to_thread(
            comparison.holdings.save, run=session.run, used=used, labels=labels, sums=sums, whole=not _lacks(outcomes)
        )
    except StoreError as error:
        get_run_logger().warning("no snapshot of the film was left: %s", error.message)
    return sums


async def _left_over(session: Session, comparison: Comparison) -> list[str]:
    """Keep the clips of finished attempts that no shot wants any more, because it was changed while they were under way."""
    wanted = {lack.name for one in plans.standings(comparison).values() for lack in one.lacks}
    state = await asyncio.to_thread(session.book.read)
    notes = []
    for attempt in list(state.attempts.values()):
        order = attempt.order
        if attempt.phase != "completed" or order.film != session.film or order.fingerprint in wanted:
            continue
        try:
            key = await salvage(session, attempt)
        except LongtakeError as error:
            notes.append(
                f"attempt {attempt.id} for {order.label} is bought, and its clip could not be kept: {error.message}"
            )
            continue
        notes.append(
            f"attempt {attempt.id} for {order.label} was bought before the shot was changed: its clip is kept as {key}"
        )
    return notes


def _lacks(outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.take is None or outcome.error is not None for outcome in outcomes)


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
