"""Which kept takes and open attempts belong to which shot of a storyboard, and what changed since the last film."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake import request
from longtake.plan.changes import Change, between
from longtake.plan.status import select
from longtake.storyboard import failure, places

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from longtake.catalog import Catalog
    from longtake.catalog.model import FieldNames
    from longtake.ledger import Attempt
    from longtake.library import Frame, Take, TakeLibrary
    from longtake.plan.status import ShotStatus
    from longtake.request import Resolved, ResolvedShot
    from longtake.storyboard import Downstream


class TakeIndex:
    """Matches the shots of a storyboard to kept takes and open attempts.

    Args:
        resolved: the storyboard with the catalog's rules applied.
        take_library: the kept takes; `load` need not have been called.
        catalog: for the field names of requests.
        realm: the provider whose clips count, the real one or an emulator.
        attempts: open attempts of all accounts, for any film.
        frames: recorded last frames of these attempts, by task id.
        downstream: what happens downstream of a retake; None as the storyboard and earlier decisions say.

    Raises:
        StoryboardError: `use` names a take that does not exist.
        StoreError: the store cannot be reached.
    """

    def __init__(
        self,
        resolved: Resolved,
        take_library: TakeLibrary,
        *,
        catalog: Catalog,
        realm: str,
        attempts: Iterable[Attempt] = (),
        frames: Mapping[str, Frame] | None = None,
        downstream: Downstream | None = None,
    ) -> None:
        self.resolved = resolved
        self.take_library = take_library
        self.downstream = downstream
        self.catalog = catalog
        self.realm = realm
        self._running = False
        """Whether a run asks: it uses kept takes only, while a plan assumes the purchases it lists."""
        self._frames = frames or {}
        self._attempts: dict[object, Attempt] = {}
        for attempt in attempts:
            self._attempts[attempt.order.fingerprint] = attempt
            self._attempts.setdefault((attempt.order.description, attempt.order.take), attempt)
        self._next: dict[str, ResolvedShot] = {}
        for shot in resolved.shots:
            if shot.parent is not None:
                self._next.setdefault(shot.parent, shot)
        self.digests = {shot.id: self._digests(shot) for shot in resolved.shots}
        self.descriptions = {
            shot.id: request.description(shot, realm=realm, digests=found)
            for shot in resolved.shots
            if (found := self.digests[shot.id]) is not None
        }
        take_library.load(self.descriptions.values())
        self._check_use()

    def _check_use(self) -> None:
        loaded, problems = self.resolved.loaded, []
        by_id = {shot.id: shot for shot in self.resolved.shots}
        for place, written in places(loaded.board):
            shot = by_id[written.id]
            if shot.use is None or shot.use <= shot.takes or shot.id not in self.descriptions:
                continue
            kept = {take.take for take in self.take_library.of(self.descriptions[shot.id])}
            if shot.use not in kept:
                allowed = ", ".join(map(str, sorted(kept | set(range(1, shot.takes + 1)))))
                problems.append(
                    loaded.problem((*place, "use"), f"take {shot.use} of {shot.id} does not exist", allowed)
                )
        if problems:
            raise failure(loaded.name, tuple(problems))

    def start(self, parent: ShotStatus | None) -> Frame | None:
        """The frame a shot begins with; None while it is unknown."""
        if parent is None or parent.ahead is not None or parent.used is None:
            return parent.ahead if parent is not None else None
        return parent.used.leaves if self._running or parent.settled else None

    def recorded(self, attempt: Attempt | None) -> Frame | None:
        """The recorded last frame of an attempt whose clip is not kept yet."""
        return self._frames.get(attempt.task_id or "") if attempt is not None else None

    def waits(self, shot: ResolvedShot) -> str | None:
        """Why the shots that continue this one need more of a new take than its last frame; None where they do not."""
        if shot.takes > 1:
            return "one of several takes is chosen"
        if self.resolved.loaded.board.retakes:
            return "a take that fails its checks is bought again"
        if shot.match == "chain":
            return "the frame handed on is corrected (match: chain)"
        if self.take_library.edits.steps:
            return "your own steps see each take first"
        return None

    def names(self, shot: ResolvedShot, number: int, start: Frame | None, ends: Iterable[Frame]) -> list[str]:
        """The possible fingerprints of a take: with an open end first, then pinned to each of `ends`."""
        frame = start.sha256 if start is not None and shot.parent is not None else None
        if (frame is None) != (shot.parent is None):
            return []
        realm, digests = self.realm, self.digests[shot.id]
        return [
            request.fingerprint(shot, take=number, realm=realm, digests=digests, frame=frame, end=end)
            for end in (None, *(end.sha256 for end in ends))
        ]

    def attempt(self, *names: object) -> Attempt | None:
        """The first open attempt under these fingerprints, or pairs of description and number."""
        return next((self._attempts[name] for name in names if name in self._attempts), None)

    def forget(self, attempt: Attempt) -> None:
        """Take an attempt for closed."""
        for name in [name for name, one in self._attempts.items() if one is attempt]:
            del self._attempts[name]

    def _after(self, shot: ResolvedShot) -> tuple[ResolvedShot, Take] | None:
        """The shot that continues this one and its used take; None if there is none or it is retaken itself."""
        child = self._next.get(shot.id)
        description = self.descriptions.get(child.id) if child is not None else None
        if child is None or description is None:
            return None
        kept = {take.take: take for take in self.take_library.of(description) if self.own(child, take)}
        last = self.take_library.last_retake(child.id, description)
        focus = last.take if last is not None and child.use is None else child.use
        before = self.take_library.used_before(child.id)
        usual = before if before in kept.values() else select(child, kept, None)
        take = kept.get(focus) if focus is not None else usual
        return (child, take) if take is not None else None

    def own(self, shot: ResolvedShot, take: Take) -> bool:
        """Whether a kept take belongs to this shot. A take that starts fresh belongs to every shot with the same description."""
        before = self.take_library.used_before(shot.id)
        if shot.parent is None or (before is not None and take.fingerprint == before.fingerprint):
            return True
        return take.film == self.take_library.film and take.shot.rpartition("/")[2] == shot.id

    def bridge(self, shot: ResolvedShot) -> str | None:
        """The kept take (fingerprint) whose first frame a new take of this shot is pinned to."""
        found = self._after(shot)
        return found[1].fingerprint if found is not None and shot.open_end is None else None

    def no_bridge(self, shot: ResolvedShot) -> str | None:
        """Why a new take of a shot cannot be pinned to the kept shot after it; None if it can, or if there is none."""
        return shot.open_end if shot.open_end is not None and self._after(shot) is not None else None

    def changes(self, shot: ResolvedShot) -> tuple[Change, ...]:
        """What changed since the take used before; "new" without one."""
        before = self.take_library.used_before(shot.id)
        if before is None:
            return (Change(what="new"),)
        model, earlier = self.catalog.model(shot.model), self.catalog.models.get(before.model)
        names = model.fields
        frame = "0" * 64 if shot.parent is not None else None
        now = request.frozen_body(shot, digests=self.digests[shot.id], frame=frame, catalog=self.catalog)
        # Frames belong to the chain and are reported for stale shots. The flag for the last frame does not change a take.
        ignored = {names.last_frame, *([names.frames] if not any("frame" in i.role for i in shot.inputs) else [])}
        ignored |= set(model.constant_fields)
        then: Mapping[str, object] = before.request
        if earlier is not None:
            ignored |= set(earlier.constant_fields)
            then = {_renamed(name, earlier.fields, names): value for name, value in then.items()}
        found = between(then, now, shot=shot, ignored=frozenset(ignored))
        if (before.frame is None) != (shot.parent is None):
            found += (Change(what="continues", after=shot.parent or "nothing"),)
        return found

    def _digests(self, shot: ResolvedShot) -> Mapping[int, str] | None:
        """The digests that input URLs served when last read, by index; None if one was never read."""
        found: dict[int, str] = {}
        for index, item in enumerate(shot.inputs):
            if item.sha256 is None:
                digest = self.take_library.served(str(item.source))
                if digest is None:
                    return None
                found[index] = digest
        return found


def _renamed(name: str, earlier: FieldNames, names: FieldNames) -> str:
    """Return what the model of `names` calls a field that another model calls `name`."""
    ours = next((ours for ours, field in earlier if field == name), None)
    return (getattr(names, ours) or name) if ours is not None else name
