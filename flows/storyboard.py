"""The flow `storyboard`: from a storyboard to a film.

Chains run side by side; a shot waits only for the shot it continues. What fails blocks what hangs on it and nothing else, and
everything paid for is kept: the next run buys only what is missing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.annotations import quote

from longtake import plan as plans
from longtake import preflight, request, tasks
from longtake import storyboard as boards
from longtake.catalog import Catalog
from longtake.errors import BudgetError, LedgerError, LongtakeError, SettingsError, StoreError
from longtake.ledger import accounts
from longtake.prefect import artifacts
from longtake.prefect.approval import gates
from longtake.prefect.approval.permission import ask_for_the_rest, permitted
from longtake.prefect.comparing import compare
from longtake.prefect.config import load_board, settings_of
from longtake.prefect.parameters import FilmRun
from longtake.prefect.run_summary import Result, cancelled, lacks, started, tell
from longtake.prefect.scenes.dispatch import hand_out, is_deployed
from longtake.prefect.shooting import Shot, shoot
from longtake.prefect.signals import in_good_order
from longtake.take import can_host, decide, needs_host, open_session, read_inputs, salvage

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from longtake.film import Film
    from longtake.ledger.accounts import Sums
    from longtake.plan import Comparison
    from longtake.report import Outcome
    from longtake.request import Resolved
    from longtake.take import Session


def _run_name() -> str:
    # Where a run is made at the API they are what came as JSON, in a process what the flow was called with.
    given = flow_run.get_parameters().get("film") or {}
    film = given if isinstance(given, FilmRun) else FilmRun.model_validate(given)
    return f"film {film.name}"


@flow(name="storyboard", flow_run_name=_run_name, persist_result=False)
async def storyboard(film: FilmRun) -> dict[str, Any]:
    """Turn a storyboard into a film.

    Args:
        film: the storyboard, where the key and the store are, and what may be spent: the form of this flow in the Prefect UI.

    Returns:
        `film`, `manifest`, `shots`, `credits`, `flow_run_id`, as `longtake run --json` prints them.

    Raises:
        StoryboardError, SettingsError, CatalogError: bad input; nothing was sent.
        PreflightError: this machine could not use what it would buy; nothing was sent.
        BudgetError: what is missing does not fit into a budget, or was not approved; nothing was sent for it.
        FilmIncompleteError: some shots are missing; says which, why, and what they would cost.
    """
    settings = await settings_of(film.credentials, film.store)
    catalog = Catalog.load(settings.catalog)
    loaded = await load_board(film.board, s3=settings.s3)
    resolved = await asyncio.to_thread(request.resolve, loaded, catalog)
    name = boards.slug(loaded.board.title)
    await artifacts.tag_run(f"film:{name}", title=loaded.board.title)
    async with open_session(
        settings,
        catalog=catalog,
        film=name,
        budget=loaded.board.budget,
        run_budget=film.budget,
        run=flow_run.get_id(),
    ) as session:
        with in_good_order():
            try:
                return await make(session, resolved, film)
            except asyncio.CancelledError:
                await cancelled(session)
                raise


async def make(session: Session, resolved: Resolved, asked: FilmRun) -> dict[str, Any]:
    """The story: compare, check, ask, shoot, join, account."""
    approval = asked.approval or resolved.loaded.board.approval
    gates.can_ask(approval)
    if asked.scenes is not None:
        await is_deployed(asked.scenes)
    await read_inputs(session, resolved)
    comparison, plan = await compare(session, resolved, asked.follow, asked.redo)
    await asyncio.to_thread(_readable, session, comparison)
    if preflight.needed(plan):
        await asyncio.to_thread(preflight.check, session.store, catalog=session.catalog, resolved=resolved, plan=plan)
    state = await asyncio.to_thread(session.book.read)
    # A run that comes back after a pause or a crash accounts for what it bought before, too.
    head = 0 if state.used(run=session.run) else state.head
    try:
        await permitted(session, plan, approval)
    except BudgetError as error:
        if not any(shot.state == "under way" for shot in plan.shots):
            raise
        # What was bought before is fetched and kept all the same; nothing more is bought.
        session.halted = session.refused = error
    started(session, plan)
    heads = {shot.id for shot in resolved.shots if shot.parent is None}
    in_steps = "the rest" in approval.before
    if asked.redo:
        # Until here a redo was only supposed: one that is refused leaves no trace.
        comparison, _ = await compare(session, resolved, asked.follow)
    await _decide(session, comparison, asked.redo, only=heads if in_steps else None)
    # The first quiet reading of the balance opens the account; a key that does not work ends the run here.
    await session.balance()
    async with artifacts.Progress(session.film, len(resolved.shots)).shown() as progress:
        made: dict[str, Shot] = {}
        if in_steps:
            made = await shoot(session, comparison.running(), progress, only=heads)
            _, rest = await compare(session, resolved, asked.follow, asked.redo)
            await ask_for_the_rest(session, rest, approval, made)
            await _decide(session, comparison, asked.redo)
        if asked.scenes is not None and session.halted is None:
            comparison = await _handed_out(session, comparison, asked, asked.scenes, progress)
            # What failed here may have been made there.
            made, progress.done = {}, 0
        made = await shoot(session, comparison.running(), progress, made=made)
        outcomes = [made[shot.id].outcome for shot in resolved.shots]
        refused = {one.shot for one in comparison.redo(asked.redo, run=session.run)} if session.halted else set()
        outcomes = _with_refused(outcomes, refused, session.halted)
        left = await _left_over(session, comparison)
        sums = await _leave(session, comparison, outcomes)
        film, unjoined = await _join(session, resolved, outcomes, progress)
    if refused:
        comparison, _ = await compare(session, resolved, asked.follow, asked.redo)
    would_cost = plans.of(comparison, plans.Books()).reserve if lacks(outcomes) else 0
    result = Result(plan, outcomes, film, unjoined, head=head, would_cost=would_cost, sums=sums, notes=left)
    return await tell(session, result)


async def _decide(
    session: Session, comparison: Comparison, redo: Sequence[str], *, only: Collection[str] | None = None
) -> None:
    """Write down which shots are made anew, unless nothing is bought in this run."""
    while session.halted is None:
        wanted = [one for one in comparison.redo(redo, run=session.run) if only is None or one.shot in only]
        if not wanted:
            return
        for revision in wanted:
            await decide(session, comparison, revision)


def _with_refused(outcomes: Sequence[Outcome], refused: Collection[str], error: LongtakeError | None) -> list[Outcome]:
    """The outcomes; a shot that has its old take because the new one was refused says so."""
    return [replace(one, error=error) if one.shot.id in refused and one.error is None else one for one in outcomes]


async def _handed_out(
    session: Session, comparison: Comparison, asked: FilmRun, deployment: str, progress: artifacts.Progress
) -> Comparison:
    """Let other runs make the scenes; the film as it stands afterwards. Nothing more is bought where they failed."""
    try:
        failed: LongtakeError | None = await hand_out(session, comparison, asked, deployment, progress)
    except LongtakeError as error:
        failed = error
    comparison, rest = await compare(session, comparison.resolved, asked.follow)
    if failed is not None:
        session.halted = failed
        try:
            await asyncio.to_thread(
                session.book.afford,
                session.budget,
                film=session.film,
                run=session.run,
                credits=rest.reserve,
                elsewhere=session.elsewhere,
            )
        except BudgetError as error:
            session.halted = session.refused = error
    return comparison


async def _join(
    session: Session, resolved: Resolved, outcomes: list[Outcome], progress: artifacts.Progress
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
            comparison.holdings.save, run=session.run, used=used, labels=labels, sums=sums, whole=not lacks(outcomes)
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
