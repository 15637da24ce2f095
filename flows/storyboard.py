"""The flow `storyboard`: from a storyboard to a film.

Chains run side by side; a shot waits only for the shot it continues. What fails blocks what hangs on it and nothing else, and
everything paid for is kept: the next run buys only what is missing.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger, tags
from prefect.runtime import flow_run

import tasks
from flows import showing
from flows.stopping import in_good_order
from flows.surroundings import load_board, settings_of
from longtake import plan as plans
from longtake import report, request
from longtake import storyboard as boards
from longtake.catalog import Catalog
from longtake.errors import (
    BudgetError,
    InDoubtError,
    KeyRefusedError,
    LongtakeError,
    SettingsError,
    TaskIdNotRecordedError,
)
from longtake.report import Outcome
from longtake.take import Wanted, obtain, open_session, read_inputs

if TYPE_CHECKING:
    from longtake.film import Film
    from longtake.plan import Plan
    from longtake.report import Made
    from longtake.request import Resolved, ResolvedShot
    from longtake.take import Obtained, Session


def _run_name() -> str:
    board = flow_run.get_parameters().get("board", "")
    name = board.get("title", "inline") if isinstance(board, dict) else str(board).rpartition("/")[2]
    return f"film {name}"


@flow(name="storyboard", flow_run_name=_run_name, persist_result=False)
async def storyboard(
    board: str | dict[str, Any],
    credentials: str | None = None,
    store: str | None = None,
    renew_stale: bool = False,  # noqa: FBT001, FBT002 - a flow's parameters are its form in the UI
) -> dict[str, Any]:
    """Turn a storyboard into a film.

    Args:
        board: a storyboard: a path, `s3://bucket/key`, or the storyboard itself.
        credentials: name of a ReapiCredentials block; without it LONGTAKE_API_KEY and its siblings.
        store: name of an ArtifactStore block; without it LONGTAKE_STORE.
        renew_stale: buy shots again that were made from an older input.

    Returns:
        `film`, `manifest`, `shots`, `credits`, `flow_run_id`, as `longtake run --json` prints them.

    Raises:
        StoryboardError, SettingsError, CatalogError: bad input; nothing was sent.
        BudgetError: what is missing does not fit under a cap; nothing was sent.
        FilmIncompleteError: some shots are missing; says which, why, and what they would cost.
    """
    settings = await settings_of(credentials, store)
    catalog = Catalog.load(settings.catalog)
    loaded = await load_board(board)
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
            renew_stale=renew_stale,
        ) as session:
            with in_good_order():
                return await make(session, resolved)


async def make(session: Session, resolved: Resolved) -> dict[str, Any]:
    """The story: plan, shoot, join, account."""
    await read_inputs(session, resolved)
    plan = await _plan(session, resolved)
    _readable(session, resolved, plan)
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
    # The first quiet reading of the balance opens the account; a key that does not work ends the run here.
    await session.balance()
    async with showing.Progress(session.film, len(resolved.shots)).shown() as progress:
        outcomes = await shoot(session, resolved, progress)
        film, unjoined = await _join(session, resolved, outcomes, progress)
    would_cost = (await _plan(session, resolved)).reserve
    money, notes = await _account(session, plan, head)
    place = film.place(session.store) if film else None
    poster = await asyncio.to_thread(session.store.get, film.poster) if film else None
    await showing.shots(session.film, [outcome.row() for outcome in outcomes])
    await showing.credits(session.film, session.book)
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
        return await tasks.join(session, resolved, outcomes, progress.join), None
    except LongtakeError as error:
        return None, error


async def shoot(session: Session, resolved: Resolved, progress: showing.Progress) -> list[Outcome]:
    """Every shot as soon as the shot it continues is there."""
    jobs: dict[str, asyncio.Task[Outcome]] = {}

    async def work(shot: ResolvedShot) -> Outcome:
        parent = await jobs[shot.parent] if shot.parent else None
        outcome = await _shot(session, shot, parent)
        progress.shot_done(shot.label, outcome.state)
        return outcome

    async with asyncio.TaskGroup() as group:
        for shot in plans.parents_first(resolved):
            jobs[shot.id] = group.create_task(work(shot))
    return [jobs[shot.id].result() for shot in resolved.shots]


async def _shot(session: Session, shot: ResolvedShot, parent: Outcome | None) -> Outcome:
    """All takes of one shot; of those that are kept, the first is used."""
    if parent is not None and parent.take is None:
        return Outcome(shot, "blocked")
    frame = parent.take.last_frame if parent is not None and parent.take is not None else None
    started = time.monotonic()
    results = await asyncio.gather(
        *(_obtain(session, Wanted(shot, number, frame)) for number in range(1, shot.takes + 1))
    )
    seconds = time.monotonic() - started
    error = max((r for r in results if isinstance(r, LongtakeError)), key=lambda e: e.exit_code, default=None)
    found = [r for r in results if not isinstance(r, LongtakeError)]
    if not found:
        doubtful = isinstance(error, InDoubtError | TaskIdNotRecordedError)
        return Outcome(shot, "in doubt" if doubtful else "failed", error=error, seconds=seconds)
    states: set[Made] = {r.state for r in found}
    state: Made = "bought" if "bought" in states else "stale" if "stale" in states else "current"
    return Outcome(shot, state, found[0].take, tuple(r.take for r in found), error, seconds)


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


def _readable(session: Session, resolved: Resolved, plan: Plan) -> None:
    """See that the provider can read what shots to buy start from, before the first of a chain is bought for nothing."""
    to_buy = {row.shot for row in plan.shots if row.to_buy}
    sent = [shot for shot in resolved.shots if shot.label in to_buy and (shot.parent or shot.inputs)]
    if sent and session.store.url_for_others("media/0.png") is None:
        raise SettingsError(
            f"{sent[0].label} starts from pictures and the provider cannot read them: {session.store.uri} has no URL for others",
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


async def _plan(session: Session, resolved: Resolved) -> Plan:
    return await asyncio.to_thread(
        plans.make,
        resolved,
        store=session.store,
        settings=session.settings,
        film=session.film,
        renew_stale=session.renew_stale,
    )


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
    labels = {shot.shot for shot in plan.shots}
    notes.extend(
        f"attempt {a.id} for {a.order.label} is bought and belongs to no shot of this storyboard any more"
        for a in state.attempts.values()
        if a.phase == "completed" and a.order.film == session.film and f"{a.order.scene}/{a.order.shot}" not in labels
    )
    money = report.money_of(state, closed, run=session.run, film=session.film, planned=plan.expected)
    return money, notes
