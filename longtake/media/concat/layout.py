"""What a join will do, decided from what the clips are: the common form, the pieces, the chapters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from longtake.errors import MediaError
from longtake.media.concat import cutting, graphs, transitions
from longtake.media.concat.model import Chapter
from longtake.media.concat.tracks import Track
from longtake.media.streams.facts import Color

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.media.concat.graphs import Target
    from longtake.media.concat.model import JoinClip, JoinNotice
    from longtake.media.streams.facts import JoinProbe, Probe
    from longtake.media.streams.index import Index

_KEPT = 3
"""Set numbers of a track that no clip gets."""
_NOT_YUV = (0, 8)
"""Matrices of RGB and YCgCo (ITU-T H.273), which encoded pieces never have."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A join, decided.

    Film frames are counted at `target.fps`; clip i shows `lengths[i]` of its own from its frame `heads[i]` on (`tails[i]` and
    `dropped[i]` less than it has) and begins at film frame `starts[i]`; `overlaps[i]` of them it shares with the clip before, as
    `kinds[i]` (of xfade) says. `numbers[i]` is the set number its copied frames get in `track`; `reasons[i]` says why it is
    copied or not. `track` is None when everything is encoded.
    """

    target: Target
    track: Track | None
    numbers: tuple[int, ...]
    reasons: tuple[str, ...]
    kinds: tuple[str, ...]
    overlaps: tuple[int, ...]
    heads: tuple[int, ...]
    tails: tuple[int, ...]
    dropped: tuple[int, ...]
    lengths: tuple[int, ...]
    starts: tuple[int, ...]
    frames: int
    pieces: tuple[cutting.Piece, ...]
    drawn: int
    """Frames at the start into which a notice is drawn; they are part of the first piece."""
    chapters: tuple[Chapter, ...]

    def maps(self, looks: Sequence[JoinProbe]) -> bool:
        """Whether clips of another dynamic range than the film's are encoded."""
        return self.way == "encode" and any(one.probe.color.hdr != self.target.color.hdr for one in looks)

    @property
    def way(self) -> Literal["copy", "encode"]:
        """Whether any frame is encoded."""
        return "copy" if all(isinstance(piece, cutting.Copy) for piece in self.pieces) else "encode"


def plan(clips: Sequence[JoinClip], looks: Sequence[JoinProbe], notice: JoinNotice | None = None) -> Layout:
    """Decide a join.

    The form that is shown longest is the film's. Clips of that form are copied; what has to be encoded is encoded to stand
    between them (H.264 and HEVC of 8 or 10 bits, 4:2:0). Where that is impossible all are encoded to H.264.

    Raises:
        MediaError: a transition is unknown, too long, or longer than its clips; or a trim leaves nothing of its clip.
    """
    model = _model(looks)
    chosen = model.probe
    fps = chosen.fps or Fraction(24)
    asked = [("", 0), *(transitions.asked(clip, fps) for clip in clips[1:])]
    overlaps = [frames for _, frames in asked]
    whole = [_length(one.probe, fps) for one in looks]
    trims = [clip.trim.frames(fps) if clip.trim is not None else (0, 0) for clip in clips]
    heads, tails = [head for head, _ in trims], [tail for _, tail in trims]
    trimmed = [_trimmed(*one) for one in zip(clips, whole, heads, tails, strict=True)]
    dropped = [_drop(clips, trimmed, overlaps, i, apart=_apart(heads, tails, i)) for i in range(len(clips))]
    lengths = [length - drop for length, drop in zip(trimmed, dropped, strict=True)]
    places = cutting.starts(lengths, overlaps)
    track = Track(chosen.codec, model.extradata)
    numbers, reasons = _agreements(clips, looks, chosen, track)
    indexes: list[Index | None] = [
        one.index if number is not None else None for one, number in zip(looks, numbers, strict=True)
    ]
    # Frames of the first clip alone: a transition out of it shows no notice.
    alone = lengths[0] - (overlaps[1] if len(overlaps) > 1 else 0)
    drawn = min(max(round(notice.seconds * fps), 1), alone) if notice is not None else 0
    pieces = tuple(cutting.cut(lengths, overlaps, indexes, heads, drawn=drawn))
    target = graphs.target(chosen)
    shared: Track | None = track
    copied = [isinstance(piece, cutting.Copy) for piece in pieces]
    # Only a copied clip can say in the film's track that it is turned.
    fits = track.open and graphs.encodable(chosen) and (any(copied) or not chosen.rotation)
    if not all(copied) and not fits:
        what = f"{chosen.codec} {chosen.pix_fmt} cannot stand next to encoded pieces"
        what += f": the whole film is encoded{_mapped(chosen.color, _own(target).color)}"
        shared, target, reasons = None, _own(target), [what] * len(clips)
        pieces = tuple(cutting.cut(lengths, overlaps, [None] * len(looks), heads, drawn=drawn))
    chapters = tuple(
        Chapter(float(start / fps), float(end / fps), clip.title)
        for clip, start, end in zip(clips, places, places[1:], strict=False)
    )
    return Layout(
        target=target,
        track=shared,
        numbers=tuple(number or 0 for number in numbers),
        reasons=tuple(reasons),
        kinds=tuple(kind for kind, _ in asked),
        overlaps=tuple(overlaps),
        heads=tuple(heads),
        tails=tuple(tails),
        dropped=tuple(dropped),
        lengths=tuple(lengths),
        starts=tuple(places[:-1]),
        frames=places[-1],
        pieces=pieces,
        drawn=drawn,
        chapters=chapters,
    )


def _model(looks: Sequence[JoinProbe]) -> JoinProbe:
    """The clip the film is like: of the form, and in it of the parameter sets, that is shown longest; the first of equals."""
    forms: dict[tuple[object, ...], Fraction] = {}
    sets: dict[tuple[object, ...], Fraction] = {}
    for one in looks:
        # By seconds, because a clip of many frames a second is not seen longer. Fractions, because equals must be equal.
        # A rate below 8 is damage in the file's times: one frame of minutes must not outvote the others.
        form, seconds = _form(one.probe), one.probe.frames / max(one.probe.fps or Fraction(24), Fraction(8))
        forms[form] = forms.get(form, Fraction(0)) + seconds
        sets[form, one.extradata] = sets.get((form, one.extradata), Fraction(0)) + seconds
    form = max(forms, key=forms.__getitem__)
    extradata = max((key for key in sets if key[0] == form), key=sets.__getitem__)[1]
    return next(one for one in looks if _form(one.probe) == form and one.extradata == extradata)


def _form(facts: Probe) -> tuple[object, ...]:
    """What two clips must share for their coded frames to share a track."""
    return facts.codec, facts.pix_fmt, facts.fps, facts.color, (facts.width, facts.height), facts.sar, facts.rotation


_NAMES = ("codec", "pixel format", "rate", "colors", "size", "shape of pixels", "rotation")
"""Of what `_form` gives."""


def _agreements(
    clips: Sequence[JoinClip], looks: Sequence[JoinProbe], chosen: Probe, track: Track
) -> tuple[list[int | None], list[str]]:
    """For each clip the set number its frames are copied under (None: they cannot be), and why."""
    numbers: list[int | None] = []
    reasons = []
    for clip, one in zip(clips, looks, strict=True):
        number: int | None = None
        if clip.correction is not None:
            why = "its colors are corrected"
        elif _form(one.probe) != _form(chosen):
            pairs = zip(_NAMES, _form(one.probe), _form(chosen), strict=True)
            why = "another " + ", ".join(name for name, mine, theirs in pairs if mine != theirs) + " than the film"
            why += _mapped(one.probe.color, chosen.color)
        elif one.index is None or not one.index.regular:
            why = "its frames are not evenly spaced"
        elif 0 not in one.index.keys:
            why = "it begins with a frame that needs an earlier one"
        else:
            # Numbers are kept for what is encoded: by ffmpeg, in the process, and at ingest by an older version of either.
            number = track.add(one.extradata, keep=_KEPT)
            why = "as the film" if not number else f"as the film; its parameter sets get number {number}"
            if number is None:
                why = "its parameter sets cannot share a track with the film's"
        numbers.append(number)
        reasons.append(why)
    return numbers, reasons


def _mapped(own: Color, film: Color) -> str:
    """What a plan says of a clip whose dynamic range is not the film's."""
    if own.hdr == film.hdr:
        return ""
    return f"; {own.hdr or 'SDR'} is mapped to {film.hdr or 'SDR'}"


def _trimmed(clip: JoinClip, whole: int, head: int, tail: int) -> int:
    """The frames of a clip that its trim leaves."""
    if head + tail >= whole:
        raise MediaError(
            f"the trim of {clip.title} takes {head + tail} frames, and its clip has {whole}",
            next_step="make `trim` shorter in the storyboard",
        )
    return whole - head - tail


def _apart(heads: Sequence[int], tails: Sequence[int], i: int) -> bool:
    """Whether a trim cuts off the frame that clip i and the one after it share."""
    return i + 1 < len(heads) and bool(tails[i] or heads[i + 1])


def _drop(clips: Sequence[JoinClip], whole: Sequence[int], overlaps: Sequence[int], i: int, *, apart: bool) -> int:
    """Frames of clip i that are not shown: its last, when the next one continues it and begins with the same."""
    if i + 1 == len(clips) or apart or not clips[i + 1].continues or overlaps[i + 1]:
        return 0
    return 1 if whole[i] > max(overlaps[i], 1) else 0


def _length(facts: Probe, fps: Fraction) -> int:
    if facts.fps == fps or facts.fps is None:
        return facts.frames
    return max(1, round(facts.frames * fps / facts.fps))


def _own(target: Target) -> Target:
    """The target when nothing is copied: what every player shows, SDR, 4:2:0 (even sides) in limited range."""
    color = target.color
    if color.matrix in _NOT_YUV or color.hdr:
        color = Color(matrix=1, primaries=1, transfer=1)
    width, height, sar = target.width, target.height, target.sar
    if target.rotation % 180:
        width, height, sar = height, width, 1 / sar
    return replace(
        target,
        width=max(width & ~1, 2),
        height=max(height & ~1, 2),
        sar=sar,
        rotation=0,
        color=replace(color, range=1),
        codec="h264",
        pix_fmt="yuv420p",
    )
