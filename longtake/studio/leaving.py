"""What a run leaves for the next one: a snapshot of the film, and the clips of attempts that no shot needs any more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from longtake import plan as plans
from longtake.errors import LedgerError, LongtakeError, RefusedError, StoreError, TransientError
from longtake.ledger import accounts, ask
from longtake.provider import failure
from longtake.studio.clips import CLIPS
from longtake.studio.summary import lacks
from longtake.take import salvage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.ledger import Attempt
    from longtake.ledger.accounts import SpendSums
    from longtake.plan import Comparison
    from longtake.report import ShotOutcome
    from longtake.take import Session


async def leave_snapshot(session: Session, comparison: Comparison, outcomes: Sequence[ShotOutcome]) -> SpendSums | None:
    """Save a snapshot, which saves the next run from reading every take and entry."""
    before = comparison.take_library.snapshot
    known = {shot.id for shot in comparison.resolved.shots}
    used = {shot: name for shot, name in (before.used if before else {}).items() if shot in known}
    used |= {outcome.shot.id: outcome.take.fingerprint for outcome in outcomes if outcome.take is not None}
    labels = {shot.id: shot.label for shot in comparison.resolved.shots if shot.id in used}
    sums = before.sums if before else None
    try:
        _, sums = await asyncio.to_thread(accounts.by_shot, session.ledger, session.film, sums)
    except (LedgerError, StoreError) as error:
        session.events.line(f"what the film has cost so far could not be read: {error.message}", level=logging.WARNING)
    try:
        await asyncio.to_thread(
            comparison.take_library.save,
            run=session.run,
            used=used,
            labels=labels,
            sums=sums,
            whole=not lacks(outcomes),
        )
    except StoreError as error:
        session.events.line(f"no snapshot of the film was saved: {error.message}", level=logging.WARNING)
    return sums


async def keep_left_over(session: Session, comparison: Comparison) -> list[str]:
    """Keep the clips of attempts that no shot needs: it changed while they were in flight, or its start was written off."""
    found = plans.statuses(comparison)
    wanted = {lack.name for one in found.values() for lack in one.lacks}
    # Where the clip before a shot is not kept yet, an attempt for the shot may still be the one that it needs.
    waiting = {
        (comparison.descriptions.get(one.shot.id), lack.number)
        for one in found.values()
        if one.shot.parent is not None and comparison.start(found[one.shot.parent]) is None
        for lack in one.lacks
    }
    # Leave clips that were made alone and are accounted to the film: their caller ingests them.
    alone = {CLIPS} - {shot.scene for shot in comparison.resolved.shots}

    async def of_no_use(phase: str) -> list[Attempt]:
        state = await asyncio.to_thread(session.ledger.read)
        return [
            one
            for one in state.attempts.values()
            if one.phase == phase and one.order.film == session.film and one.order.fingerprint not in wanted
            if one.order.scene not in alone and (one.order.description, one.order.take) not in waiting
        ]

    for attempt in await of_no_use("accepted"):
        # No shot polls it. One that is still going is asked for by the next run.
        with contextlib.suppress(TransientError, RefusedError):
            await ask(session.ledger, session.account.provider, attempt, lambda task: failure(task).retryable)
    notes = []
    for attempt in await of_no_use("completed"):
        order = attempt.order
        try:
            take = await salvage(session.assets, session.ledger, attempt, comparison)
        except LongtakeError as error:
            notes.append(
                f"attempt {attempt.id} for {order.label} is bought, and its clip could not be kept: {error.message}"
            )
            continue
        notes.append(
            f"attempt {attempt.id} for {order.label} was bought for what no shot needs any more: "
            f"its clip is kept as {take.clip.key}"
        )
    return notes
