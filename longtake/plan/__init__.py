"""What a run would do: a storyboard compared with what is kept, shot by shot, and the price of the difference."""

from longtake.plan.changes import Change
from longtake.plan.comparison import Comparison
from longtake.plan.plan import (
    MOST_ROWS,
    LedgerView,
    Plan,
    PlannedShot,
    make,
    of,
    parents_first,
    payer_of,
    read_books,
    read_ledgers,
    statuses,
    view_of,
)
from longtake.plan.status import Lack, ShotStatus, Status, select

__all__ = [
    "MOST_ROWS",
    "Change",
    "Comparison",
    "Lack",
    "LedgerView",
    "Plan",
    "PlannedShot",
    "ShotStatus",
    "Status",
    "make",
    "of",
    "parents_first",
    "payer_of",
    "read_books",
    "read_ledgers",
    "select",
    "statuses",
    "view_of",
]
