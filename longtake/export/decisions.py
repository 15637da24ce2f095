"""Turn the changes of an edit into storyboard decisions: order, takes, trims and transitions.

What the edit leaves as it was exported stays in the storyboard as it is written. A shot that moves continues the same shot as
before. Only another take (`use`) can change what the next run buys: with `downstream: cascade`, the shots that continue it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from longtake import timeline as timelines
from longtake.export import cut_list
from longtake.media.concat.transitions import MAX_SECONDS, TRANSITIONS
from longtake.storyboard import Storyboard, parents, places
from longtake.storyboard.writing import inline, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.export.edit import EditClip, EditedTimeline
    from longtake.manifest import FilmShot, Manifest

_NAMED = 12
"""Shots that a line names; it counts the others."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """A storyboard with an edit's decisions.

    Attributes:
        board: the changed storyboard; the same where nothing changes.
        changes: what is decided, one line each.
        left_out: what no storyboard can say, one line each.
    """

    board: Storyboard
    changes: tuple[str, ...]
    left_out: tuple[str, ...]


def decide(board: Storyboard, manifest: Manifest, edit: EditedTimeline) -> Decisions:
    """Work out what an edit changes.

    Args:
        board: the storyboard.
        manifest: of the film that was exported.
        edit: what came back.
    """
    return _Deciding(board, manifest, edit).decisions()


class _Deciding:
    def __init__(self, board: Storyboard, manifest: Manifest, edit: EditedTimeline) -> None:
        self._board = board
        self._rate = cut_list.of_manifest(manifest).rate
        self._changes: list[str] = []
        self._left_out = list(edit.left_out)
        self._cuts = {shot.id: cut for shot, cut in zip(manifest.shots, manifest.timeline.cuts, strict=True)}
        self._exported = [shot.id for shot in manifest.shots]
        data = plain(board)
        self._scenes: dict[str, dict[str, Any]] = {scene["id"]: scene for scene in data["scenes"]}
        self._shots: dict[str, dict[str, Any]] = {s["id"]: s for scene in data["scenes"] for s in scene["shots"]}
        self._data = data
        ids = [shot.id for _, shot in places(board)]
        self._order = ids
        self._parents = {ids[at]: ids[of] if of is not None else None for at, of in enumerate(parents(board))}
        self._clips = self._known(edit.clips)

    def decisions(self) -> Decisions:
        moved = self._ordered()
        for clip in self._clips:
            self._use(clip)
        self._trims()
        self._transitions(moved=moved)
        board = Storyboard.model_validate(self._data) if self._changes else self._board
        return Decisions(board, tuple(self._changes), tuple(self._left_out))

    def _known(self, clips: Sequence[EditClip]) -> list[EditClip]:
        """The clips that a film can have: each shot once, with transitions that there are."""
        found: dict[str, EditClip] = {}
        for number, clip in enumerate(clips):
            name = clip.shot.id
            if name not in self._shots:
                self._leave(clip.where, f"the storyboard has no shot {name}")
            elif name in found:
                self._leave(clip.where, f"{clip.shot.shot} is in the edit twice, and a film shows each shot once")
            else:
                found[name] = self._with_known_transition(clip, first=not number)
        for name in self._order:
            if name not in found and name in self._exported:
                self._leave(name, "the edit does not show it; it stays in the film, behind the shot before it")
        return list(found.values())

    def _with_known_transition(self, clip: EditClip, *, first: bool) -> EditClip:
        led = clip.transition
        if led is None:
            return clip
        why = None
        if first:
            why = "a film does not begin with a transition"
        elif led.kind is None or TRANSITIONS.get(led.kind) is None:
            why = "the transition in front of it is of no kind that films have; it becomes a cut"
        elif (led.before + led.after) / self._rate > MAX_SECONDS:
            why = f"the transition in front of it is longer than {MAX_SECONDS:g} seconds; it becomes a cut"
        if why is None:
            return clip
        self._leave(clip.where, why)
        return replace(clip, transition=None)

    # -- order -----------------------------------------------------------------------------------------------------------

    def _ordered(self) -> bool:
        """Put the shots in the edit's order; whether that is another one than the storyboard's."""
        shown = [clip.shot.id for clip in self._clips]
        if shown == [name for name in self._exported if name in set(shown)]:
            return False
        wanted = list(shown)
        for before, name in itertools.pairwise([None, *self._order]):
            if name is not None and name not in self._by_name():
                wanted.insert(wanted.index(before) + 1 if before is not None else 0, name)
        if wanted == self._order:
            return False
        old = {shot["id"]: scene["id"] for scene in self._data["scenes"] for shot in scene["shots"]}
        new = _scenes(wanted, old)
        for name in wanted:
            if new[name] != old[name]:
                self._changes.append(f"{old[name]}/{name}: in scene {new[name]}, between whose shots it stands")
        for scene in self._scenes.values():
            scene["shots"] = [self._shots[name] for name in wanted if new[name] == scene["id"]]
        self._data["scenes"] = [self._scenes[name] for name in dict.fromkeys(new[name] for name in wanted)]
        more = f" and {len(wanted) - _NAMED} more" if len(wanted) > _NAMED else ""
        self._changes.append(f"order: {', '.join(wanted[:_NAMED])}{more}")
        for scene in self._data["scenes"]:
            for before, shot in itertools.pairwise([None, *scene["shots"]]):
                implied = before["id"] if before is not None else None
                if shot is not None and "continue_from" not in shot and implied != self._parents[shot["id"]]:
                    shot["continue_from"] = self._parents[shot["id"]]
        self._order = wanted
        return True

    def _by_name(self) -> dict[str, EditClip]:
        return {clip.shot.id: clip for clip in self._clips}

    # -- takes and trims ---------------------------------------------------------------------------------------------------

    def _use(self, clip: EditClip) -> None:
        shot, take = clip.shot, clip.take
        if take.fingerprint == shot.used.fingerprint or self._shots[shot.id].get("use") == take.take:
            return
        if sum(other.take == take.take for other in (shot.used, *shot.alternates)) > 1:
            self._leave(
                clip.where, f"{shot.shot} has several takes with the number {take.take}: `use` cannot name this one"
            )
            return
        self._set(shot, "use", take.take)

    def _trims(self) -> None:
        heads = [clip.first - (clip.transition.before if clip.transition else 0) for clip in self._clips]
        for number, (clip, head) in enumerate(zip(self._clips, heads, strict=True)):
            after = self._clips[number + 1] if number + 1 < len(self._clips) else None
            led = after.transition if after is not None else None
            end = clip.first + clip.frames + (led.after if led is not None else 0)
            tail = cut_list.length_of(clip.take.clip, self._rate) - end
            if head < 0 or tail < 0:
                self._leave(clip.where, f"it shows {-min(head, tail)} frames that its clip does not have")
                continue
            shares = after is not None and led is None and not heads[number + 1] and self._shares(clip, after)
            if shares and tail == 0:
                self._leave(clip.where, "its last frame is the next clip's first; a film shows it once")
            elif shares and tail == 1 and self._trimmed(clip)["tail"] != 1:
                tail = 0  # the frame that both share, which the film leaves out by itself
            self._trim(clip, {"head": head, "tail": tail})

    def _shares(self, clip: EditClip, after: EditClip) -> bool:
        return self._parents[after.shot.id] == clip.shot.id and timelines.joined(clip.take, after.take)

    def _trimmed(self, clip: EditClip) -> dict[str, int]:
        """The trim of a shot when it was exported, in frames."""
        trim = self._cuts[clip.shot.id].trim
        return dict(zip(("head", "tail"), trim.frames(self._rate) if trim is not None else (0, 0), strict=True))

    def _trim(self, clip: EditClip, wanted: dict[str, int]) -> None:
        was, said = self._trimmed(clip), self._shots[clip.shot.id].get("trim", {})
        if was == wanted:
            return
        new: dict[str, Any] = {}
        for end, frames in wanted.items():
            if frames == was[end] and end in said:
                new[end] = said[end]
            elif frames:
                new[end] = f"{frames}f"
        self._set(clip.shot, "trim", new or None)

    # -- transitions ---------------------------------------------------------------------------------------------------

    def _transitions(self, *, moved: bool) -> None:
        firsts = {scene["shots"][0]["id"]: scene for scene in self._data["scenes"]}
        start = self._order[0]
        for clip in self._clips:
            name = clip.shot.id
            led = clip.transition
            wanted = (led.kind, led.before + led.after) if led is not None else None
            if not moved and wanted == self._of(self._cuts[name].transition):
                continue
            scene = firsts.get(name, {})
            own, scenes = self._shots[name].get("transition"), scene.get("transition")
            if name == start:
                if scenes is not None:
                    del scene["transition"]
                if own is not None or scenes is not None:
                    self._set(clip.shot, "transition", None)
            elif wanted is None and self._of(own if own is not None else scenes) is not None:
                self._set(clip.shot, "transition", {"kind": "cut"} if scenes is not None else None)
            elif wanted is not None and wanted != self._of(own if own is not None else scenes):
                seconds = round(float(wanted[1] / self._rate), 6)
                self._set(clip.shot, "transition", {"kind": wanted[0], "seconds": seconds})

    def _of(self, said: Any) -> tuple[str | None, int] | None:  # noqa: ANN401 - as a storyboard or a timeline has it
        """A transition as its kind and its frames; None for a cut."""
        if said is None:
            return None
        kind, seconds = (said.get("kind"), said.get("seconds")) if isinstance(said, dict) else (said.kind, said.seconds)
        return (kind, max(round(seconds * self._rate), 1)) if seconds else None

    def _set(self, shot: FilmShot, key: str, value: Any) -> None:  # noqa: ANN401 - as varied as the fields
        if value is None:
            self._shots[shot.id].pop(key, None)
            self._changes.append(f"{shot.shot}: no {key}")
        else:
            self._shots[shot.id][key] = value
            self._changes.append(f"{shot.shot}: {key}: {inline(value)}")

    def _leave(self, where: str, why: str) -> None:
        self._left_out.append(f"{where}: {why}")


def _scenes(order: Sequence[str], scene_of: dict[str, str]) -> dict[str, str]:
    """The scene of each shot in a new order.

    A scene stands together, where the longest run of its shots is; its other shots join the scene in front of them.
    """
    runs = [list(run) for _, run in itertools.groupby(order, key=scene_of.__getitem__)]
    homes: dict[str, int] = {}
    for number, run in enumerate(runs):
        scene = scene_of[run[0]]
        if scene not in homes or len(run) > len(runs[homes[scene]]):
            homes[scene] = number
    here = scene_of[runs[min(homes.values())][0]]
    found: dict[str, str] = {}
    for number, run in enumerate(runs):
        here = scene_of[run[0]] if homes[scene_of[run[0]]] == number else here
        found |= dict.fromkeys(run, here)
    return found
