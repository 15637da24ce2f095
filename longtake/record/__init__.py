"""What was kept of a film: takes, decisions on its shots, and all of it together as a run or a plan needs it."""

from longtake.record.edits import Edit, Edits
from longtake.record.edits import read as read_edits
from longtake.record.edits import write as write_edit
from longtake.record.holdings import Holdings
from longtake.record.holdings import read as read_holdings
from longtake.record.revisions import Revision
from longtake.record.revisions import write as write_revision
from longtake.record.take import DESCRIPTIONS, Checks, Clip, Frame, Rate, Take, Tone, key_of, load, save

__all__ = [
    "DESCRIPTIONS",
    "Checks",
    "Clip",
    "Edit",
    "Edits",
    "Frame",
    "Holdings",
    "Rate",
    "Revision",
    "Take",
    "Tone",
    "key_of",
    "load",
    "read_edits",
    "read_holdings",
    "save",
    "write_edit",
    "write_revision",
]
