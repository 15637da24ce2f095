"""Hand a film to other tools: OpenTimelineIO, Final Cut Pro XML, an EDL, or a folder with all of it and the clips."""

from longtake.export.cut_list import CutList, ListedShot, ListedTransition, of_manifest
from longtake.export.files import Exported, ExportForm, export

__all__ = ["CutList", "ExportForm", "Exported", "ListedShot", "ListedTransition", "export", "of_manifest"]
