"""The story of a film set: judge every row, see that all of it fits the budgets, make the films side by side, leave the results.

A film that fails stops no other. What is paid for is in the ledger and in the store as for films made alone, so the next run of the
set buys only what is missing. The budget of the set is checked with every purchase, inside the ledger, over all runs and workers.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from longtake import film_set as sets
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.errors import SettingsError, TransientError
from longtake.ledger import check_balance
from longtake.provider import Provider
from longtake.studio.set_outcomes import removed_keys
from longtake.studio.set_run import SetRequest, SetRun
from longtake.take import ledger_of

if TYPE_CHECKING:
    from longtake.errors import BudgetError
    from longtake.film_set import SetPlan, SetResult
    from longtake.ledger import LedgerState
    from longtake.observer import Observer
    from longtake.settings import Settings
    from longtake.store import Store


async def set_of(settings: Settings, asked: SetRequest, *, observer: Observer | None = None) -> SetResult:
    """Make the films of a set.

    Raises:
        StoryboardError: the set, its template, its table or a row has problems; nothing was sent.
        SettingsError, CatalogError: the surroundings are unusable; nothing was sent.
        BudgetError: what is missing does not fit a budget of the set, the run or the day; nothing was sent.
        TwoLedgersError: something is missing, and the ledger that is named takes no purchases.
    """
    film_set = asked.film_set
    if film_set.canary and asked.approver is None:
        raise SettingsError(
            "this set asks after its first films, and no approver is given",
            next_step="give Studio.make_set an `approve` function, or set `canary` to 0",
        )
    settings.key()
    catalog = await asyncio.to_thread(Catalog.load, settings.catalog)
    admission = await asyncio.to_thread(sets.admit, film_set, catalog, s3=settings.s3)
    if not asked.skip_bad_rows:
        admission.raise_problems(film_set.title)
    store = stores.of(settings)

    def planned() -> SetPlan:
        return sets.make(
            film_set,
            admission,
            catalog=catalog,
            store=store,
            settings=settings,
            run_budget=asked.budget,
            run=asked.run,
        )

    plan = await asyncio.to_thread(planned)
    if any(one.refunds for one in plan.refusals):
        # Refunds free their budget when the balance shows them.
        await _read_balance(settings, store)
        plan = await asyncio.to_thread(planned)
    ledger = ledger_of(settings, store)
    state = await asyncio.to_thread(ledger.read)
    refused = (ledger.refusal if plan.reserve else None) or _refusal(plan, state)
    paid: set[str] = set()
    if refused is not None:
        paid = {attempt.order.film for attempt in state.attempts.values()} & {one.film for one in admission.films}
        if not paid:
            raise refused
    before = await asyncio.to_thread(sets.latest, store, plan.set)
    # A run that comes back also accounts for what it bought before.
    head = 0 if state.used(run=asked.run).run else state.head
    run = SetRun(settings, asked, admission, plan, observer, refused=refused, head=head)
    if refused is not None:
        # What was bought before is fetched and kept all the same; nothing more is bought.
        admission = replace(admission, films=tuple(one for one in admission.films if one.film in paid))
        await run.make(admission.films)
        raise refused
    try:
        await run.make(admission.films)
    finally:
        # Also a cancelled run leaves its results: the films that are there, and those that were not begun.
        result = run.result(removed=removed_keys(before, admission), costs=await asyncio.shield(run.costs()))
        failed = [one.values for one, film in zip(admission.films, result.films, strict=True) if film.state != "whole"]
        text = sets.failed_rows(failed) if failed else ""
        result = await asyncio.shield(asyncio.to_thread(sets.keep, store, result, failed=text))
    return result


def _refusal(plan: SetPlan, state: LedgerState) -> BudgetError | None:
    """The error of the budget that the set does not fit into.

    Where only refunds are missing and others' tasks hide them until they end, there is none: each purchase waits for them.
    """
    for refusal in sorted(plan.refusals, key=lambda one: one.due > 0):
        if not (refusal.due and state.at_work()):
            return refusal.error(f"the film set {plan.title}")
    return None


async def _read_balance(settings: Settings, store: Store) -> None:
    async with Provider(base_url=settings.base_url, key=settings.key()) as provider:
        with contextlib.suppress(TransientError):
            await check_balance(ledger_of(settings, store), provider)
