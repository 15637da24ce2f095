"""The plan of a film set: what each film needs, what films share, and whether all of it fits the budgets. Amounts in credits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from longtake import library, tables
from longtake import plan as plans
from longtake.catalog import OldRate
from longtake.frozen import Frozen
from longtake.ledger import Budget, BudgetRefusal
from longtake.ledger.realm import realm_of
from longtake.storyboard import slug

if TYPE_CHECKING:
    from longtake.catalog import Catalog
    from longtake.film_set.admission import Admission, AdmittedFilm
    from longtake.film_set.models import FilmSet
    from longtake.plan import Plan
    from longtake.settings import Settings
    from longtake.store import Store

_READERS = 16
_COLUMNS = ("film", "row", "state", "shots", "to buy", "expected", "reserve")
_WIDTH = 80

FilmState = Literal["current", "to join", "to make", "over budget", "in doubt"]


class PlannedFilm(Frozen):
    """One film of a set's plan."""

    key: str
    film: str
    """The film's slug."""
    title: str
    row: int
    labels: dict[str, str]
    state: FilmState
    shots: int
    to_buy: int
    """Takes that a run would buy; a take that an earlier film of the set buys counts there."""
    expected: int
    reserve: int
    seconds: float
    longest_chain_seconds: int
    refusal: BudgetRefusal | None = None
    """The film's own budget, where what is missing does not fit into it."""


class SetPlan(Frozen):
    """What a run of a film set would do. Amounts in credits, lengths in seconds."""

    set: str
    """The set's slug."""
    title: str
    films: tuple[PlannedFilm, ...]
    rows: int
    bad_rows: tuple[str, ...]
    """What is wrong with rows that give no film, one line each."""
    to_buy: int
    shared: int
    """Takes that a second film needs as well; each is bought once."""
    expected: int
    reserve: int
    seconds: float
    longest_chain_seconds: int
    """The longest time of shots that have to be made one after another, in any film."""
    budget: int | None
    used: int
    """Credits that count against the set's budget already: settled, reserved and in doubt, by this account."""
    refusals: tuple[BudgetRefusal, ...]
    """The budgets that the set as a whole does not fit into."""
    planning_rates: bool
    old_rates: tuple[OldRate, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the missing takes fit into every budget, including the budgets of single films."""
        return not self.refusals and all(film.refusal is None for film in self.films)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        rows = [self._row(film) for film in self._shown(plans.MOST_ROWS)]
        return tables.html(self._head(), _COLUMNS, rows, numbers=4, total=self._total(), notes=self._notes())

    def lines(self, *, most: int | None = plans.MOST_ROWS, width: int = _WIDTH) -> list[str]:
        """The plan as text.

        Args:
            most: rows of the table; None for every film.
            width: columns of the terminal.
        """
        shown = self._shown(most)
        more = len(self.films) - len(shown)
        table = tables.text(_COLUMNS, [*map(self._row, shown), self._total()], numbers=4, width=width)
        hidden = [f"and {more} more films: --all shows every one"] if more else []
        return [tables.shortened(self._head(), width), *table, *hidden, *self._notes()]

    def _shown(self, most: int | None) -> list[PlannedFilm]:
        if most is None or len(self.films) <= most:
            return list(self.films)
        return [film for film in self.films if film.state != "current"][:most]

    def _head(self) -> str:
        current = sum(film.state == "current" for film in self.films)
        return f"{self.title}: {len(self.films)} films, {current} of them current, {self.to_buy} takes to buy"

    @staticmethod
    def _row(film: PlannedFilm) -> tuple[str, ...]:
        amounts = (str(film.to_buy), str(film.expected), str(film.reserve)) if film.to_buy else ("", "", "")
        return (film.key, str(film.row), film.state, str(film.shots), *amounts)

    def _total(self) -> tuple[str, ...]:
        shots = sum(film.shots for film in self.films)
        return ("sum", "", "", str(shots), str(self.to_buy), str(self.expected), str(self.reserve))

    def _notes(self) -> list[str]:
        notes = [f"{self.seconds:.0f} s of film; the longest chain takes {self.longest_chain_seconds} s of shots"]
        if self.shared:
            notes.append(f"{self.shared} takes are shared between films and bought once")
        if self.budget is not None:
            notes.append(f"budget of the set: {self.budget} credits, {self.used} used so far")
        notes += [
            f"this does not fit: the {one.scope} budget of {one.budget} credits has {one.available} left, {one.needed} are needed"
            for one in self.refusals
        ]
        if self.planning_rates:
            notes.append("some prices are planning rates: the provider has published none")
        notes += [str(rate) for rate in self.old_rates]
        if self.bad_rows:
            notes.append(f"{len(self.bad_rows)} problems in rows, which give no film")
        return notes


def make(
    film_set: FilmSet,
    admission: Admission,
    *,
    catalog: Catalog,
    store: Store | None,
    settings: Settings,
    run_budget: int | None = None,
    run: str = "",
) -> SetPlan:
    """Compare the films of a set with what the store holds.

    Args:
        film_set: the set.
        admission: what `admit` made of its rows.
        catalog: the catalog that `admit` was given.
        store: where takes lie; None when there is no store yet.
        settings: whose clips and whose ledgers count, and the budgets of a run and a day.
        run_budget: credits that the run may cost, in addition to the budget of the settings.
        run: the id of the run, for what it has used so far.

    Raises:
        StoreError: the store is away.
    """
    names = library.TakeNames(store) if store is not None else None
    payer, host = plans.provider_of(settings, store)
    ledgers = plans.read_ledgers(store, host, account=payer)
    frames = library.read_last_frames(store, ledgers)
    priced: set[str] = set()
    needed: list[int] = []
    planned: list[tuple[AdmittedFilm, Plan]] = []
    name = slug(film_set.title)
    with ThreadPoolExecutor(_READERS, thread_name_prefix="longtake-read") as pool:
        kept = pool.map(lambda one: library.read_holdings(store, one.film, names), admission.films)
        for one, take_library in zip(admission.films, kept, strict=True):
            view = plans.view_of(ledgers, one.film, payer=payer)
            comparison = plans.Comparison(
                one.resolved,
                take_library,
                catalog=catalog,
                realm=realm_of(host),
                attempts=view.attempts,
                frames=frames,
            )
            alone = sum(len(status.to_buy) for status in plans.statuses(comparison).values())
            plan = plans.of(comparison, view, priced=priced)
            needed.append(alone)
            planned.append((one, plan))
    films = tuple(_film(one, plan) for one, plan in planned)
    reserve = sum(film.reserve for film in films)
    budget = Budget(set=film_set.budget, run=run_budget, day=settings.day_budget).within(
        Budget(run=settings.run_budget)
    )
    used = plans.view_of(ledgers, "", payer=payer, run=run, film_set=name).used
    oldest = {rate.model: rate for _, plan in planned for rate in plan.old_rates}
    return SetPlan(
        set=name,
        title=film_set.title,
        films=films,
        rows=admission.rows,
        bad_rows=tuple(map(str, admission.problems)),
        to_buy=sum(film.to_buy for film in films),
        shared=sum(needed) - sum(film.to_buy for film in films),
        expected=sum(film.expected for film in films),
        reserve=reserve,
        seconds=sum(film.seconds for film in films),
        longest_chain_seconds=max((film.longest_chain_seconds for film in films), default=0),
        budget=film_set.budget,
        used=used.set,
        refusals=budget.refusals(reserve, used),
        planning_rates=any(plan.planning_rates for _, plan in planned),
        old_rates=tuple(oldest.values()),
    )


def _film(one: AdmittedFilm, plan: Plan) -> PlannedFilm:
    refusal = plan.refusals[0] if plan.refusals else None
    to_buy = sum(shot.to_buy for shot in plan.shots)
    state: FilmState = "to make"
    if refusal is not None:
        state = "over budget"
    elif plan.in_doubt:
        state = "in doubt"
    elif plan.joined != "not whole" and not to_buy:
        state = "current" if plan.joined == "there" else "to join"
    return PlannedFilm(
        key=one.key,
        film=one.film,
        title=plan.title,
        row=one.row,
        labels=one.labels,
        state=state,
        shots=len(plan.shots),
        to_buy=to_buy,
        expected=plan.expected,
        reserve=plan.reserve,
        seconds=plan.seconds,
        longest_chain_seconds=plan.longest_chain_seconds,
        refusal=refusal,
    )
