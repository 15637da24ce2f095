"""The append-only record of money: intents, outcomes, budget, refunds, reconciliation.

One log per account, kept in the store next to the media as write-once objects; its order is the same for every worker on every
machine. Nothing is overwritten and no total is stored that a fold could not derive. What only a purchase needs is imported when it
is first used: `longtake plan` reads a ledger and writes none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.lazy import exports
from longtake.ledger.account_names import account_of, accounts_in, all_accounts
from longtake.ledger.attempt import DOUBTS, Attempt, Closed
from longtake.ledger.budget import Budget, BudgetRefusal, Scope, Used
from longtake.ledger.entry_log import EntryLog
from longtake.ledger.fold import CHECKPOINT_EVERY
from longtake.ledger.identity import identify_ledger, ledgers_of_key
from longtake.ledger.purchase import Purchase
from longtake.ledger.state import LedgerState
from longtake.ledger.throttle import Limits

if TYPE_CHECKING:
    from longtake.ledger.balance import ReconcileReport, ask, check_balance, poll_known
    from longtake.ledger.claim import Claim, doubt
    from longtake.ledger.ledger import Ledger

__getattr__, __dir__ = exports(
    __name__,
    {
        "longtake.ledger.balance": ("ReconcileReport", "ask", "check_balance", "poll_known"),
        "longtake.ledger.claim": ("Claim", "doubt"),
        "longtake.ledger.ledger": ("Ledger",),
    },
)

__all__ = [
    "CHECKPOINT_EVERY",
    "DOUBTS",
    "Attempt",
    "Budget",
    "BudgetRefusal",
    "Claim",
    "Closed",
    "EntryLog",
    "Ledger",
    "LedgerState",
    "Limits",
    "Purchase",
    "ReconcileReport",
    "Scope",
    "Used",
    "account_of",
    "accounts_in",
    "all_accounts",
    "ask",
    "check_balance",
    "doubt",
    "identify_ledger",
    "ledgers_of_key",
    "poll_known",
]
