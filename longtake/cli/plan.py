"""`longtake plan`: what a run would do and cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from longtake import plan as plans
from longtake import record, timeline
from longtake import store as stores
from longtake.cli import board

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from rich.table import Table

    from longtake.cli.board import Board
    from longtake.ledger import Scope
    from longtake.media import JoinPlan
    from longtake.plan import Plan, PlannedShot
    from longtake.store import Store

_COLOURS = {
    "current": "green",
    "stale": "yellow",
    "missing": "cyan",
    "blocked": "blue",
    "in doubt": "bold red",
    "under way": "magenta",
}


_MARKS = {"current": "", "stale": "~", "in doubt": "!", "under way": ">"}
_ALL = 40
"""Shots up to which a plan shows every one; a longer film shows what is not as described."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("board", metavar="BOARD", help="a storyboard, YAML or JSON")
    board.add_choices(parser)
    parser.add_argument(
        "--join", action="store_true", help="say of each clip and joint whether it is copied or encoded, and why"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Print the plan, or that of the join."""
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
        follow=options.follow,
        redo=options.redo,
    )
    if options.json:
        print(plan.model_dump_json(indent=2))
    else:
        show(plan)
    return 0


def _join(found: Board, store: Store, options: argparse.Namespace) -> int:
    """Print what joining the film as it stands would copy and encode; where shots are missing, which."""
    comparison = plans.Comparison(
        found.resolved,
        record.read_holdings(store, found.film),
        catalog=found.catalog,
        realm=found.settings.realm,
        attempts=plans.read_books(store, found.settings.host, found.film).attempts,
        follow=options.follow,
    )
    for revision in comparison.redo(options.redo, run=""):
        comparison.holdings.decide(revision)
    standings = plans.standings(comparison)
    used = {name: one.used for name, one in standings.items() if one.settled and one.used is not None}
    missing = [shot.label for shot in found.resolved.shots if shot.id not in used]
    plan: JoinPlan | None = None
    if not missing:
        from longtake import film

        line = timeline.of(found.resolved, [used[shot.id] for shot in found.resolved.shots])
        plan = film.plan_render(line, store)
    if options.json:
        join = plan.as_dict() if plan is not None else None
        print(json.dumps({"film": found.film, "missing": missing, "join": join}, indent=2))
    elif plan is not None:
        print("\n".join(plan.lines()))
    else:
        print(f"{found.resolved.loaded.board.title} cannot be joined yet, {len(missing)} shots are missing:")
        print("\n".join(f"  {label}" for label in missing))
    return 0


def show(plan: Plan) -> None:
    """Print a plan as a table like a diff, with its sums below."""
    from rich.console import Console

    console = Console()
    console.print(_table(plan))
    for line in _notes(plan):
        console.print(line, markup=False, highlight=False)


def _table(plan: Plan) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(plan.title), title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.collapse_padding = True
    # Names stay whole on a narrow terminal; what is long there breaks into lines.
    table.add_column("", no_wrap=True)
    table.add_column("shot", no_wrap=True)
    table.add_column("state", min_width=7)
    table.add_column("why", overflow="fold", ratio=1)
    table.add_column("model", overflow="fold", min_width=12)
    for name in ("s", "takes", "credits"):
        table.add_column(name, justify="right", no_wrap=True)
    shown = [shot for shot in plan.shots if len(plan.shots) <= _ALL or shot.state != "current" or shot.to_buy]
    for shot in shown:
        price = f"{shot.expected}{'*' if shot.planning_rate else ''}" if shot.to_buy else "–"
        colour = _COLOURS[shot.state]
        table.add_row(
            Text(_mark(shot), style=colour),
            shot.shot,
            Text(shot.state + (f" {shot.attempt}" if shot.attempt else ""), style=colour),
            Text(_why(shot)),
            f"{shot.model} {shot.resolution}",
            "?" if shot.seconds is None else str(shot.seconds),
            str(shot.takes),
            price,
        )
    for label in plan.removed:
        table.add_row(Text("-", style="red"), label, Text("removed", style="red"), Text("its takes stay in the store"))
    if len(shown) < len(plan.shots):
        table.add_row("", f"{len(plan.shots) - len(shown)} more", Text("current", style=_COLOURS["current"]))
    return table


def _mark(shot: PlannedShot) -> str:
    new = shot.state == "blocked" or any(reason.what == "new" for reason in shot.reasons)
    return _MARKS.get(shot.state, "+" if new else "~")


def _why(shot: PlannedShot) -> str:
    said = [str(reason) for reason in shot.reasons]
    if shot.state == "blocked":
        said = [f"waits for {shot.continues}"]
    if shot.led_to is not None:
        said.append(f"led to {shot.led_to}, which stays")
    if shot.unbridged is not None:
        said.append(f"cannot be led to the shot after it: {shot.unbridged}")
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
    if len(set(plan.follow_prices.values())) > 1:
        ways = ", ".join(f"{way} {credits}" for way, credits in plan.follow_prices.items())
        yield f"the shots after those made anew: {plan.follow} (--follow; expected credits: {ways})"
    yield from _budgets(plan)
    if plan.planning_rates:
        yield "* planning rate: the provider has not published a price for this model"
    yield from map(str, plan.old_rates)
    if plan.in_doubt:
        yield f"in doubt: {', '.join(plan.in_doubt)}: run `longtake credits reconcile`"
