"""Pictures and sound: what a file is, the last frame of a clip, one film out of many clips.

Everything here works on local files and knows nothing of a provider or a store. PyAV looks into files and copies coded
packets, ffmpeg (see `longtake.media.ffmpeg`) does what needs filters or an encoder. The names below load on first use,
because PyAV costs a tenth of a second that `longtake plan` does not have.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longtake.media.checks import check_clip, check_image
    from longtake.media.examination import Examination, Finding, Measures, examine
    from longtake.media.frames import correct_image, first_frame, last_frame, poster
    from longtake.media.grading import Correction, correction
    from longtake.media.inspection import InputFacts, inspect
    from longtake.media.joining import join
    from longtake.media.model import (
        Chapter,
        JoinClip,
        JoinPlan,
        JoinResult,
        JoinRow,
        Level,
        Loudness,
        Sound,
        Transition,
    )
    from longtake.media.planning import plan_join
    from longtake.media.probing import Audio, Probe, probe
    from longtake.media.seams import Seam, seam
    from longtake.media.sheets import Thumbnail, sheet, thumbnail
    from longtake.media.streaming import hls
    from longtake.media.tones import Drift, Tone, drift, measure_look
    from longtake.media.transitions import TRANSITIONS

__all__ = [
    "TRANSITIONS",
    "Audio",
    "Chapter",
    "Correction",
    "Drift",
    "Examination",
    "Finding",
    "InputFacts",
    "JoinClip",
    "JoinPlan",
    "JoinResult",
    "JoinRow",
    "Level",
    "Loudness",
    "Measures",
    "Probe",
    "Seam",
    "Sound",
    "Thumbnail",
    "Tone",
    "Transition",
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
    "measure_look",
    "plan_join",
    "poster",
    "probe",
    "seam",
    "sheet",
    "thumbnail",
]

_HOME = {
    "TRANSITIONS": "transitions",
    "Audio": "probing",
    "Chapter": "model",
    "Correction": "grading",
    "Drift": "tones",
    "Examination": "examination",
    "Finding": "examination",
    "InputFacts": "inspection",
    "JoinClip": "model",
    "JoinPlan": "model",
    "JoinResult": "model",
    "JoinRow": "model",
    "Level": "model",
    "Loudness": "model",
    "Measures": "examination",
    "Probe": "probing",
    "Seam": "seams",
    "Sound": "model",
    "Thumbnail": "sheets",
    "Tone": "tones",
    "Transition": "model",
    "check_clip": "checks",
    "check_image": "checks",
    "correct_image": "frames",
    "correction": "grading",
    "drift": "tones",
    "examine": "examination",
    "first_frame": "frames",
    "hls": "streaming",
    "inspect": "inspection",
    "join": "joining",
    "last_frame": "frames",
    "measure_look": "tones",
    "plan_join": "planning",
    "poster": "frames",
    "probe": "probing",
    "seam": "seams",
    "sheet": "sheets",
    "thumbnail": "sheets",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds under the name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
