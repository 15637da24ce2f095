"""What a run would do: compare a storyboard with the kept takes, shot by shot, and price the difference."""

from longtake.plan.agreement import Agreement, agreement_of, in_force, run_of
from longtake.plan.agreement import read as read_agreement
from longtake.plan.agreement import write as write_agreement
from longtake.plan.changes import Change
from longtake.plan.comparison import Comparison
from longtake.plan.ledger_view import LedgerView, provider_of, read_books, read_ledgers, view_of
from longtake.plan.plan import MOST_ROWS, Plan, PlannedShot, PlannedTake
from longtake.plan.planning import make, of, statuses
from longtake.plan.status import Lack, ShotStatus, Status, select

__all__ = [
    "MOST_ROWS",
    "Agreement",
    "Change",
    "Comparison",
    "Lack",
    "LedgerView",
    "Plan",
    "PlannedShot",
    "PlannedTake",
    "ShotStatus",
    "Status",
    "agreement_of",
    "in_force",
    "make",
    "of",
    "provider_of",
    "read_agreement",
    "read_books",
    "read_ledgers",
    "run_of",
    "select",
    "statuses",
    "view_of",
    "write_agreement",
]
