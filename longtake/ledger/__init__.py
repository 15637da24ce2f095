"""The append-only record of money: intents, outcomes, budget, refunds, reconciliation.

One log per account, kept in the store beside the media as write-once objects; its order is the same for every worker on every
machine. Nothing is overwritten and no total is stored that a fold could not derive.
"""

from longtake.ledger.audit import LogAudit, audit
from longtake.ledger.balance import ReconcileReport, ask, check_balance, poll_known
from longtake.ledger.budget import Budget, BudgetRefusal, Scope, Used
from longtake.ledger.entries import Purchase
from longtake.ledger.entry_log import EntryLog, account_of, accounts_in
from longtake.ledger.ledger import Claim, Ledger, doubt
from longtake.ledger.reconcile import reconcile
from longtake.ledger.state import CHECKPOINT_EVERY, DOUBTS, Attempt, Closed, LedgerState
from longtake.ledger.throttle import Limits

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
    "LogAudit",
    "Purchase",
    "ReconcileReport",
    "Scope",
    "Used",
    "account_of",
    "accounts_in",
    "ask",
    "audit",
    "check_balance",
    "doubt",
    "poll_known",
    "reconcile",
]
