"""The ways one clip may lead into the next, by the names a storyboard uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.errors import MediaError

if TYPE_CHECKING:
    from fractions import Fraction

    from longtake.media.concat.model import JoinClip

MAX_SECONDS = 5.0
"""Of a transition: the storyboard's own limit."""

TRANSITIONS: dict[str, str | None] = {
    "cut": None,
    "crossfade": "fade",
    "dissolve": "dissolve",
    "fade-black": "fadeblack",
    "fade-white": "fadewhite",
    "wipe-left": "wipeleft",
    "wipe-right": "wiperight",
    "wipe-up": "wipeup",
    "wipe-down": "wipedown",
    "slide-left": "slideleft",
    "slide-right": "slideright",
    "slide-up": "slideup",
    "slide-down": "slidedown",
    "smooth-left": "smoothleft",
    "smooth-right": "smoothright",
    "circle-open": "circleopen",
    "circle-close": "circleclose",
    "radial": "radial",
    "pixelize": "pixelize",
}
"""Our names to those of ffmpeg's `xfade` (None: no filter at all)."""


def asked(clip: JoinClip, fps: Fraction) -> tuple[str, int]:
    """The xfade transition before a clip and its length in frames; 0 frames for a cut.

    Raises:
        MediaError: there is no such kind, or it would take longer than `MAX_SECONDS`.
    """
    if clip.transition is None:
        return "", 0
    kind, seconds = clip.transition.kind, clip.transition.seconds
    if kind not in TRANSITIONS:
        raise MediaError(
            f"{clip.path.name}: there is no transition {kind!r}",
            next_step=f"use one of {', '.join(TRANSITIONS)}",
        )
    name = TRANSITIONS[kind]
    if name is None or not seconds:
        return "", 0
    if not 0 <= seconds <= MAX_SECONDS:
        raise MediaError(
            f"{clip.path.name}: asked for a {kind} of {seconds:g} s; allowed: 0 to {MAX_SECONDS:g}",
            next_step="change the transition in the storyboard",
        )
    return name, max(round(seconds * fps), 1)
