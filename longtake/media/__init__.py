"""Pictures and sound: what a file is, the last frame of a clip, one film out of many clips.

Everything here works on local files and knows nothing of a provider or a store. PyAV looks into files and copies coded
packets, ffmpeg (see `longtake.media.ffmpeg`) does what needs filters or an encoder. The names below load on first use,
because PyAV costs a tenth of a second that `longtake plan` does not have.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longtake.media.concat.joining import join
    from longtake.media.concat.model import (
        Chapter,
        JoinClip,
        JoinPlan,
        JoinResult,
        JoinRow,
        JoinSound,
        JoinTransition,
        MeasuredLevel,
        MeasuredLoudness,
    )
    from longtake.media.concat.planning import plan_join
    from longtake.media.concat.streaming import hls
    from longtake.media.concat.transitions import TRANSITIONS
    from longtake.media.image.frames import correct_image, first_frame, last_frame, poster
    from longtake.media.image.sheets import Thumbnail, sheet, thumbnail
    from longtake.media.measure.checks import check_clip, check_image
    from longtake.media.measure.examination import ClipFinding, Examination, Measures, examine
    from longtake.media.measure.grading import ColorCorrection, correction
    from longtake.media.measure.matching import SeamMatch, match_seam
    from longtake.media.measure.seams import MeasuredSeam, seam
    from longtake.media.measure.tones import Drift, MeasuredTone, drift, measure_look
    from longtake.media.streams.inspection import InputFacts, inspect
    from longtake.media.streams.probing import Audio, Probe, probe

__all__ = [
    "TRANSITIONS",
    "Audio",
    "Chapter",
    "ClipFinding",
    "ColorCorrection",
    "Drift",
    "Examination",
    "InputFacts",
    "JoinClip",
    "JoinPlan",
    "JoinResult",
    "JoinRow",
    "JoinSound",
    "JoinTransition",
    "MeasuredLevel",
    "MeasuredLoudness",
    "MeasuredSeam",
    "MeasuredTone",
    "Measures",
    "Probe",
    "SeamMatch",
    "Thumbnail",
    "check_clip",
    "check_image",
    "correct_image",
    "correction",
    "drift",
    "examine",
    "first_frame",
    "hls",
    "inspect",
    "join",
    "last_frame",
    "match_seam",
    "measure_look",
    "plan_join",
    "poster",
    "probe",
    "seam",
    "sheet",
    "thumbnail",
]

_HOME = {
    "TRANSITIONS": "concat.transitions",
    "Audio": "streams.probing",
    "Chapter": "concat.model",
    "ColorCorrection": "measure.grading",
    "Drift": "measure.tones",
    "Examination": "measure.examination",
    "ClipFinding": "measure.examination",
    "InputFacts": "streams.inspection",
    "JoinClip": "concat.model",
    "JoinPlan": "concat.model",
    "JoinResult": "concat.model",
    "JoinRow": "concat.model",
    "MeasuredLevel": "concat.model",
    "MeasuredLoudness": "concat.model",
    "Measures": "measure.examination",
    "Probe": "streams.probing",
    "MeasuredSeam": "measure.seams",
    "JoinSound": "concat.model",
    "SeamMatch": "measure.matching",
    "Thumbnail": "image.sheets",
    "MeasuredTone": "measure.tones",
    "JoinTransition": "concat.model",
    "check_clip": "measure.checks",
    "check_image": "measure.checks",
    "correct_image": "image.frames",
    "correction": "measure.grading",
    "drift": "measure.tones",
    "examine": "measure.examination",
    "first_frame": "image.frames",
    "hls": "concat.streaming",
    "inspect": "streams.inspection",
    "join": "concat.joining",
    "last_frame": "image.frames",
    "match_seam": "measure.matching",
    "measure_look": "measure.tones",
    "plan_join": "concat.planning",
    "poster": "image.frames",
    "probe": "streams.probing",
    "seam": "measure.seams",
    "sheet": "image.sheets",
    "thumbnail": "image.sheets",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds under the name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
