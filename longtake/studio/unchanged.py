"""The film that is there, where a run would have nothing to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake import film as films
from longtake import library, report, timeline
from longtake import plan as plans
from longtake import store as stores
from longtake.ledger import accounts
from longtake.ledger.readings import differs
from longtake.ledger.realm import host_of, realm_of
from longtake.plan import Comparison
from longtake.report import Money, ShotOutcome
from longtake.studio.film import Film
from longtake.studio.summary import describe, shot_result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longtake.catalog import Catalog
    from longtake.film import JoinedFilm
    from longtake.request import Resolved
    from longtake.settings import Settings
    from longtake.storyboard import Downstream

__all__ = ["Described", "Unchanged", "unchanged"]

_NOTHING = Money(planned=0, charged=0, refunded=0, in_doubt=0)


@dataclass(frozen=True, slots=True)
class Described:
    """A film as a run gives it, with its page and its table, and what the run's events say of the ledger.

    Attributes:
        film: the film.
        account: the ledger's account.
        drift: the balance less what the ledger explains, in credits, when they were last compared.
    """

    film: Film
    account: str
    drift: int


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A film that is as the storyboard asks for, and what its page is made from.

    Attributes:
        film: the film, without a page and a table.
    """

    film: Film
    _comparison: Comparison
    _outcomes: Sequence[ShotOutcome]
    _joined: JoinedFilm
    _settings: Settings

    def described(self, *, run: str, links: Mapping[str, str]) -> Described:
        """Read from the store and the ledger what the page of a run shows.

        Args:
            run: an id of the run.
            links: more links for the page, by name.

        Raises:
            SettingsError, TwoLedgersError: there is no key, or no one ledger of it.
            StoreError: the store is away.
        """
        from longtake.take import ledger_of  # noqa: PLC0415 - a run without an API needs none of it

        store, film = stores.of(self._settings), self.film.name
        ledger = ledger_of(self._settings, store, record=False)
        before = self._comparison.take_library.snapshot
        lines, _ = accounts.by_shot(ledger, film, before.sums if before is not None else None)
        state = ledger.log.known()
        notes = []
        if state.offset:
            notes.append(f"{differs(state.offset, state.agreed)}: explain it with `longtake credits adjust`")
        plan = plans.of(self._comparison, plans.LedgerView())
        rows, page = describe(
            store,
            self._settings,
            self._outcomes,
            plan=plan,
            money=_NOTHING,
            books=report.RunLedger(film, run),
            joined=self._joined,
            lines=lines,
            notes=notes,
            links=links,
        )
        told = {"plan": plan, "notes": tuple(notes), "rows": rows, "page": page, "run": run}
        return Described(self.film.model_copy(update=told), ledger.account, state.offset)


def unchanged(
    resolved: Resolved, *, catalog: Catalog, settings: Settings, film: str, downstream: Downstream | None = None
) -> Unchanged | None:
    """Find the film if the last run left exactly what the storyboard asks for; asks nothing of the provider and writes nothing.

    Args:
        resolved: the storyboard with the catalog's rules applied.
        catalog: the same catalog.
        settings: whose clips and whose ledgers count.
        film: the film's slug.
        downstream: what becomes of the shots after retakes; None as the storyboard says.

    Returns:
        The film; None where a run might buy, fetch, settle, ask or join something, and where only a
        run can tell: an input given as a URL may serve something else today.

    Raises:
        StoryboardError: `use` names a take that does not exist.
        StoreError: the store is away.
    """
    board = resolved.loaded.board
    if board.approval.before or any(one.sha256 is None for shot in resolved.shots for one in shot.inputs):
        return None
    store = stores.of(settings)
    take_library = library.read_holdings(store, film)
    take_library.edits = library.read_edits(store, film, ())
    before = take_library.snapshot
    host = host_of(settings, store)
    books = plans.read_ledgers(store, host)
    attempts = [one for state in books.values() for one in state.attempts.values()]
    if before is None or not before.whole or any(one.order.film == film for one in attempts):
        return None
    comparison = Comparison(
        resolved, take_library, catalog=catalog, realm=realm_of(host), attempts=attempts, downstream=downstream
    )
    found = plans.statuses(comparison)
    statuses = [found[shot.id] for shot in resolved.shots]
    takes = [one.used for one in statuses if one.used is not None and not one.lacks]
    used = {shot.id: take.fingerprint for shot, take in zip(resolved.shots, takes, strict=False)}
    if len(takes) < len(statuses) or before.used != used:
        return None
    joined = films.find(store, films.folder_of(film, timeline.of(resolved, takes).digest))
    if joined is not None:
        joined = films.find_copies(joined, films.wanted_of(board), store, films.marked_as(settings, board.marking))
    if joined is None:
        return None
    outcomes = [
        ShotOutcome(
            one.shot,
            "stale" if one.state == "stale" else "current",
            one.used,
            one.kept,
            why="; ".join(map(str, one.reasons)) if one.state == "stale" else "",
        )
        for one in statuses
    ]
    there = Film(
        title=board.title,
        name=film,
        place=joined.place(store),
        path=store.path(joined.key),
        manifest=joined.manifest_place(store),
        poster=joined.poster,
        deliverables=joined.deliverables(store),
        shots={one.shot.id: shot_result(one) for one in outcomes},
        cost=_NOTHING,
        would_cost=0,
        plan=None,
        run="",
    )
    return Unchanged(there, comparison, outcomes, joined, settings)
