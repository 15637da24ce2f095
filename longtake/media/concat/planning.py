"""A join's plan for people: each clip and each joint, what happens to it, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longtake.errors import MediaError
from longtake.media.concat import layout, tracks
from longtake.media.concat.cutting import Blend, Copy
from longtake.media.concat.model import JoinPlan, JoinRow, JoinSound
from longtake.media.streams.probing import look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.media.concat.layout import Layout
    from longtake.media.concat.model import JoinClip, JoinNotice
    from longtake.media.streams.facts import JoinProbe, Probe

_PLAIN = JoinSound()


def plan_join(clips: Sequence[JoinClip], *, sound: JoinSound = _PLAIN, notice: JoinNotice | None = None) -> JoinPlan:
    """Say what `join` would do with these clips; no frame is decoded and nothing is written.

    Raises:
        MediaError: a clip is broken or no video, or a transition does not fit.
    """
    looks = look_at(clips, notice=notice)
    return describe(clips, looks, layout.plan(clips, looks, notice), sound)


def look_at(clips: Sequence[JoinClip], *, notice: JoinNotice | None = None) -> list[JoinProbe]:
    """What a join has to know of its clips: each file is looked at once.

    Raises:
        MediaError: there is no clip, or one is broken or not a video.
    """
    if not clips:
        raise MediaError("a film needs at least one clip", next_step="give at least one clip")
    known: dict[object, JoinProbe] = {}
    seen: dict[object, Probe] = {}
    looks = []
    for i, clip in enumerate(clips):
        led = notice is not None if not i else clip.transition is not None
        entered = led or (clip.trim is not None and bool(clip.trim.head))
        key = clip.path, entered
        if key not in known:
            known[key] = _look(clip, seen, entered=entered)
        looks.append(known[key])
    return looks


def _look(clip: JoinClip, seen: dict[object, Probe], *, entered: bool) -> JoinProbe:
    found = look(clip.path, seen=seen)
    index = found.index
    if found.probe.kind != "video" or index is None:
        raise MediaError(f"{clip.path.name}: expected a clip, got {found.probe.format.upper()}")
    if entered:
        keys = tracks.entries(clip.path, found.probe.codec, index.keys)
    else:
        keys = index.keys & {0} if tracks.is_entry(found.first, found.probe.codec) else frozenset()
    # A film of a thousand clips does not hold a thousand frames.
    return replace(found, index=replace(index, keys=keys), first=b"")


def describe(clips: Sequence[JoinClip], looks: Sequence[JoinProbe], decided: Layout, sound: JoinSound) -> JoinPlan:
    """The plan of a decided join."""
    shares = [_Share() for _ in clips]
    copied_to = {piece.clip: piece.first + piece.frames for piece in decided.pieces if isinstance(piece, Copy)}
    for piece in decided.pieces:
        share = shares[piece.clip]
        if isinstance(piece, Copy):
            share.copied = piece.frames
        elif isinstance(piece, Blend):
            share.blend = piece
        elif decided.dropped[piece.clip] and piece.first == copied_to.get(piece.clip):
            share.tail = piece.frames
        else:
            share.encoded += piece.frames
    rows = []
    for i, clip in enumerate(clips):
        if i:
            rows.append(_joint(clip, decided, i, shares[i - 1], shares[i].blend))
        rows.append(_clip(clip, decided, i, shares[i]))
    rows.append(_sound(looks, sound, decided.frames))
    copied = sum(share.copied for share in shares)
    target = decided.target
    return JoinPlan(
        rows=tuple(rows),
        form=f"{target.codec} {target.pix_fmt} {target.width}x{target.height} at {target.fps}/s",
        frames=decided.frames,
        copied=copied,
        encoded=decided.frames - copied,
        dropped=sum(decided.dropped),
    )


@dataclass(slots=True)
class _Share:
    """What the pieces of one clip come to, in frames: `tail` are those encoded only because the last one is left out."""

    copied: int = 0
    encoded: int = 0
    tail: int = 0
    blend: Blend | None = None


def _clip(clip: JoinClip, decided: Layout, i: int, share: _Share) -> JoinRow:
    length = decided.lengths[i]
    what = "copy" if share.copied == length else "copy in part" if share.copied else "encode"
    why = decided.reasons[i]
    if not share.copied and why.startswith("as the film"):
        why += ", but it can be cut only at its start"
    why += _trims(decided.heads[i], decided.tails[i])
    if decided.drawn and not i:
        why += f"; a notice is drawn into its first {decided.drawn} frames"
    return JoinRow("clip", i + 1, clip.title, what, length, share.encoded, why)


def _trims(head: int, tail: int) -> str:
    ends = [f"{frames} frames at its {end}" for end, frames in (("head", head), ("tail", tail)) if frames]
    return f"; trimmed by {' and '.join(ends)}" if ends else ""


def _joint(clip: JoinClip, decided: Layout, i: int, before: _Share, blend: Blend | None) -> JoinRow:
    if blend is not None:
        what = clip.transition.kind if clip.transition else "cut"
        why = f"{blend.count} frames of both clips are blended"
        if blend.before or blend.after:
            why += f"; with them {blend.before} before and {blend.after} after, which depend on frames that change"
        return JoinRow("joint", i + 1, clip.title, what, blend.count, blend.frames, why)
    if not decided.dropped[i - 1]:
        why = "a cut between two frames"
        if clip.continues and (decided.tails[i - 1] or decided.heads[i]):
            why += "; a trim cuts off the frame that both clips share"
        elif clip.continues:
            why += "; the clip before has only one frame, which stays"
        return JoinRow("joint", i + 1, clip.title, "cut", 0, 0, why)
    why = "the frame both clips share is shown once: the last of the clip before is left out"
    if before.tail:
        why += f"; frames before it that depend on it and are encoded: {before.tail}"
    elif before.copied:
        why += ", which no frame depends on"
    return JoinRow("joint", i + 1, clip.title, "cut, one dropped", 0, before.tail, why)


def _sound(looks: Sequence[JoinProbe], sound: JoinSound, frames: int) -> JoinRow:
    mute = sum(one.probe.audio is None for one in looks)
    if mute == len(looks) and sound.music is None:
        return JoinRow("sound", 1, "", "none", 0, 0, "no clip has any")
    words = ["decoded and encoded as one track, cut where the pictures are"]
    words += [f"silent under {mute} of {len(looks)} clips, which have none"] if mute else []
    words += ["music under it"] if sound.music is not None else []
    words += [f"made {sound.loudness:g} LUFS loud"] if sound.loudness is not None else []
    return JoinRow("sound", 1, "", "encode", frames, 0, "; ".join(words))
