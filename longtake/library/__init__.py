"""What was kept of a film: takes, decisions on its shots, and all of it together as a run or a plan needs it."""

from longtake.library.edits import Edit, Edits
from longtake.library.edits import read as read_edits
from longtake.library.edits import write as write_edit
from longtake.library.last_frames import read as read_last_frame
from longtake.library.last_frames import read_all as read_last_frames
from longtake.library.last_frames import record as record_last_frame
from longtake.library.pictures import picture
from longtake.library.questions import note as note_question
from longtake.library.questions import noted as question_noted
from longtake.library.remarks import Remark
from longtake.library.remarks import read as read_remarks
from longtake.library.remarks import write as write_remark
from longtake.library.revisions import Revision
from longtake.library.revisions import write as write_revision
from longtake.library.take import (
    DESCRIPTIONS,
    Checks,
    ClipFile,
    Frame,
    PriceSource,
    Take,
    key_of,
    load,
    save,
    tail_key,
)
from longtake.library.take_library import TakeLibrary, TakeNames
from longtake.library.take_library import read as read_holdings

__all__ = [
    "DESCRIPTIONS",
    "Checks",
    "ClipFile",
    "Edit",
    "Edits",
    "Frame",
    "PriceSource",
    "Remark",
    "Revision",
    "Take",
    "TakeLibrary",
    "TakeNames",
    "key_of",
    "load",
    "note_question",
    "picture",
    "question_noted",
    "read_edits",
    "read_holdings",
    "read_last_frame",
    "read_last_frames",
    "read_remarks",
    "record_last_frame",
    "save",
    "tail_key",
    "write_edit",
    "write_remark",
    "write_revision",
]
