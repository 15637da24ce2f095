"""`longtake credits`: show where every credit went, and settle doubts."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from longtake import settings as env
from longtake import store as stores
from longtake.cli import help_of, login
from longtake.ledger import accounts, ledgers_of_key, owner
from longtake.ledger.realm import host_in
from longtake.take import ledger_of

if TYPE_CHECKING:
    from longtake.ledger import Ledger, LedgerState
    from longtake.ledger.accounts import SpendLine
    from longtake.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options and its subcommands."""
    parser.add_argument("--film", help="only this film (its slug, as `plan --json` shows it)")
    parser.add_argument(
        "--by", metavar="LABEL", help="sum by a label of storyboards, film sets or runs, such as campaign"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    verbs = parser.add_subparsers(dest="verb", metavar="reconcile | resolve | adjust")
    settle = _verb(
        verbs,
        "reconcile",
        "settle doubts by the balance, as far as that is certain",
        "longtake credits reconcile --quiet 300",
    )
    settle.add_argument(
        "--quiet", type=float, help="seconds to wait where there is a doubt, so that its POST has ended (default 180)"
    )
    settle.add_argument(
        "--longest", type=float, help="seconds after which a lost task is not refunded any more (default 3600)"
    )
    settle.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
    resolve = _verb(
        verbs,
        "resolve",
        "say what became of an attempt in doubt",
        "longtake credits resolve a17 --adopt task_0123456789 --why 'support found it'",
        "longtake credits resolve a17 --not-charged --why 'the balance says so'",
    )
    resolve.add_argument("attempt", metavar="ATTEMPT", help="its id, for example a17")
    verdict = resolve.add_mutually_exclusive_group(required=True)
    verdict.add_argument("--adopt", metavar="TASK_ID", help="it became this task: poll it and keep its clip")
    verdict.add_argument("--not-charged", action="store_true", help="it was not charged; the take may be bought again")
    verdict.add_argument("--write-off", action="store_true", help="its credits are lost; the take may be bought again")
    verdict.add_argument("--refunded", action="store_true", help="its refund has arrived")
    adjust = _verb(
        verbs,
        "adjust",
        "explain a drift: credits bought, or spent outside this ledger",
        "longtake credits adjust 50000 --why 'invoice 1204'",
    )
    adjust.add_argument("credits", metavar="CREDITS", type=int, help="positive: bought; negative: spent elsewhere")
    for sub in (resolve, adjust):
        sub.add_argument("--why", required=True, help="the reason, kept in the ledger")
        sub.add_argument("--who", default=login(), help="the person, kept in the ledger (default: this login)")


def _verb(verbs: Any, name: str, summary: str, *examples: str) -> argparse.ArgumentParser:  # noqa: ANN401 - argparse has no public name for it
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, **help_of(summary, *examples))
    return parser


def main(options: argparse.Namespace) -> int:
    """Show or do what was asked for."""
    settings = env.from_environment()
    if options.verb == "reconcile":
        return _reconcile(settings, options)
    store = stores.of(settings)
    ledger = ledger_of(settings, store, record=options.verb is not None)
    if options.verb == "resolve":
        if options.adopt:
            asyncio.run(_known(settings, options.adopt))
            ledger.adopt(options.attempt, options.adopt, who=options.who, why=options.why)
        elif options.refunded:
            ledger.refund_seen(options.attempt, who=options.who, why=options.why)
        else:
            if options.not_charged:
                _warn_of_owner(ledger, options.attempt)
            ledger.resolve(
                options.attempt,
                "not_charged" if options.not_charged else "written_off",
                who=options.who,
                why=options.why,
            )
        print(f"{options.attempt}: written down; run the film again to go on")
    elif options.verb == "adjust":
        ledger.adjust(options.credits, who=options.who, why=options.why)
        print(f"{options.credits:+} credits: written down")
    else:
        _show(ledger, options)
        if not options.json:
            _name_others(settings, ledger)
    state = ledger.read()
    return 4 if state.doubts() or state.lost else 0


def _warn_of_owner(ledger: Ledger, attempt_id: str) -> None:
    attempt = ledger.read().attempts.get(attempt_id)
    if attempt is not None and owner.is_alive(attempt.owner):
        pid = attempt.owner.split("/")[2]
        print(
            f"warning: the process that sent {attempt_id} is still running (pid {pid}): its answer may still come, and then both "
            f"this attempt and a new one are charged",
            file=sys.stderr,
        )


async def _known(settings: Settings, task_id: str) -> None:
    """Check for free that the provider knows a task under this key. Raises UnknownTaskError if not."""
    from longtake.provider import Provider

    async with Provider(base_url=settings.base_url, key=settings.key()) as provider:
        await provider.poll(task_id)


def _reconcile(settings: Settings, options: argparse.Namespace) -> int:
    from longtake import reconciliation

    given = {name: getattr(options, name) for name in ("quiet", "longest") if getattr(options, name) is not None}
    ledger, report = asyncio.run(reconciliation.run(settings, **given))
    if options.json:
        print(json.dumps({"account": ledger.account, **asdict(report)}, indent=2))
    else:
        print("\n".join(reconciliation.lines(report)))
    return 4 if report.in_doubt else 0


def answer(ledger: Ledger, *, film: str | None = None, by: str | None = None) -> dict[str, Any]:
    """The sums of the ledger in credits, as `--json` prints them."""
    state = ledger.read()
    attempts = accounts.lines(ledger, film=film, label=by)
    labels = {"labels": [line.row() for line in accounts.grouped(attempts, ("label",))]} if by is not None else {}
    return {
        "account": ledger.account,
        "total": accounts.total(attempts).row(),
        "films": [line.row() for line in accounts.grouped(attempts, ("film",))],
        "scenes": [line.row() for line in accounts.grouped(attempts, ("film", "scene"))],
        "shots": [line.row() for line in accounts.grouped(attempts, ("film", "scene", "shot"))],
        "days": [line.row() for line in accounts.grouped(attempts, ("day",))],
        "in_doubt": [
            {
                "attempt": a.id,
                "film": a.order.film,
                "shot": a.order.label,
                "credits": a.money,
                "phase": a.phase,
                "since": a.since.isoformat(),
                "reason": a.reason,
            }
            for a in state.doubts()
            if film is None or a.order.film == film
        ],
        "lost": [f"a{one}" for one in state.lost],
        "balance": _balance(state),
        **labels,
    }


def _balance(state: LedgerState) -> dict[str, Any]:
    """Opening − debits + refunds + adjustments = expected, and the last quiet reading."""
    checked = state.checked
    return {
        "opening": state.opening,
        "debits": state.debits,
        "refunds": state.refunds,
        "adjustments": state.adjustments,
        "expected": state.expected_balance,
        "read": checked.balance if checked else None,
        "read_at": checked.at.isoformat() if checked else None,
        "drift": checked.drift if checked else None,
        "agreed_at": state.agreed.at.isoformat() if state.agreed else None,
        "refunds_unproven": sum(r.credits for r in state.unproven),
        "refunds_due": {r.attempt: r.credits for r in (*state.unproven, *state.missing)},
    }


def _show(ledger: Ledger, options: argparse.Namespace) -> None:
    found = answer(ledger, film=options.film, by=options.by)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for lost in found["lost"]:
        print(f"lost: entry {lost[1:]}, and what it bought: settle it with `longtake credits resolve {lost}`")
    attempts = accounts.lines(ledger, film=options.film, label=options.by)
    if not attempts:
        print(f"account {ledger.account}: nothing was bought yet")
        return
    _table(f"Account {ledger.account}", attempts, by=options.by)
    balance = found["balance"]
    if balance["opening"] is not None:
        print(
            f"balance: {balance['opening']} opening − {balance['debits']} debits + {balance['refunds']} refunds "
            f"{balance['adjustments']:+} adjustments = {balance['expected']} expected"
        )
    if balance["read"] is not None:
        drift = (
            f"drift {balance['drift']:+}, last agreed {balance['agreed_at'] or 'never'}"
            if balance["drift"]
            else "no drift"
        )
        print(f"         {balance['read']} read at {balance['read_at']}: {drift}")
    for attempt, credits in balance["refunds_due"].items():
        print(f"refund: {attempt}, {credits} credits: the balance has not shown it, so it counts as used")
    for doubt in found["in_doubt"]:
        print(f"in doubt: {doubt['attempt']} {doubt['shot']}, {doubt['credits']} credits: {doubt['reason']}")


def _name_others(settings: Settings, ledger: Ledger) -> None:
    """Name the key's other ledgers, of releases that made one for each name of the provider."""
    for name in ledgers_of_key(ledger.log.store, host=host_in(ledger.account), key=settings.key().get_secret_value()):
        if name != ledger.account:
            print(f"this key has another ledger: `LONGTAKE_ACCOUNT={name} longtake credits` shows it")


def _table(title: str, attempts: list[SpendLine], *, by: str | None) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0)
    # Never cut names, even on a narrow terminal.
    table.add_column(Text(by or "film, shot"), no_wrap=True)
    numbers = ("attempts", "estimate", "settled", "refunded", "reserved", "in_doubt", "written_off")
    for name in numbers:
        table.add_column(name.replace("_", " "), justify="right")

    def add(name: str, line: SpendLine, style: str | None = None) -> None:
        # What a person wrote is text, not markup.
        table.add_row(Text(name), *(str(getattr(line, number)) for number in numbers), style=style)

    if by is not None:
        for line in accounts.grouped(attempts, ("label",)):
            add(line.label, line)
        table.add_section()
    shots = accounts.grouped(attempts, ("film", "scene", "shot"))
    for film in accounts.grouped(attempts, ("film",)) if by is None else ():
        add(film.film, film, "bold")
        for line in shots:
            if line.film == film.film:
                add(f"  {line.scene}/{line.shot}", line)
        table.add_section()
    add("all", accounts.total(attempts), "bold")
    Console().print(table)
