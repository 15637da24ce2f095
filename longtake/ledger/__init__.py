"""The append-only record of money: intents, outcomes, budget, refunds, reconciliation.

One log per account, kept in the store beside the media as write-once objects; its order is the same for every worker on every
machine. Nothing is overwritten and no total is stored that a fold could not derive.
"""

from longtake.ledger.balance import Report, ask, check_balance, poll_known
from longtake.ledger.book import Book, Claim, doubt
from longtake.ledger.budget import Budget, Refusal, Scope, Used
from longtake.ledger.entries import Order
from longtake.ledger.log import Log, account_of, accounts_in
from longtake.ledger.pacing import Limits
from longtake.ledger.reconcile import reconcile
from longtake.ledger.state import CHECKPOINT_EVERY, DOUBTS, Attempt, Closed, State

__all__ = [
    "CHECKPOINT_EVERY",
    "DOUBTS",
    "Attempt",
    "Book",
    "Budget",
    "Claim",
    "Closed",
    "Limits",
    "Log",
    "Order",
    "Refusal",
    "Report",
    "Scope",
    "State",
    "Used",
    "account_of",
    "accounts_in",
    "ask",
    "check_balance",
    "doubt",
    "poll_known",
    "reconcile",
]
