"""What a run of a film set says of its films: the outcome of each, the question after the first, and rows that are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.film_set import FilmOutcome
from longtake.report import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longtake.errors import LongtakeError
    from longtake.film_set import Admission, AdmittedFilm, OutcomeState, SetPlan, SetResult
    from longtake.studio.film import Cost, Film


def canary_text(plan: SetPlan, first: Sequence[FilmOutcome], rest: int, *, reserve: int) -> str:
    """Write what a person reads before the rest of a set is bought: the first films, their cost, and an estimate of the rest."""
    rows = [
        f"| {plain(one.key)} | {one.state} | {one.charged - one.refunded} | {plain(one.place or '')} |" for one in first
    ]
    costs = [one.charged - one.refunded for one in first if one.state == "whole"]
    foreseen = "None of the first films is whole"
    if costs:
        mean = round(sum(costs) / len(costs))
        spread = f"{min(costs) * rest} to {max(costs) * rest}"
        foreseen = f"At the cost of the first films the rest takes about {mean * rest} credits ({spread})"
    head = f"**{plain(plan.title)}**: the first {len(first)} films are made. {foreseen}; "
    head += f"{reserve} credits are to be reserved for {rest} films."
    return "\n".join([head, "", "| film | state | credits | place |", "|---|---|---:|---|", *rows])


def outcome_of(
    one: AdmittedFilm,
    film: Film | None,
    error: LongtakeError | None,
    *,
    labels: Mapping[str, str],
    cost: Cost | None = None,
    state: OutcomeState | None = None,
) -> FilmOutcome:
    """Sum up one film of a set; without a film and a state it failed."""
    if state is None:
        state = "failed" if film is None else "whole" if error is None else "incomplete"
    return FilmOutcome(
        key=one.key,
        row=one.row,
        film=one.film,
        title=one.resolved.loaded.board.title,
        labels=dict(labels),
        state=state,
        place=film.place if film is not None else None,
        seconds=float(one.resolved.seconds),
        expected=cost.planned if cost else 0,
        charged=cost.charged if cost else 0,
        refunded=cost.refunded if cost else 0,
        in_doubt=cost.in_doubt if cost else 0,
        error=error.message if error is not None else "",
        next_step=error.next_step if error is not None else "",
        exit_code=error.exit_code if error is not None else 0,
    )


def removed_keys(before: SetResult | None, admission: Admission) -> tuple[str, ...]:
    """Return the keys that the last run had and the table has not."""
    if before is None:
        return ()
    known = {one.key for one in admission.films} | {one.key for one in admission.problems}
    return tuple(
        dict.fromkeys(
            [one.key for one in before.films if one.key not in known]
            + [key for key in before.removed if key not in known]
        )
    )
