"""Pictures and sound: what a file is, the last frame of a clip, one film out of many clips.

Everything here works on local files and knows nothing of a provider or a store. PyAV looks into files and copies coded
packets, ffmpeg (see `longtake.media.ffmpeg`) does what needs filters or an encoder. The names below load on first use,
because PyAV costs a tenth of a second that `longtake plan` does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.lazy import exports

if TYPE_CHECKING:
    from longtake.media.concat.joining import join as join
    from longtake.media.concat.model import Chapter as Chapter
    from longtake.media.concat.model import JoinClip as JoinClip
    from longtake.media.concat.model import JoinNotice as JoinNotice
    from longtake.media.concat.model import JoinPlan as JoinPlan
    from longtake.media.concat.model import JoinResult as JoinResult
    from longtake.media.concat.model import JoinSound as JoinSound
    from longtake.media.concat.model import JoinTransition as JoinTransition
    from longtake.media.concat.model import JoinTrim as JoinTrim
    from longtake.media.concat.planning import plan_join as plan_join
    from longtake.media.concat.streaming import hls as hls
    from longtake.media.concat.transitions import TRANSITIONS as TRANSITIONS
    from longtake.media.image.frames import correct_image as correct_image
    from longtake.media.image.frames import first_frame as first_frame
    from longtake.media.image.frames import last_frame as last_frame
    from longtake.media.image.frames import poster as poster
    from longtake.media.image.sheets import sheet as sheet
    from longtake.media.image.thumbnails import thumbnail as thumbnail
    from longtake.media.image.whole_png import is_whole_png as is_whole_png
    from longtake.media.measure.checks import check_clip as check_clip
    from longtake.media.measure.checks import check_image as check_image
    from longtake.media.measure.examination import Examination as Examination
    from longtake.media.measure.examination import examine as examine
    from longtake.media.measure.grading import ColorCorrection as ColorCorrection
    from longtake.media.measure.matching import SeamMatch as SeamMatch
    from longtake.media.measure.matching import match_seam as match_seam
    from longtake.media.measure.seams import seam as seam
    from longtake.media.measure.tone import MeasuredSeam as MeasuredSeam
    from longtake.media.measure.tone import MeasuredTone as MeasuredTone
    from longtake.media.measure.tones import drift as drift
    from longtake.media.streams.inspection import inspect as inspect
    from longtake.media.streams.probing import probe as probe

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
        "longtake.media.image.sheets": ("sheet",),
        "longtake.media.image.thumbnails": ("thumbnail",),
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
