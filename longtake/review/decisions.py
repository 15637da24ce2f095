"""A film under review: how it stands, and a person's decisions on it, each recorded as an object that the next run reads.

A choice and a retake are revisions of the film, like those of `longtake run --retake`; notes and approvals are remarks. Nothing is
bought here.
"""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longtake import library, request, timeline
from longtake import plan as plans
from longtake import store as stores
from longtake import storyboard as boards
from longtake.catalog import Catalog
from longtake.errors import SettingsError, StoreError
from longtake.film import film_objects, locate
from longtake.ledger import Budget
from longtake.ledger.realm import realm_of
from longtake.library import Remark
from longtake.library.remarks import MOST_NAME, MOST_TEXT
from longtake.plan import Comparison
from longtake.review.prices import RetakePrice, retake_prices, wanted_retake
from longtake.review.state import ReviewState, page_shots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from os import PathLike
    from typing import Any

    from longtake.library import Revision
    from longtake.manifest import Manifest
    from longtake.plan import LedgerView, Plan, ShotStatus
    from longtake.request import Resolved
    from longtake.review.waiting import Approvals, WaitingRun
    from longtake.settings import Settings
    from longtake.storyboard import Downstream, Loaded, Storyboard

_TRIES = 20


@dataclass(frozen=True, slots=True)
class _Look:
    comparison: Comparison
    books: LedgerView
    budget: Budget


class Review:
    """Reads a film and records decisions on it. Each call reads the storyboard and the store again, so several may work at once.

    Args:
        board: the film's storyboard: a `Storyboard`, a mapping like one, or the path or URL of a file.
        settings: name the store and the budgets; a key is not needed.
        steps: names of the user's own steps of the film's runs.
        approvals: finds runs that wait for an approval; None where no engine runs films.
    """

    def __init__(
        self,
        board: Storyboard | Loaded | Mapping[str, Any] | str | PathLike[str],
        settings: Settings,
        *,
        steps: Sequence[str] = (),
        approvals: Approvals | None = None,
    ) -> None:
        self._board, self._settings, self._steps, self._approvals = board, settings, tuple(steps), approvals
        self._catalog = Catalog.load(settings.catalog)
        self.store = stores.of(settings)

    def state(self) -> ReviewState:
        """How the film stands.

        Raises:
            StoryboardError: with every problem in it.
            StoreError: the store is away.
        """
        look = self._look()
        comparison = look.comparison
        resolved, film = comparison.resolved, comparison.take_library.film
        found = plans.statuses(comparison)
        statuses = [found[shot.id] for shot in resolved.shots]
        joined, home, current = self._joined(resolved, film, statuses)
        plan = plans.of(comparison, look.books, look.budget)
        before = {shot.id: comparison.take_library.used_before(shot.id) for shot in resolved.shots}
        return ReviewState(
            plan=plan,
            shots=tuple(page_shots(statuses, before, joined)),
            joined=joined,
            current=current,
            home=home,
            remarks=tuple(library.read_remarks(self.store, film)),
            waiting=tuple(self._waiting(film, plan)),
        )

    def choose(self, shot: str, take: int, *, by: str = "") -> None:
        """Use this kept take of a shot, by its number; the next run joins the film with it.

        Raises:
            SettingsError: there is no such take, or the storyboard's `use` names one.
            StoreError: the store is away.
        """
        self._decide(lambda comparison, run: comparison.choose(shot, take, run=run, by=by))

    def retake_prices(self, shot: str) -> tuple[RetakePrice, ...]:
        """What a retake of a shot would cost, for each choice of what becomes of the shots after it.

        Raises:
            SettingsError: there is no such shot.
            StoreError: the store is away.
        """
        look = self._look()
        return retake_prices(look.comparison, look.books, look.budget, shot)

    def retake(self, shot: str, downstream: Downstream = "bridge", *, most: int | None = None, by: str = "") -> None:
        """Have the next run buy a new take of a shot.

        Args:
            shot: its id, or `scene/shot`.
            downstream: what becomes of the shots after it.
            most: the expected credits that the person saw; a higher price is refused.
            by: who decided.

        Raises:
            SettingsError: it cannot be retaken this way, the price is higher than `most`, or the next run buys it anyway.
            StoreError: the store is away.
        """
        if most is not None:
            price = next(one for one in self.retake_prices(shot) if one.downstream == downstream)
            if price.expected is not None and price.expected > most:
                raise SettingsError(
                    f"the retake of {shot} costs {price.expected} credits by now, and {most} were shown",
                    next_step="look at the price again",
                )
        self._decide(lambda comparison, run: wanted_retake(comparison, shot, downstream, run=run, by=by))

    def note(self, text: str, *, shot: str | None = None, seconds: float | None = None, by: str = "") -> None:
        """Leave a note on the film, a shot or a moment.

        Raises:
            SettingsError: there is no such shot, or the text is longer than 4,000 characters.
            StoreError: the store is away.
        """
        if len(text) > MOST_TEXT:
            raise SettingsError(f"the note has {len(text)} characters", next_step=f"use up to {MOST_TEXT}")
        state = self.state()
        self._remark(state, Remark(film=state.plan.film, text=text, shot=shot, seconds=seconds, by=by[:MOST_NAME]))

    def approve(
        self, *, run: str | None = None, question: str | None = None, credits: int | None = None, by: str = ""
    ) -> None:
        """Approve the film as it stands; with `run`, let that waiting run cost up to `credits` in all and go on.

        Args:
            run: the waiting run.
            question: the one of its questions that the person saw (`WaitingRun.question`); None for whichever it waits with.
            credits: None for what the run needs now.
            by: who decided.

        Raises:
            SettingsError: the run does not wait any more, or waits with another question by now.
            StoreError: the store is away.
        """
        state = self.state()
        if run is not None:
            waits = next((one for one in state.waiting if one.run == run), None)
            if waits is None or self._approvals is None:
                raise SettingsError("this run is no longer waiting", next_step="look at the film again")
            if question not in {None, waits.question}:
                raise SettingsError("this run now asks another question", next_step="look at the film again")
            credits = waits.credits if credits is None else credits
            self._approvals.approve(run, question=waits.question, credits=credits, by=by)
        remark = Remark(film=state.plan.film, kind="approval", run=run, credits=credits, by=by[:MOST_NAME])
        self._remark(state, remark)

    # --------------------------------------------------------------------------------------------------------------------

    def _remark(self, state: ReviewState, remark: Remark) -> None:
        known = {shot.id: shot for shot in state.shots}
        if remark.shot is not None and remark.shot not in known:
            raise SettingsError(f"no shot has the id {remark.shot[:64]}", next_step="name a shot of the storyboard")
        used = known[remark.shot].used if remark.shot is not None else None
        joined = state.joined.digest if state.joined is not None else None
        take = used.fingerprint if used is not None else None
        library.write_remark(self.store, remark.model_copy(update={"take": take, "joined": joined}))

    def _waiting(self, film: str, plan: Plan) -> Iterator[WaitingRun]:
        for one in self._approvals.waiting(film, self.store.uri) if self._approvals is not None else ():
            # What was decided since the run asked counts, too.
            spent, rest = self._books(film, run=one.run)[0].used.run, plan.reserve
            if one.retake or one.downstream or one.steps:
                # Its storyboard may be another one than ours, without a shot that it retakes.
                with contextlib.suppress(SettingsError):
                    look = self._look(one)
                    rest = plans.of(look.comparison, look.books, look.budget).reserve
            yield replace(one, credits=max(one.credits, spent + rest))

    def _decide(self, wanted: Callable[[Comparison, str], Revision | None]) -> None:
        run = f"review-{uuid.uuid4().hex}"
        for _ in range(_TRIES):
            comparison = self._look().comparison
            revision = wanted(comparison, run)
            if revision is None:
                return
            known = comparison.take_library.decided(revision.shot, revision.description)
            if library.write_revision(self.store, revision, known)[1]:
                return
        raise StoreError("others keep recording decisions on this shot", next_step="try again")

    def _look(self, run: WaitingRun | None = None) -> _Look:
        """The film as it is; with `run`, as that run sees it."""
        settings = self._settings
        loaded = self._board
        if not isinstance(loaded, boards.Loaded):
            loaded = boards.load_any(loaded, s3=settings.s3)
        resolved = request.resolve(loaded, self._catalog)
        film = boards.slug(loaded.board.title)
        take_library = library.read_holdings(self.store, film)
        take_library.edits = library.read_edits(
            self.store, film, run.steps if run is not None and run.steps else self._steps
        )
        books, host = self._books(film)
        comparison = Comparison(
            resolved,
            take_library,
            catalog=self._catalog,
            realm=realm_of(host),
            attempts=books.attempts,
            frames=books.frames,
            downstream=run.downstream if run is not None else None,
        )
        for revision in comparison.retake(run.retake, run=run.run) if run is not None else ():
            take_library.decide(revision)
        budget = Budget(film=loaded.board.budget, run=settings.run_budget, day=settings.day_budget)
        return _Look(comparison, books, budget)

    def _books(self, film: str, *, run: str = "") -> tuple[LedgerView, str]:
        """What the ledgers say of a film, and the host that they are named after."""
        payer, host = plans.provider_of(self._settings, self.store)
        return plans.read_books(self.store, host, film, account=payer, run=run), host

    def _joined(
        self, resolved: Resolved, film: str, statuses: Sequence[ShotStatus]
    ) -> tuple[Manifest | None, str, bool]:
        takes = [one.used for one in statuses if one.used is not None and one.settled]
        if len(takes) == len(statuses):
            folder = film_objects.folder_of(film, timeline.of(resolved, takes).digest)
            found = film_objects.find(self.store, folder)
            if found is not None:
                return found.manifest, found.key.removesuffix("film.mp4"), True
        try:
            manifest, _ = locate(film, self._settings)
        except SettingsError:
            return None, "", False
        found = film_objects.find(self.store, film_objects.folder_of(film, manifest.digest), sha256=manifest.sha256)
        return (None, "", False) if found is None else (manifest, found.key.removesuffix("film.mp4"), False)
