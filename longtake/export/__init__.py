"""A film for other tools (OpenTimelineIO, Final Cut Pro XML, an EDL, or a folder with the clips), and edits that come back."""

from longtake.export.cut_list import CutList, ListedShot, ListedTransition, of_manifest
from longtake.export.decisions import Decisions, decide
from longtake.export.edit import EditClip, EditedTimeline, EditTransition
from longtake.export.files import Exported, ExportForm, export

__all__ = [
    "CutList",
    "Decisions",
    "EditClip",
    "EditTransition",
    "EditedTimeline",
    "ExportForm",
    "Exported",
    "ListedShot",
    "ListedTransition",
    "decide",
    "export",
    "of_manifest",
]
