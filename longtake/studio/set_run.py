"""One run of a film set: its films side by side, the question after the first, the results."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longtake import store as stores
from longtake.errors import (
    BudgetError,
    FilmIncompleteError,
    LongtakeError,
    PreflightError,
    SettingsError,
)
from longtake.film_set import SetResult
from longtake.observer import Event, Observer
from longtake.report import money_of
from longtake.studio.approval import Answer, Question
from longtake.studio.connections import connected
from longtake.studio.film_run import Dispatch, FilmRequest, film_of
from longtake.studio.set_outcomes import canary_text, outcome_of
from longtake.take import SetTag, ledger_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longtake.film_set import Admission, AdmittedFilm, FilmOutcome, FilmSet, SetPlan
    from longtake.settings import Settings
    from longtake.studio.approval import Approver
    from longtake.studio.film import Cost, Film
    from longtake.studio.steps import ClipStep

_STOPS = (PreflightError, SettingsError)
"""Errors that every film of the set would meet."""
_ASKED_FOR = 24 * 3600.0
"""Seconds to wait for an answer after the first films."""


@dataclass(frozen=True)
class SetRequest:
    """What a run of a film set is asked for.

    Attributes:
        film_set: the set.
        run: an id of the run.
        budget: credits that this run may cost; None for no limit of its own.
        skip_bad_rows: whether the other films are made where rows cannot be used.
        approver: asks a person after the first films.
        steps: the user's own steps, in order.
        labels: of the run; they go before those of a row.
        dispatch: has another run make a film that lacks something, and waits for it (see `FilmRequest`).
    """

    film_set: FilmSet
    run: str
    budget: int | None = None
    skip_bad_rows: bool = False
    approver: Approver | None = None
    steps: tuple[ClipStep, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    dispatch: Dispatch | None = None


class SetRun:
    """One run of a set: which films are done, and what stopped it."""

    def __init__(
        self,
        settings: Settings,
        asked: SetRequest,
        admission: Admission,
        plan: SetPlan,
        observer: Observer | None,
        *,
        refused: LongtakeError | None,
        head: int,
    ) -> None:
        self._settings, self._asked, self._admission = settings, asked, admission
        self._plan, self._observer = plan, observer
        self._events = observer or Observer()
        self._account = ledger_of(settings, stores.of(settings)).account
        self._turns = asyncio.Semaphore(asked.film_set.films_in_flight)
        self._done: dict[str, FilmOutcome] = {}
        self._stopped: LongtakeError | None = None
        self._begun: set[str] = set()
        self._refused = refused
        self._tag = SetTag(plan.set, budget=asked.film_set.budget)
        self._run_budget = asked.budget
        self._head = head
        self._current = {film.key for film in plan.films if film.state == "current"}

    def _labels(self, one: AdmittedFilm) -> dict[str, str]:
        return {**one.labels, **self._asked.labels}

    async def make(self, films: Sequence[AdmittedFilm]) -> None:
        """Make the first films, ask, and make the rest."""
        first = films[: self._asked.film_set.canary] if self._refused is None else ()
        if first:
            await self._all(first)
            rest = [one.key for one in films[len(first) :]]
            if rest and self._stopped is None:
                await self._ask(first, rest)
        await self._all(films[len(first) :])

    async def _all(self, films: Sequence[AdmittedFilm]) -> None:
        async with asyncio.TaskGroup() as group:
            for one in films:
                group.create_task(self._one(one))

    async def _one(self, one: AdmittedFilm) -> None:
        async with self._turns:
            if self._stopped is not None:
                return
            self._begun.add(one.key)
            outcome, page = await self._made(one)
        self._done[one.key] = outcome
        done, films = len(self._done), len(self._admission.films)
        text = f"{done} of {films} films: {one.key} is {outcome.state}"
        self._events.notify(
            Event(
                "set.film",
                one.film,
                self._account,
                text=f"{text}: {outcome.error}" if outcome.error else text,
                level=logging.WARNING if outcome.error else logging.INFO,
                data={
                    "set": self._plan.set,
                    "key": one.key,
                    "state": outcome.state,
                    "done": done,
                    "films": films,
                    "charged": outcome.charged,
                    "refunded": outcome.refunded,
                    **({"labels": outcome.labels} if outcome.labels else {}),
                },
                page=page,
            )
        )

    async def _made(self, one: AdmittedFilm) -> tuple[FilmOutcome, str]:
        """Make a film; give what became of it, and its page."""
        film: Film | None = None
        error: LongtakeError | None = None
        try:
            async with connected(
                self._settings,
                film=one.film,
                budget=one.resolved.loaded.board.budget,
                run_budget=self._run_budget,
                tag=self._tag.labeled(one.labels, self._asked.labels),
                run=self._asked.run,
                observer=self._observer,
            ) as session:
                if self._refused is not None:
                    session.spending.halted = session.spending.refused = self._refused
                film = await film_of(session, self._request(one))
        except FilmIncompleteError as incomplete:
            film, error = incomplete.film, incomplete
        except _STOPS as found:
            self._stopped = error = found
        except LongtakeError as found:
            error = found
        cost = film.cost if film is not None else None
        outcome = outcome_of(one, film, error, labels=self._labels(one), cost=cost)
        return outcome, film.page if film is not None else ""

    def _request(self, one: AdmittedFilm) -> FilmRequest:
        dispatch = self._asked.dispatch if one.key not in self._current else None
        return FilmRequest(one.resolved, dispatch=dispatch, steps=self._asked.steps)

    async def _ask(self, first: Sequence[AdmittedFilm], rest: Sequence[str]) -> None:
        """Show a person the first films and ask about the rest; without a yes the rest is not begun."""
        approver = self._asked.approver
        assert approver is not None  # noqa: S101 - `set_of` saw to it
        planned = {film.key: film.reserve for film in self._plan.films}
        reserve = sum(planned[key] for key in rest)
        state = await asyncio.to_thread(ledger_of(self._settings, stores.of(self._settings)).read)
        spent = state.used(run=self._asked.run).run
        question = Question(
            film=self._plan.set,
            account=self._account,
            subject="the rest",
            credits=spent + reserve,
            text=canary_text(self._plan, [self._done[one.key] for one in first], len(rest), reserve=reserve),
            pictures=(),
            seconds=_ASKED_FOR,
            silence=None,
        )
        answer: Answer | None = await approver(question)
        if answer is None or not answer.approve:
            said = "no one answered" if answer is None else f"{answer.by or 'a person'} did not approve it"
            self._stopped = BudgetError(
                f"the rest of the set was not begun: {said}",
                scope="set",
                budget=0,
                needed=reserve,
                available=0,
                next_step="run the set again and approve; what is kept is not bought twice",
            )
        elif answer.credits is not None:
            self._run_budget = min(answer.credits, self._run_budget or answer.credits)

    async def costs(self) -> dict[str, Cost]:
        """What films that were begun and did not end have cost in this run, by key."""
        cut = {one.key: one.film for one in self._admission.films if one.key in self._begun - self._done.keys()}
        if not cut:
            return {}

        def read() -> dict[str, Cost]:
            ledger = ledger_of(self._settings, stores.of(self._settings))
            state = ledger.read()
            mine = [
                one
                for one in ledger.log.history(since=self._head, until=state.head)
                if one.order.run == self._asked.run
            ]
            return {key: money_of(state, mine, run=self._asked.run, film=film, planned=0) for key, film in cut.items()}

        try:
            return await asyncio.to_thread(read)
        except LongtakeError:
            return {}

    def result(self, *, removed: tuple[str, ...], costs: Mapping[str, Cost]) -> SetResult:
        """The results so far; films that were not begun are among them."""
        error = self._stopped
        films = tuple(
            self._done.get(one.key)
            or outcome_of(
                one,
                None,
                error,
                labels=self._labels(one),
                cost=costs.get(one.key),
                state="incomplete" if one.key in self._begun else "not started",
            )
            for one in self._admission.films
        )
        return SetResult(
            set=self._plan.set,
            title=self._plan.title,
            run=self._asked.run,
            films=films,
            bad_rows=tuple(map(str, self._admission.problems)),
            removed=removed,
            charged=sum(film.charged for film in films),
            refunded=sum(film.refunded for film in films),
            in_doubt=sum(film.in_doubt for film in films),
            stopped=error.message if error is not None else "",
        )
