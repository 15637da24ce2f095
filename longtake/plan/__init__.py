"""What a run would do: a storyboard compared with what is kept, shot by shot, and the price of the difference."""

from longtake.plan.comparison import Comparison
from longtake.plan.differences import Change
from longtake.plan.plan import MOST_ROWS, Books, Plan, PlannedShot, make, of, parents_first, read_books, standings
from longtake.plan.standing import Lack, Standing, State, select

__all__ = [
    "MOST_ROWS",
    "Books",
    "Change",
    "Comparison",
    "Lack",
    "Plan",
    "PlannedShot",
    "Standing",
    "State",
    "make",
    "of",
    "parents_first",
    "read_books",
    "select",
    "standings",
]
