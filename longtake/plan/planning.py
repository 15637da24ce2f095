"""Making a plan: no key, no network, no engine; a storyboard, a catalog and what the store holds."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING, Literal, get_args

from longtake import library
from longtake.ledger import Budget, EntryLog
from longtake.ledger.realm import realm_of
from longtake.plan.agreement import in_force
from longtake.plan.comparison import Comparison
from longtake.plan.ledger_view import LedgerView, provider_of, read_books
from longtake.plan.plan import Plan, PlannedShot, PlannedTake
from longtake.storyboard import Downstream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from longtake.catalog import Catalog, OldRate
    from longtake.plan.status import Lack, ShotStatus
    from longtake.request import Resolved
    from longtake.settings import Settings
    from longtake.store import Store

_NAMED = 5
"""Shots that a note names; it counts the others."""


def make(
    resolved: Resolved,
    *,
    catalog: Catalog,
    store: Store | None,
    settings: Settings,
    film: str,
    downstream: Downstream | None = None,
    retake: Iterable[str] = (),
    steps: Sequence[str] = (),
    today: date | None = None,
    run: str = "",
) -> Plan:
    """Compare a storyboard with what the store holds.

    Args:
        resolved: the storyboard with the catalog's rules applied.
        catalog: the same catalog.
        store: where takes lie; None when there is no store yet.
        settings: whose clips and whose ledgers count (the provider and the key), and the budgets of a run and a day.
        film: the film's slug.
        downstream: what becomes of the shots after a retake; None as the storyboard and earlier decisions say.
        retake: ids of shots that get a new take although they have one.
        steps: names of the user's own steps of the run: a take that one refused counts as failed.
        today: the day that ages of rates are counted to; None is today in UTC.
        run: the id of the run, for what it has used so far.

    Raises:
        SettingsError: `retake` names a shot that cannot get a new take.
        StoryboardError: `use` names a take that does not exist.
        TwoLedgersError: the key has several ledgers with open attempts.
        StoreError: the store is away.
    """
    take_library = library.read_holdings(store, film)
    take_library.edits = library.read_edits(store, film, steps)
    payer, host = provider_of(settings, store)
    books = read_books(store, host, film, account=payer, run=run)
    comparison = Comparison(
        resolved,
        take_library,
        catalog=catalog,
        realm=realm_of(host),
        attempts=books.attempts,
        frames=books.frames,
        downstream=downstream,
    )
    for revision in comparison.retake(retake, run=""):
        take_library.decide(revision)
    budget = Budget(film=resolved.loaded.board.budget, run=settings.run_budget, day=settings.day_budget)
    plan = of(comparison, books, budget, today=today)
    return in_force(plan, store, EntryLog(store, payer)) if store is not None and payer is not None else plan


def statuses(comparison: Comparison) -> dict[str, ShotStatus]:
    """How every shot stands, by id."""
    found: dict[str, ShotStatus] = {}
    for shot in comparison.resolved.parents_first():
        found[shot.id] = comparison.look(shot, found[shot.parent] if shot.parent else None)
    return found


def of(
    comparison: Comparison,
    books: LedgerView,
    budget: Budget | None = None,
    *,
    today: date | None = None,
    priced: set[str] | None = None,
) -> Plan:
    """The plan that a comparison makes.

    Args:
        comparison: the storyboard against what is kept.
        books: what the ledgers hold.
        budget: by default the storyboard's.
        today: as for `make`.
        priced: takes that a film planned before this one buys, by name; takes of this film are added.
    """
    resolved, take_library = comparison.resolved, comparison.take_library
    found = statuses(comparison)
    chain_of = {shot: number for number, chain in enumerate(resolved.chains, 1) for shot in chain}
    priced = priced if priced is not None else set()
    # The shots that are alike in everything share one take: it is priced where a run would come to it first.
    paid = {shot.id: _paid(found[shot.id], priced) for shot in resolved.parents_first()}
    bought = {shot: len(lacks) for shot, lacks in paid.items()}
    labels = {shot.id: shot.label for shot in resolved.shots}
    awaited = {shot.parent for shot in resolved.shots if found[shot.id].lacks}
    rows = tuple(
        _row(found[shot.id], bought[shot.id], chain_of[shot.id], comparison, awaited=shot.id in awaited)
        for shot in resolved.shots
    )
    depth: dict[str, tuple[int, int]] = {}
    for shot in resolved.parents_first():
        count, seconds = depth[shot.parent] if shot.parent else (0, 0)
        depth[shot.id] = (count + 1, seconds + max(shot.duration, 0))
    longest = max(depth.values(), default=(0, 0))
    reserve = sum(r.reserve for r in rows)
    budget = budget if budget is not None else Budget(film=resolved.loaded.board.budget)
    before = take_library.snapshot.labels if take_library.snapshot is not None else {}
    purchases = tuple(_purchases(comparison, found, paid))
    board_digest = hashlib.sha256(resolved.loaded.text.encode()).hexdigest()
    return Plan(
        film=take_library.film,
        title=resolved.loaded.board.title,
        shots=rows,
        removed=tuple(label for shot, label in before.items() if shot not in labels),
        downstream=comparison.downstream or resolved.loaded.board.downstream,
        downstream_prices={way: _price(comparison.with_downstream(way)) for way in get_args(Downstream)},
        joined=_joined(resolved, found, comparison),
        expected=sum(r.expected for r in rows),
        reserve=reserve,
        budget=budget,
        used=books.used,
        refusals=budget.refusals(reserve, books.used),
        seconds=float(resolved.seconds),
        frames=resolved.frames,
        chains=len(resolved.chains),
        longest_chain=longest[0],
        longest_chain_seconds=longest[1],
        in_doubt=tuple(r.attempt for r in rows if r.state == "in doubt" and r.attempt),
        planning_rates=any(r.planning_rate for r in rows if r.to_buy),
        notes=(*books.notes, *_jumps(resolved), *_deliverables(resolved)),
        old_rates=_old_rates(comparison.catalog, rows, today),
        purchases=purchases,
        board_digest=board_digest,
        digest=_digest(comparison, board_digest, purchases),
    )


def _purchases(
    comparison: Comparison, found: Mapping[str, ShotStatus], paid: Mapping[str, Sequence[Lack]]
) -> Iterator[PlannedTake]:
    for shot in comparison.resolved.shots:
        for lack in found[shot.id].to_buy:
            pays = lack in paid[shot.id]
            yield PlannedTake(
                shot=shot.id,
                take=lack.number,
                name=lack.name,
                description=comparison.descriptions.get(shot.id),
                expected=shot.expected.credits if pays else 0,
                reserve=shot.reserve.credits if pays else 0,
            )


def _digest(comparison: Comparison, board_digest: str, purchases: Sequence[PlannedTake]) -> str:
    """The digest of canonical JSON over the storyboard, the kind of provider, and each take to buy with its price."""
    decides = {
        "kind": "longtake-plan/1",
        "realm": comparison.realm,
        "film": comparison.take_library.film,
        "board": board_digest,
        "buys": [[one.shot, one.take, one.name, one.description, one.expected, one.reserve] for one in purchases],
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]


def _jumps(resolved: Resolved) -> list[str]:
    """A line for the shots that no longer follow the one they continue without a break, because a trim cuts frames off there."""
    pairs = itertools.pairwise(resolved.shots)
    jumps = [shot.label for before, shot in pairs if shot.parent == before.id and shot.apart(before)]
    if not jumps:
        return []
    more = f" and {len(jumps) - _NAMED} more" if len(jumps) > _NAMED else ""
    return [f"trims cut frames off a continuous take: the picture jumps into {', '.join(jumps[:_NAMED])}{more}"]


def _deliverables(resolved: Resolved) -> list[str]:
    """The line for what else is made of the film."""
    wanted = resolved.loaded.board.deliverables
    return [f"deliverables, made of the film for nothing: {', '.join(map(str, wanted))}"] if wanted else []


def _old_rates(catalog: Catalog, rows: Iterable[PlannedShot], today: date | None) -> tuple[OldRate, ...]:
    oldest: dict[str, OldRate] = {}
    for row in rows:
        rate = catalog.old_rate(row.model, row.resolution, today=today) if row.to_buy else None
        if rate is not None and (row.model not in oldest or rate.days > oldest[row.model].days):
            oldest[row.model] = rate
    return tuple(oldest.values())


def _paid(status: ShotStatus, priced: set[str]) -> list[Lack]:
    """The takes of a shot that no shot before it pays for."""
    lacks = [lack for lack in status.to_buy if lack.name not in priced]
    priced.update(lack.name for lack in lacks)
    return lacks


def _price(comparison: Comparison) -> int:
    priced: set[str] = set()
    return sum(len(_paid(one, priced)) * one.shot.expected.credits for one in statuses(comparison).values())


def _joined(
    resolved: Resolved, found: dict[str, ShotStatus], comparison: Comparison
) -> Literal["there", "to join", "not whole"]:
    takes = [found[shot.id].used for shot in resolved.shots if found[shot.id].settled]
    whole = [take for take in takes if take is not None]
    if len(whole) < len(resolved.shots):
        return "not whole"
    from longtake import timeline  # noqa: PLC0415 - its models are built for a film that is whole

    store = comparison.take_library.store
    key = f"films/{comparison.take_library.film}/{timeline.of(resolved, whole).digest}/manifest.json"
    return "there" if store is not None and store.head(key) is not None else "to join"


def _row(status: ShotStatus, bought: int, chain: int, comparison: Comparison, *, awaited: bool) -> PlannedShot:
    shot = status.shot
    pinned = comparison.take_library.take(status.bridges) if status.bridges is not None else None
    attempt = next((lack.attempt for lack in status.lacks if lack.attempt is not None), None)
    return PlannedShot(
        shot=shot.label,
        scene=shot.scene,
        id=shot.id,
        state=status.state,
        chain=chain,
        continues=shot.parent,
        model=shot.model,
        resolution=shot.resolution,
        seconds=shot.duration if shot.duration > 0 else None,
        takes=shot.takes,
        used=status.used.take if status.used is not None else None,
        to_buy=bought,
        expected=bought * shot.expected.credits,
        reserve=bought * shot.reserve.credits,
        planning_rate=shot.expected.planning,
        reasons=status.reasons,
        pinned_to=pinned.shot if pinned is not None else None,
        no_bridge=status.no_bridge,
        attempt=attempt.id if attempt is not None else None,
        waits=status.waits if awaited else None,
    )
