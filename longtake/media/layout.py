"""What a join will do, decided from what the clips are: the common form, the pieces, the chapters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from longtake.errors import MediaError
from longtake.media import avc, cutting
from longtake.media.graphs import Target
from longtake.media.model import Chapter
from longtake.media.probing import Color

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.media.model import JoinClip
    from longtake.media.probing import Look, Probe

__all__ = ["Layout", "plan"]

_MAX_CROSSFADE = 5.0
"""Seconds: the storyboard's own limit."""
_NOT_YUV = (0, 8)
"""Matrices of RGB and YCgCo (ITU-T H.273), which encoded pieces never have."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A join, decided.

    Film frames are counted at `target.fps`; clip i has `lengths[i]` of them and begins at frame `starts[i]`, and the film
    has `frames`. `config` is the configuration of the copied clips when encoded pieces have to share their track.
    """

    target: Target
    config: avc.Configuration | None
    lengths: tuple[int, ...]
    starts: tuple[int, ...]
    frames: int
    pieces: tuple[cutting.Piece, ...]
    chapters: tuple[Chapter, ...]

    @property
    def way(self) -> Literal["copy", "encode"]:
        """Whether any frame is encoded."""
        return "copy" if all(isinstance(piece, cutting.Copy) for piece in self.pieces) else "encode"


def plan(clips: Sequence[JoinClip], looks: Sequence[Look]) -> Layout:
    """Decide a join.

    The form most frames have is the film's. Clips of that form are copied when nothing has to be encoded, or when what
    has to be can share a track with them (8-bit H.264 with a free parameter set id). Else all are encoded to H.264.

    Raises:
        MediaError: a crossfade is longer than allowed or than its clips.
    """
    weights: Counter[tuple[object, ...]] = Counter()
    for one in looks:
        weights[_form(one.probe)] += one.probe.frames
    # Among equals the first wins: Counter keeps the order of arrival.
    chosen = weights.most_common(1)[0][0]
    model = next(one for one in looks if _form(one.probe) == chosen)
    fps = model.probe.fps or Fraction(24)
    target = Target(model.probe.width, model.probe.height, fps, model.probe.color, set_id=0)
    lengths = [_length(one.probe, fps) for one in looks]
    overlaps = [0, *(_overlap(clip, fps) for clip in clips[1:])]
    places = cutting.starts(lengths, overlaps)
    indexes = [one.index if _form(one.probe) == chosen and one.index and one.index.regular else None for one in looks]
    pieces = tuple(cutting.cut(lengths, overlaps, indexes))
    config = None
    if not all(isinstance(piece, cutting.Copy) for piece in pieces):
        config = _shareable(model)
        set_id = avc.free_id(config) if config else None
        if config is None or set_id is None:
            config, target = None, _own(target)
            pieces = tuple(cutting.cut(lengths, overlaps, [None] * len(looks)))
        else:
            target = replace(target, set_id=set_id)
    chapters = tuple(
        Chapter(float(start / fps), float(end / fps), clip.title)
        for clip, start, end in zip(clips, places, places[1:], strict=False)
    )
    return Layout(target, config, tuple(lengths), tuple(places[:-1]), places[-1], pieces, chapters)


def _form(facts: Probe) -> tuple[object, ...]:
    """What two clips must share for their coded frames to share a track."""
    size = (facts.width, facts.height, facts.sar)
    return facts.codec, facts.extradata_sha256, facts.pix_fmt, facts.fps, facts.color, size


def _length(facts: Probe, fps: Fraction) -> int:
    if facts.fps == fps or facts.fps is None:
        return facts.frames
    return max(1, round(facts.frames * fps / facts.fps))


def _overlap(clip: JoinClip, fps: Fraction) -> int:
    if not 0 <= clip.crossfade <= _MAX_CROSSFADE:
        raise MediaError(
            f"{clip.path.name}: asked for a crossfade of {clip.crossfade:g} s; allowed: 0 to {_MAX_CROSSFADE:g}"
        )
    frames = round(Fraction(clip.crossfade) * fps)
    return max(frames, 1) if clip.crossfade else 0


def _shareable(model: Look) -> avc.Configuration | None:
    """The configuration of clips that our own H.264 can stand between."""
    facts = model.probe
    plain = facts.codec == "h264" and facts.pix_fmt == "yuv420p" and facts.sar == 1
    config = avc.parse(model.extradata) if plain else None
    return config if config and config.length_size == 4 else None


def _own(target: Target) -> Target:
    """The target when nothing is copied: what every player shows, 4:2:0 (even sides) in limited range."""
    color = target.color
    if color.matrix in _NOT_YUV:
        color = Color(matrix=1, primaries=1, transfer=1)
    return replace(
        target, width=max(target.width & ~1, 2), height=max(target.height & ~1, 2), color=replace(color, range=1)
    )
