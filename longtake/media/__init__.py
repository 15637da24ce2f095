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
    from longtake.media.frames import last_frame, poster
    from longtake.media.inspection import InputFacts, inspect
    from longtake.media.joining import join
    from longtake.media.model import Chapter, JoinClip, JoinResult, Sound
    from longtake.media.probing import Audio, Probe, probe

__all__ = [
    "Audio",
    "Chapter",
    "InputFacts",
    "JoinClip",
    "JoinResult",
    "Probe",
    "Sound",
    "check_clip",
    "check_image",
    "inspect",
    "join",
    "last_frame",
    "poster",
    "probe",
]

_HOME = {
    "Audio": "probing",
    "Chapter": "model",
    "InputFacts": "inspection",
    "JoinClip": "model",
    "JoinResult": "model",
    "Probe": "probing",
    "Sound": "model",
    "check_clip": "checks",
    "check_image": "checks",
    "inspect": "inspection",
    "join": "joining",
    "last_frame": "frames",
    "poster": "frames",
    "probe": "probing",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds under the name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
