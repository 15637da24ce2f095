"""`longtake plan`: what a run would do and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake import plan as plans
from longtake import store as stores
from longtake.cli import board

if TYPE_CHECKING:
    import argparse

    from longtake.plan import Plan

_COLOURS = {
    "current": "green",
    "stale": "yellow",
    "missing": "cyan",
    "blocked": "blue",
    "in doubt": "bold red",
    "under way": "magenta",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("board", metavar="BOARD", help="a storyboard, YAML or JSON")
    parser.add_argument(
        "--renew-stale", action="store_true", help="count shots made from an older input as to be bought"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Print the plan."""
    found = board.read(options.board)
    store = stores.open(found.settings.store, public_url=found.settings.public_url)
    plan = plans.make(
        found.resolved, store=store, settings=found.settings, film=found.film, renew_stale=options.renew_stale
    )
    if options.json:
        print(plan.model_dump_json(indent=2))
    else:
        show(plan)
    return 0


def show(plan: Plan) -> None:
    """Print a plan as a table with its sums below."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(title=Text(plan.title), title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.collapse_padding = True
    # Names stay whole on a narrow terminal; what is long there breaks into lines.
    table.add_column("shot", no_wrap=True)
    table.add_column("state", min_width=7)
    table.add_column("chain", justify="right", no_wrap=True)
    table.add_column("continues", no_wrap=True)
    table.add_column("model", overflow="fold", min_width=12)
    for name in ("s", "takes", "credits"):
        table.add_column(name, justify="right", no_wrap=True)
    for shot in plan.shots:
        price = f"{shot.expected}{'*' if shot.planning_rate else ''}" if shot.to_buy else "–"
        table.add_row(
            shot.shot,
            Text(shot.state + (f" {shot.attempt}" if shot.attempt else ""), style=_COLOURS[shot.state]),
            str(shot.chain),
            shot.continues or "",
            f"{shot.model} {shot.resolution}",
            "?" if shot.seconds is None else str(shot.seconds),
            str(shot.takes),
            price,
        )
    console.print(table)
    lines = [
        f"film: {plan.seconds:.1f} s, {plan.frames} frames; {plan.chains} chains, the longest of {plan.longest_chain} shots",
        f"to buy: {plan.expected} credits expected, {plan.reserve} reserved (1 credit = $0.001: ${plan.expected / 1000:.2f})",
    ]
    if plan.budget is not None:
        state = "fits" if plan.fits else "DOES NOT FIT"
        lines.append(f"budget: {plan.budget} credits, {plan.spent} used so far: this {state}")
    if plan.planning_rates:
        lines.append("* planning rate: the provider has not published a price for this model")
    if plan.in_doubt:
        lines.append(f"in doubt: {', '.join(plan.in_doubt)}: run `longtake credits reconcile`")
    for line in lines:
        console.print(line, markup=False, highlight=False)
