"""The plan: what a run would do and cost. No key, no network, no engine: a storyboard, a catalog and a look into the store.

The states of a shot: `current` as described; `stale` made from an older input but usable; `missing` not there; `blocked` not
there and waiting for another shot; `in doubt` when an attempt for it may have been charged; `under way` when a task for it
was accepted. All amounts are whole credits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from longtake import inputs, record, request
from longtake.ledger import DOUBTS, Log, accounts_in

if TYPE_CHECKING:
    from longtake.ledger import Attempt
    from longtake.record import Take
    from longtake.request import Resolved, ResolvedShot
    from longtake.settings import Settings
    from longtake.store import Store

State = Literal["current", "stale", "missing", "blocked", "in doubt", "under way"]


class PlannedShot(BaseModel):
    """One line of a plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shot: str
    scene: str
    id: str
    state: State
    chain: int
    """Number of its chain, from 1."""
    continues: str | None
    model: str
    resolution: str
    seconds: int | None
    """None where the provider chooses the length."""
    takes: int
    to_buy: int
    """Takes that a run would buy."""
    expected: int
    reserve: int
    planning_rate: bool
    """The price is only for planning: the provider has published none."""
    attempt: str | None = None
    """The attempt in doubt or under way."""


class Plan(BaseModel):
    """What a run would do. Amounts in credits, lengths in seconds of film."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    film: str
    title: str
    shots: tuple[PlannedShot, ...]
    expected: int
    reserve: int
    budget: int | None
    spent: int
    """What the ledgers in the store already hold against this film: settled, reserved and in doubt."""
    seconds: float
    frames: int
    chains: int
    longest_chain: int
    """Shots that have to be made one after another."""
    longest_chain_seconds: int
    in_doubt: tuple[str, ...]
    planning_rates: bool

    @property
    def fits(self) -> bool:
        """Whether what is missing fits into the film's budget."""
        return self.budget is None or self.spent + self.reserve <= self.budget


@dataclass(frozen=True, slots=True)
class Found:
    """What the store holds of one shot."""

    state: State
    take: Take | None
    missing: int
    attempt: Attempt | None = None


def make(resolved: Resolved, *, store: Store | None, settings: Settings, film: str, renew_stale: bool = False) -> Plan:
    """Compare a storyboard with what the store holds.

    Args:
        resolved: the storyboard with the catalog's rules applied.
        store: where takes lie; None when there is no store yet.
        settings: whose clips and whose ledgers count (`realm` and `host`).
        film: the film's slug.
        renew_stale: count stale shots as to be bought again.

    Raises:
        StoreError: the store is away.
    """
    open_attempts, spent = _ledgers(store, settings.host, film)
    found = _look(resolved, store, settings.realm, open_attempts, renew_stale=renew_stale)
    chain_of = {shot: number for number, chain in enumerate(resolved.chains, 1) for shot in chain}
    rows = tuple(_row(shot, found[shot.id], chain_of[shot.id]) for shot in resolved.shots)
    depth: dict[str, tuple[int, int]] = {}
    for shot in parents_first(resolved):
        count, seconds = depth[shot.parent] if shot.parent else (0, 0)
        depth[shot.id] = (count + 1, seconds + max(shot.duration, 0))
    longest = max(depth.values(), default=(0, 0))
    return Plan(
        film=film,
        title=resolved.loaded.board.title,
        shots=rows,
        expected=sum(r.expected for r in rows),
        reserve=sum(r.reserve for r in rows),
        budget=resolved.loaded.board.budget,
        spent=spent,
        seconds=float(resolved.seconds),
        frames=resolved.frames,
        chains=len(resolved.chains),
        longest_chain=longest[0],
        longest_chain_seconds=longest[1],
        in_doubt=tuple(r.attempt for r in rows if r.state == "in doubt" and r.attempt),
        planning_rates=any(r.planning_rate for r in rows if r.to_buy),
    )


def _ledgers(store: Store | None, host: str, film: str) -> tuple[dict[str, Attempt], int]:
    """Open attempts by fingerprint and by description, and what the film has used, over all accounts with this provider."""
    found: dict[str, Attempt] = {}
    spent = 0
    if store is None:
        return found, spent
    for account in accounts_in(store, host=host):
        state = Log(store, account).read()
        spent += state.used(film=film)
        for attempt in state.attempts.values():
            found[attempt.order.fingerprint] = attempt
            found.setdefault(attempt.order.description, attempt)
    return found, spent


def _look(
    resolved: Resolved, store: Store | None, realm: str, attempts: dict[str, Attempt], *, renew_stale: bool
) -> dict[str, Found]:
    found: dict[str, Found] = {}
    priced: set[str] = set()
    for shot in parents_first(resolved):
        parent = found[shot.parent] if shot.parent else None
        found[shot.id] = _find(shot, parent, store, realm, attempts=attempts, priced=priced, renew_stale=renew_stale)
    return found


def _find(
    shot: ResolvedShot,
    parent: Found | None,
    store: Store | None,
    realm: str,
    *,
    attempts: dict[str, Attempt],
    priced: set[str],
    renew_stale: bool,
) -> Found:
    """What there is of one shot. `priced` collects the takes a run would buy: shots alike in everything share one."""
    digests = _digests(shot, store)
    if digests is None:
        # No run has read this URL yet, so nothing can be there that was made from it.
        return Found("missing" if parent is None or parent.take is not None else "blocked", None, shot.takes)
    waiting = parent is not None and (parent.take is None or (parent.missing > 0 and parent.state != "current"))
    frame = parent.take.last_frame.sha256 if parent is not None and parent.take is not None and not waiting else None
    first: Take | None = None
    stale: Take | None = None
    attempt: Attempt | None = None
    wanted: list[str] = []
    for number in range(1, shot.takes + 1):
        description = request.description(shot, take=number, realm=realm, digests=digests)
        name = f"{description} after {shot.parent}"
        take = None
        if not waiting:
            name = request.fingerprint(shot, take=number, realm=realm, digests=digests, frame=frame)
            take = record.load(store, name) if store is not None else None
        if take is not None:
            first = first or take
            continue
        # Its money is held already, and while it is open nobody buys that take again.
        open_attempt = attempts.get(description if waiting else name)
        attempt = attempt or open_attempt
        if open_attempt is None:
            wanted.append(name)
        if stale is None and store is not None:
            stale = record.older(store, description)
    if attempt is None and not wanted:
        return Found("current", first, 0)
    if attempt is None and first is None and stale is not None and not renew_stale:
        return Found("stale", stale, 0)
    to_buy = sum(name not in priced for name in wanted)
    priced.update(wanted)
    if attempt is not None:
        return Found("in doubt" if attempt.phase in DOUBTS else "under way", first, to_buy, attempt)
    if first is None and stale is not None:
        return Found("stale", stale, to_buy)
    return Found("blocked" if waiting else "missing", first, to_buy)


def _digests(shot: ResolvedShot, store: Store | None) -> dict[int, str] | None:
    """What inputs given as URLs served when last read, by index; None when one was never read."""
    found: dict[int, str] = {}
    for index, item in enumerate(shot.inputs):
        if item.sha256 is None:
            digest = inputs.remembered(store, str(item.source)) if store is not None else None
            if digest is None:
                return None
            found[index] = digest
    return found


def _row(shot: ResolvedShot, found: Found, chain: int) -> PlannedShot:
    return PlannedShot(
        shot=shot.label,
        scene=shot.scene,
        id=shot.id,
        state=found.state,
        chain=chain,
        continues=shot.parent,
        model=shot.model,
        resolution=shot.resolution,
        seconds=shot.duration if shot.duration > 0 else None,
        takes=shot.takes,
        to_buy=found.missing,
        expected=found.missing * shot.expected.credits,
        reserve=found.missing * shot.reserve.credits,
        planning_rate=shot.expected.planning,
        attempt=found.attempt.id if found.attempt else None,
    )


def parents_first(resolved: Resolved) -> list[ResolvedShot]:
    """Every shot after the one it continues."""
    done: dict[str, ResolvedShot] = {}
    waiting = list(resolved.shots)
    while waiting:
        for shot in [s for s in waiting if s.parent is None or s.parent in done]:
            done[shot.id] = shot
            waiting.remove(shot)
    return list(done.values())
