"""The plan: what a run would do and cost. No key, no network, no engine: a storyboard, a catalog and a look into the store.

The states of a shot: `current` as described; `stale` made from an older input but usable; `missing` not there; `blocked` not
there and waiting for another shot; `in doubt` when an attempt for it may have been charged; `under way` when a task for it
was accepted. All amounts are whole credits.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import BaseModel, Field

from longtake import library, tables
from longtake.catalog import OldRate
from longtake.frozen import Frozen
from longtake.ledger import Attempt, Budget, BudgetRefusal, EntryLog, Used, accounts_in, identify_ledger
from longtake.ledger.budget import Scope
from longtake.ledger.identity import key_digest
from longtake.ledger.readings import differs
from longtake.library import Frame
from longtake.plan.changes import Change
from longtake.plan.comparison import Comparison
from longtake.plan.status import Status
from longtake.storyboard import Downstream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from longtake.catalog import Catalog
    from longtake.ledger import LedgerState
    from longtake.plan.status import Lack, ShotStatus
    from longtake.request import Resolved, ResolvedShot
    from longtake.settings import Settings
    from longtake.store import Store

_COLUMNS = ("shot", "state", "to buy", "expected", "reserve")
_WIDTH = 80
_NAMED = 5
"""Shots that a note names; it counts the others."""
MOST_ROWS = 40
"""Rows of a plan as a table, unless all are asked for."""


class PlannedShot(Frozen):
    """One line of a plan."""

    shot: str
    scene: str
    id: str
    state: Status
    chain: int
    """Number of its chain, from 1."""
    continues: str | None
    model: str
    resolution: str
    seconds: int | None
    """None where the provider chooses the length."""
    takes: int
    used: int | None
    """The number of the kept take that is used, as far as is known."""
    to_buy: int
    """Takes that a run would buy."""
    expected: int
    reserve: int
    planning_rate: bool
    """The price is only for planning: the provider has published none."""
    reasons: tuple[Change, ...] = ()
    """Why it is not current: what changed, from what to what."""
    pinned_to: str | None = None
    """The kept shot after it, to whose first frame a new take is pinned."""
    no_bridge: str | None = None
    """Why a new take cannot be pinned to the kept shot after it."""
    attempt: str | None = None
    """The attempt in doubt or under way."""
    waits: str | None = None
    """Why a missing shot that continues it is bought only when its clip is kept; None where its last frame is enough."""


class PlannedTake(Frozen):
    """One take that a run would buy. Amounts in credits; 0 where another shot of the plan pays for the same take."""

    shot: str
    """The shot's id."""
    take: int
    name: str
    """Its fingerprint, or where that is not known yet something that is the same for the same take."""
    description: str | None
    """The digest of its request without the frame it starts from; None where an input given as a URL was never read."""
    expected: int
    reserve: int


class Plan(Frozen):
    """What a run would do. Amounts in credits, lengths in seconds of film."""

    film: str
    title: str
    shots: tuple[PlannedShot, ...]
    removed: tuple[str, ...]
    """Shots that the last run had and the storyboard has not; their takes stay in the store."""
    downstream: Downstream
    downstream_prices: dict[Downstream, int]
    """Expected credits of the run for each choice of what becomes of the shots after a retake."""
    joined: Literal["there", "to join", "not whole"]
    """Whether the film of exactly these takes is there; a run joins it as soon as all shots are."""
    expected: int
    reserve: int
    budget: Budget
    used: Used
    """What the ledgers in the store already hold against each budget: settled, reserved and in doubt."""
    refusals: tuple[BudgetRefusal, ...] = ()
    """The budgets that the missing takes exceed; a run would refuse, or ask a person if it is set to."""
    seconds: float
    frames: int
    chains: int
    longest_chain: int
    """Shots that have to be made one after another."""
    longest_chain_seconds: int
    in_doubt: tuple[str, ...]
    planning_rates: bool
    notes: tuple[str, ...] = ()
    """What a person should know: a balance that differs from the ledger, trims that make a chain jump, deliverables."""
    old_rates: tuple[OldRate, ...] = ()
    """Of each model of which takes would be bought, the oldest rate used, if it was seen longer ago than the catalog allows."""
    purchases: tuple[PlannedTake, ...] = ()
    """The takes that a run would buy, in film order."""
    board_digest: str = ""
    """SHA-256 of the storyboard's text."""
    digest: str = ""
    """What names it, 32 hex digits: another storyboard, take to buy or price is another digest (`Studio.make(expect=…)`)."""

    @property
    def fits(self) -> bool:
        """Whether what is missing fits into every budget."""
        return self.budget.allows(self.reserve, self.used)

    def shown(self, most: int | None = MOST_ROWS) -> list[PlannedShot]:
        """The shots that a table of at most `most` rows shows: all where they are few, else those that are not current."""
        if most is None or len(self.shots) <= most:
            return list(self.shots)
        return [one for one in self.shots if one.state != "current" or one.to_buy][:most]

    def waiting(self) -> list[str]:
        """Why chains wait for clips: a line for each reason, with the number of shots."""
        reasons = [shot.waits for shot in self.shots if shot.waits is not None]
        return [
            f"{reasons.count(why)} {'shot is' if reasons.count(why) == 1 else 'shots are'} continued only when kept: {why}"
            for why in dict.fromkeys(reasons)
        ]

    def __str__(self) -> str:
        head = tables.shortened(f"{self.title}: {self._summary()}", _WIDTH)
        lines = tables.text(_COLUMNS, [*self._rows(), self._total()], numbers=3, width=_WIDTH)
        return "\n".join([head, *lines, *(tables.shortened(note, _WIDTH) for note in self._notes())])

    def _repr_html_(self) -> str:
        title = f"{self.title}: {self._summary()}"
        return tables.html(title, _COLUMNS, self._rows(), numbers=3, total=self._total(), notes=self._notes())

    def _summary(self) -> str:
        takes = sum(shot.to_buy for shot in self.shots)
        return (
            f"{len(self.shots)} shots, {takes} {'take' if takes == 1 else 'takes'} to buy, {self.seconds:.1f} s of film"
        )

    def _rows(self) -> list[tuple[str, str, str, str, str]]:
        """One row for each shot that is shown, and one that counts the others."""
        shown = self.shown()
        rows: list[tuple[str, str, str, str, str]] = [
            (
                one.shot,
                one.state,
                str(one.to_buy) if one.to_buy else "",
                f"{one.expected}{'*' if one.planning_rate else ''}" if one.to_buy else "",
                str(one.reserve) if one.to_buy else "",
            )
            for one in shown
        ]
        more = len(self.shots) - len(shown)
        return [*rows, (f"and {more} more", "", "", "", "")] if more else rows

    def _total(self) -> tuple[str, str, str, str, str]:
        takes = sum(shot.to_buy for shot in self.shots)
        return ("sum", "", str(takes), str(self.expected), str(self.reserve))

    def _notes(self) -> list[str]:
        notes = []
        if self.budget.film is not None:
            notes.append(f"budget: {self.budget.film} credits, {self.used.film} used so far")
        notes += [
            f"this does not fit: the {one.scope} budget of {one.budget} credits has {one.available} left"
            for one in self.refusals
        ]
        if self.planning_rates:
            notes.append("* planning rate: the provider has not published a price for this model")
        notes += [str(rate) for rate in self.old_rates]
        notes += self.notes
        notes += self.waiting()
        if self.in_doubt:
            notes.append(f"in doubt: {', '.join(self.in_doubt)}")
        return notes


class LedgerView(BaseModel):
    """What the ledgers in a store say: open attempts of all accounts with a provider, and what counts against each budget."""

    attempts: list[Attempt] = Field(default_factory=list)
    used: Used = Used()
    notes: list[str] = Field(default_factory=list)
    """What a person should know of them: a balance that differed at its last reading."""
    frames: dict[str, Frame] = Field(default_factory=dict)
    """Recorded last frames of these attempts, by task id."""


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
        settings: whose clips and whose ledgers count (`realm`, `host` and the key), and the budgets of a run and a day.
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
    books = read_books(store, settings.host, film, account=payer_of(settings, store), run=run)
    comparison = Comparison(
        resolved,
        take_library,
        catalog=catalog,
        realm=settings.realm,
        attempts=books.attempts,
        frames=books.frames,
        downstream=downstream,
    )
    for revision in comparison.retake(retake, run=""):
        take_library.decide(revision)
    budget = Budget(film=resolved.loaded.board.budget, run=settings.run_budget, day=settings.day_budget)
    return of(comparison, books, budget, today=today)


def payer_of(settings: Settings, store: Store | None) -> str | None:
    """Return the account that pays, None without a key or a store. Writes nothing.

    Raises:
        TwoLedgersError: the key has several ledgers with open attempts: a run would refuse, too.
        SettingsError: the key has no such ledger.
        StoreError: the store is away.
    """
    key = settings.api_key.get_secret_value() if settings.api_key is not None else ""
    if not key or store is None:
        return None
    return identify_ledger(store, host=settings.host, key=key, wanted=settings.account).account


def read_books(
    store: Store | None, host: str, film: str, *, own: EntryLog | None = None, account: str | None = None, run: str = ""
) -> LedgerView:
    """Read the ledgers of all accounts with a provider.

    Args:
        store: where they lie; None when there is no store yet.
        host: the provider's.
        film: the film's slug.
        own: the log of the account that pays, where it is open already: it reads only what is new.
        account: the account that pays, when `own` is not given. When neither is known, the day of the busiest account counts.
        run: the run that pays, for what it has used so far.

    Raises:
        StoreError: the store is away.
    """
    payer = own.account if own is not None else account
    ledgers = read_ledgers(store, host, own=own, account=payer)
    found = view_of(ledgers, film, payer=payer, run=run)
    return found.model_copy(update={"frames": library.read_last_frames(store, ledgers)})


def read_ledgers(
    store: Store | None, host: str, *, own: EntryLog | None = None, account: str | None = None
) -> dict[str, LedgerState]:
    """Read the ledgers of all accounts with a provider, by account. Arguments and errors are those of `read_books`."""
    if store is None:
        return {}
    payer = own.account if own is not None else account

    def read(name: str) -> LedgerState:
        log = own if own is not None and own.account == name else EntryLog(store, name)
        # Without a key nothing can be bought: a hole is no reason to show no plan.
        return log.read() if payer == name else log.read_as_far()

    return {name: read(name) for name in accounts_in(store, host=host)}


def view_of(
    ledgers: Mapping[str, LedgerState], film: str, *, payer: str | None = None, run: str = "", film_set: str = ""
) -> LedgerView:
    """What ledgers that were read say of one film.

    Args:
        ledgers: by account.
        film: the film's slug.
        payer: the account that pays; when it is not known, the busiest account counts.
        run: the run that pays, for what it has used so far.
        film_set: the slug of the film set that the film belongs to.
    """
    attempts: list[Attempt] = []
    notes: list[str] = []
    film_used, refunds = 0, dict[Scope, int]()
    keys: dict[str, Used] = {}
    """By the digest of the key: one may have several ledgers, which share its budgets."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for name, state in ledgers.items():
        attempts.extend(state.attempts.values())
        used = state.used(film=film, run=run, day=today, film_set=film_set)
        film_used += used.film
        key = key_digest(name)
        keys[key] = keys.get(key, Used()).plus(film=0, film_set=used.set, run=used.run, day=used.day)
        pays = payer is None or payer == name
        if pays and state.offset:
            said = differs(state.offset, state.agreed)
            notes.append(f"{said}, as it was last read: explain it with `longtake credits adjust`")
        if pays and state.lost:
            notes.append(f"nothing is bought: entry {state.lost[0]} of the ledger of {name} is lost")
        if pays:
            refunds |= {scope: refunds.get(scope, 0) + credits for scope, credits in used.refunds.items()}
    paying = [used for key, used in keys.items() if payer is None or key == key_digest(payer)]
    most = {scope: max((getattr(used, scope) for used in paying), default=0) for scope in ("set", "run", "day")}
    return LedgerView(attempts=attempts, used=Used(film=film_used, refunds=refunds, **most), notes=notes)


def statuses(comparison: Comparison) -> dict[str, ShotStatus]:
    """How every shot stands, by id."""
    found: dict[str, ShotStatus] = {}
    for shot in parents_first(comparison.resolved):
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
    paid = {shot.id: _paid(found[shot.id], priced) for shot in parents_first(resolved)}
    bought = {shot: len(lacks) for shot, lacks in paid.items()}
    labels = {shot.id: shot.label for shot in resolved.shots}
    awaited = {shot.parent for shot in resolved.shots if found[shot.id].lacks}
    rows = tuple(
        _row(found[shot.id], bought[shot.id], chain_of[shot.id], comparison, awaited=shot.id in awaited)
        for shot in resolved.shots
    )
    depth: dict[str, tuple[int, int]] = {}
    for shot in parents_first(resolved):
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


def parents_first(resolved: Resolved) -> list[ResolvedShot]:
    """Every shot after the one it continues, in film order otherwise."""
    by_id = {shot.id: shot for shot in resolved.shots}
    done: dict[str, ResolvedShot] = {}
    for shot in resolved.shots:
        trail: list[ResolvedShot] = []
        here: ResolvedShot | None = shot
        while here is not None and here.id not in done:
            trail.append(here)
            here = by_id[here.parent] if here.parent else None
        done |= {one.id: one for one in reversed(trail)}
    return list(done.values())
