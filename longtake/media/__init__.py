"""Pictures and sound: what a file is, the last frame of a clip, one film out of many clips.

Everything here works on local files and knows nothing of a provider or a store. PyAV looks into files and copies coded
packets, ffmpeg (see `longtake.media.ffmpeg`) does what needs filters or an encoder. The names below load on first use,
because PyAV costs a tenth of a second that `longtake plan` does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.lazy import exports

if TYPE_CHECKING:
    from longtake.media.concat.joining import join
    from longtake.media.concat.model import (
        Chapter,
        JoinClip,
        JoinNotice,
        JoinPlan,
        JoinResult,
        JoinSound,
        JoinTransition,
        JoinTrim,
    )
    from longtake.media.concat.planning import plan_join
    from longtake.media.concat.streaming import hls
    from longtake.media.concat.transitions import TRANSITIONS
    from longtake.media.image.frames import correct_image, first_frame, last_frame, poster
    from longtake.media.image.sheets import Thumbnail, sheet, small_jpeg, thumbnail
    from longtake.media.image.whole_png import is_whole_png
    from longtake.media.measure.checks import check_clip, check_image
    from longtake.media.measure.examination import Examination, examine
    from longtake.media.measure.grading import ColorCorrection
    from longtake.media.measure.matching import SeamMatch, match_seam
    from longtake.media.measure.seams import seam
    from longtake.media.measure.tone import MeasuredSeam, MeasuredTone
    from longtake.media.measure.tones import drift
    from longtake.media.streams.inspection import inspect
    from longtake.media.streams.probing import probe

__all__ = [
    "TRANSITIONS",
    "Chapter",
    "ColorCorrection",
    "Examination",
    "JoinClip",
    "JoinNotice",
    "JoinPlan",
    "JoinResult",
    "JoinSound",
    "JoinTransition",
    "JoinTrim",
    "MeasuredSeam",
    "MeasuredTone",
    "SeamMatch",
    "Thumbnail",
    "check_clip",
    "check_image",
    "correct_image",
    "drift",
    "examine",
    "first_frame",
    "hls",
    "inspect",
    "is_whole_png",
    "join",
    "last_frame",
    "match_seam",
    "plan_join",
    "poster",
    "probe",
    "seam",
    "sheet",
    "small_jpeg",
    "thumbnail",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "longtake.media.concat.joining": ("join",),
        "longtake.media.concat.model": (
            "Chapter",
            "JoinClip",
            "JoinPlan",
            "JoinResult",
            "JoinSound",
            "JoinTransition",
            "JoinNotice",
            "JoinTrim",
        ),
        "longtake.media.concat.planning": ("plan_join",),
        "longtake.media.concat.streaming": ("hls",),
        "longtake.media.concat.transitions": ("TRANSITIONS",),
        "longtake.media.image.frames": ("correct_image", "first_frame", "last_frame", "poster"),
        "longtake.media.image.sheets": ("Thumbnail", "sheet", "small_jpeg", "thumbnail"),
        "longtake.media.image.whole_png": ("is_whole_png",),
        "longtake.media.measure.checks": ("check_clip", "check_image"),
        "longtake.media.measure.examination": ("Examination", "examine"),
        "longtake.media.measure.grading": ("ColorCorrection",),
        "longtake.media.measure.matching": ("SeamMatch", "match_seam"),
        "longtake.media.measure.seams": ("seam",),
        "longtake.media.measure.tone": ("MeasuredSeam", "MeasuredTone"),
        "longtake.media.measure.tones": ("drift",),
        "longtake.media.streams.inspection": ("inspect",),
        "longtake.media.streams.probing": ("probe",),
    },
)
