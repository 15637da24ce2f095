"""`longtake plan`: what a run would do and cost."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from longtake import film_set, library, tables
from longtake import plan as plans
from longtake import store as stores
from longtake.cli import board, plan_set
from longtake.ledger.realm import host_of, realm_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from longtake.cli.board import CheckedStoryboard
    from longtake.ledger import Scope
    from longtake.media import JoinPlan
    from longtake.plan import Plan, PlannedShot
    from longtake.store import Store

_COLORS = {"current": "", "stale": "33", "missing": "36", "blocked": "34", "in doubt": "1;31", "under way": "35"}
"""ANSI codes of rows, by state."""
_COLUMNS = ("", "shot", "state", "why", "model", "s", "takes", "credits")
_REMOVED = "its takes stay in the store"

_MARKS = {"current": "", "stale": "~", "in doubt": "!", "under way": ">"}
_WIDTH = 80
"""Columns of the table where the output is not a terminal."""
_WIDE = 100
"""Columns from which on the table has a column for the model."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("board", metavar="BOARD", help="a storyboard or a film set, YAML or JSON")
    board.add_choices(parser)
    parser.add_argument(
        "--join", action="store_true", help="say of each clip and joint whether it is copied or encoded, and why"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help=f"show every shot (of a long film, up to {plans.MOST_ROWS} that are not current)",
    )
    parser.add_argument(
        "--skip-bad-rows", action="store_true", help="of a film set: plan the other rows where some cannot be used"
    )
    parser.add_argument(
        "--rejects", metavar="FILE", help="of a film set: write the rows that cannot be used to a CSV file"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument(
        "--markdown", action="store_true", help="print a comment for a pull request, with the price first"
    )


def main(options: argparse.Namespace) -> int:
    """Print the plan of a film, of its join, or of a film set."""
    if film_set.is_film_set(options.board):
        return plan_set.main(options)
    found = board.read(options.board)
    store = stores.of(found.settings)
    if options.join:
        return _join(found, store, options)
    plan = plans.make(
        found.resolved,
        catalog=found.catalog,
        store=store,
        settings=found.settings,
        film=found.film,
        downstream=options.downstream,
        retake=options.retake,
    )
    if options.json:
        print(plan.model_dump_json(indent=2))
    elif options.markdown:
        from longtake.cli import comment

        lines = [*_table(plan, most=plans.MOST_ROWS, width=comment.WIDTH, color=False), "", *_notes(plan)]
        print(comment.of_plan(plan.title, sum(shot.to_buy for shot in plan.shots), plan.expected, lines))
    else:
        show(plan, most=None if options.all else plans.MOST_ROWS)
    return 0


def _join(found: CheckedStoryboard, store: Store, options: argparse.Namespace) -> int:
    """Print what joining the film as it stands would copy and encode; where shots are missing, which."""
    host = host_of(found.settings, store)
    books = plans.read_books(store, host, found.film)
    comparison = plans.Comparison(
        found.resolved,
        library.read_holdings(store, found.film),
        catalog=found.catalog,
        realm=realm_of(host),
        attempts=books.attempts,
        frames=books.frames,
        downstream=options.downstream,
    )
    for revision in comparison.retake(options.retake, run=""):
        comparison.take_library.decide(revision)
    statuses = plans.statuses(comparison)
    used = {name: one.used for name, one in statuses.items() if one.settled and one.used is not None}
    missing = [shot.label for shot in found.resolved.shots if shot.id not in used]
    plan: JoinPlan | None = None
    if not missing:
        from longtake import film, timeline

        wanted = timeline.of(found.resolved, [used[shot.id] for shot in found.resolved.shots])
        plan = film.plan_render(wanted, store)
    if options.json:
        join = plan.as_dict() if plan is not None else None
        print(json.dumps({"film": found.film, "missing": missing, "join": join}, indent=2))
    elif plan is not None:
        print("\n".join(plan.lines()))
    else:
        print(f"{found.resolved.loaded.board.title} cannot be joined yet, {len(missing)} shots are missing:")
        print("\n".join(f"  {label}" for label in missing))
    return 0


def show(plan: Plan, *, most: int | None = plans.MOST_ROWS) -> None:
    """Print a plan as a table like a diff, with its sums below.

    Args:
        plan: what to print.
        most: rows of the table; None for every shot.
    """
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print("\n".join([*_table(plan, most=most, width=_width(), color=color), "", *_notes(plan)]))


def _width() -> int:
    """Columns of the terminal, as `COLUMNS` says or as it is."""
    return max(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDTH // 2)


def _table(plan: Plan, *, most: int | None, width: int, color: bool) -> list[str]:
    """The lines of the table; why a shot is not current is broken into lines, everything else has one."""
    shown = plan.shown(most)
    removed = plan.removed[: None if most is None else max(most - len(shown), 0)]
    rows = [_COLUMNS, *map(_row, shown), *(("-", label, "removed", _REMOVED, "", "", "", "") for label in removed)]
    hidden = set()
    if width < _WIDE:
        hidden.add(_COLUMNS.index("model"))
    if all(shot.takes == 1 for shot in plan.shots):
        hidden.add(_COLUMNS.index("takes"))
    heads, *cells = [
        [tables.shortened(cell, width // 3) if i == 1 else cell for i, cell in enumerate(row) if i not in hidden]
        for row in rows
    ]
    colors = [*(_COLORS[shot.state] for shot in shown), *("31" for _ in removed)] if color else ()
    numbers = len(heads) - heads.index("s")
    more = len(plan.shots) + len(plan.removed) - len(cells)
    models = sorted({f"{shot.model} {shot.resolution}" for shot in plan.shots})
    return [
        tables.shortened(plan.title, width),
        *tables.text(heads, cells, numbers=numbers, width=width, wraps=heads.index("why"), colors=colors),
        *([f"and {more} more: `longtake plan --all` shows every shot"] if more else []),
        *([f"{'model' if len(models) == 1 else 'models'}: {', '.join(models)}"] if width < _WIDE else []),
    ]


def _row(shot: PlannedShot) -> tuple[str, ...]:
    """One text for each of `_COLUMNS`."""
    return (
        _mark(shot),
        shot.shot,
        shot.state,
        _why(shot),
        f"{shot.model} {shot.resolution}",
        "?" if shot.seconds is None else str(shot.seconds),
        str(shot.takes),
        f"{shot.expected}{'*' if shot.planning_rate else ''}" if shot.to_buy else "–",
    )


def _mark(shot: PlannedShot) -> str:
    new = shot.state == "blocked" or any(reason.what == "new" for reason in shot.reasons)
    return _MARKS.get(shot.state, "+" if new else "~")


def _why(shot: PlannedShot) -> str:
    said = [str(reason) for reason in shot.reasons]
    if shot.state == "blocked":
        said = [f"waits for {shot.continues}"]
    if shot.attempt is not None:
        said.append(f"attempt {shot.attempt}")
    if shot.pinned_to is not None:
        said.append(f"pinned to {shot.pinned_to}, which stays")
    if shot.no_bridge is not None:
        said.append(f"cannot be pinned to the shot after it: {shot.no_bridge}")
    return "; ".join(said)


def _chains(count: int) -> str:
    return "1 chain" if count == 1 else f"{count} chains"


def _budgets(plan: Plan) -> Iterator[str]:
    refused = {one.scope: one for one in plan.refusals}
    scopes: tuple[tuple[Scope, int | None, str], ...] = (
        ("film", plan.budget.film, f", {plan.used.film} used so far"),
        ("run", plan.budget.run, ""),
        ("day", plan.budget.day, f", {plan.used.day} used today"),
    )
    for scope, budget, used in scopes:
        if budget is not None:
            one = refused.get(scope)
            state = "this fits" if one is None else f"this DOES NOT FIT ({one.needed} needed)"
            yield f"{scope} budget: {budget} credits{used}: {state}"


def _notes(plan: Plan) -> Iterator[str]:
    yield (
        f"film: {plan.seconds:.1f} s, {plan.frames} frames; {_chains(plan.chains)}, the longest of {plan.longest_chain} shots; "
        + {"there": "joined already", "to join": "to be joined", "not whole": "to be joined when whole"}[plan.joined]
    )
    yield f"to buy: {plan.expected} credits expected, {plan.reserve} reserved (1 credit = $0.001: ${plan.expected / 1000:.2f})"
    if len(set(plan.downstream_prices.values())) > 1:
        prices = ", ".join(f"{way} {credits}" for way, credits in plan.downstream_prices.items())
        yield f"shots downstream of new takes: {plan.downstream} (--downstream; expected credits: {prices})"
    yield from _budgets(plan)
    if plan.planning_rates:
        yield "* planning rate: the provider has not published a price for this model"
    yield from map(str, plan.old_rates)
    yield from plan.notes
    yield from plan.waiting()
    if plan.in_doubt:
        yield f"in doubt: {', '.join(plan.in_doubt)}: run `longtake credits reconcile`"
