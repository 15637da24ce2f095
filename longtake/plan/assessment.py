"""The status of one shot: its kept takes, whether they begin where the previous shot ends, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.ledger import DOUBTS
from longtake.plan.changes import Change
from longtake.plan.status import EVER, Lack, ShotStatus, select

if TYPE_CHECKING:
    from datetime import datetime

    from longtake.ledger import Attempt
    from longtake.library import Take
    from longtake.plan.index import TakeIndex
    from longtake.plan.status import Status
    from longtake.request import ResolvedShot
    from longtake.storyboard import Downstream


class ShotAssessment:
    """Finds the status of one shot. See `Comparison`."""

    def __init__(self, of: TakeIndex, shot: ResolvedShot, parent: ShotStatus | None, description: str) -> None:
        self.of, self.shot, self.parent, self.description = of, shot, parent, description
        self.decided = of.take_library.decided(shot.id, description)
        last = of.take_library.last_retake(shot.id, description)
        self.retake = last.take if last is not None and shot.use is None else None
        self.start = of.start(parent)
        # Another shot may have the same description; its takes are usable here only if they begin with the right frame.
        self.kept = [take for take in of.take_library.of(description) if of.own(shot, take) or self._joined(take)]
        self.downstream, self.since = self._downstream()

    def _downstream(self) -> tuple[Downstream, datetime]:
        """The command's choice, else the latest decision on this shot or an earlier one of the chain, else the storyboard's."""
        board = self.of.resolved.loaded.board.downstream
        found = [(r.at, r.follow) for r in self.decided]
        # A decision on an earlier shot applies here only if a kept take of this shot continues something else.
        if self.parent is not None and not all(self._joined(take) for take in self.kept):
            found.append((self.parent.decided, self.parent.downstream))
        at, downstream = max(found, default=(EVER, board), key=lambda one: one[0])
        return self.of.downstream or downstream, at

    def status(self) -> ShotStatus:
        """The status of the shot."""
        shot = self.shot
        kept = {number: self._newest(number) for number in {take.take for take in self.kept}}
        current = {number: take for number in self._numbers(set(kept)) if (take := self._current(number)) is not None}
        focus = shot.use if shot.use is not None else self.retake
        lacking = [number for number in self._numbers(set(kept)) if number not in current]
        if not lacking:
            return self._made("current", select(shot, current, focus))
        whole = focus in current if focus is not None else bool(current)
        if whole:
            # A second take that begins with an older frame is an alternate and is not bought again.
            lacking = [n for n in lacking if n not in kept or self._cascades()]
        older = {number: take for number, take in kept.items() if take is not None}
        usable = focus in older if focus is not None else bool(older)
        if not whole and usable and not self._cascades() and all(self._attempt(n) is None for n in lacking):
            return self._made("stale", select(shot, older, focus), reasons=self._parted())
        lacks = tuple(self._lack(number) for number in lacking)
        attempt = next((lack.attempt for lack in lacks if lack.attempt is not None), None)
        used = select(shot, current, focus) if whole else None
        if attempt is not None:
            return self._made("in doubt" if attempt.phase in DOUBTS else "under way", used, lacks)
        if not lacks:
            return self._made("current", used)
        if used is None and usable:
            return self._made("stale", select(shot, older, focus), lacks, self._parted())
        waits = self.start is None and self.parent is not None and not self.kept
        state: Status = "blocked" if waits else "missing"
        return self._made(state, used, lacks, self._reasons(lacks))

    def _made(
        self,
        state: Status,
        used: Take | None,
        lacks: tuple[Lack, ...] = (),
        reasons: tuple[Change, ...] = (),
    ) -> ShotStatus:
        buys = any(lack.attempt is None for lack in lacks)
        waits = self._waits(used, state, lacks)
        return ShotStatus(
            self.shot,
            state,
            used,
            tuple(self.kept),
            lacks,
            reasons,
            self.downstream,
            self.since,
            self.of.no_bridge(self.shot) if buys and self.downstream == "bridge" else None,
            waits,
            self.of.recorded(lacks[0].attempt) if lacks and waits is None else None,
        )

    def _waits(self, used: Take | None, state: Status, lacks: tuple[Lack, ...]) -> str | None:
        if not lacks or not self.shot.continued:
            return None
        if any(lack.bridges is not None for lack in lacks):
            return "its new take is pinned to the kept shot after it"
        if len(lacks) > 1 or (used is not None and state != "stale"):
            return "one of several takes is chosen"
        return self.of.waits(self.shot)

    def _numbers(self, kept: set[int]) -> list[int]:
        """The takes that are wanted, by number."""
        if self.shot.use is not None:
            return sorted({*range(1, self.shot.takes + 1), self.shot.use})
        base = range(1, self._last() + 1)
        if self.retake is None:
            return list(base)
        return sorted({self.retake, *(number for number in base if number not in kept)})

    def _last(self) -> int:
        """The highest wanted take: more than `takes` if none passed its checks and the storyboard allows retakes."""
        takes, most = self.shot.takes, self.shot.takes + self.of.resolved.loaded.board.retakes
        while takes < most and all(map(self._failed, range(1, takes + 1))):
            takes += 1
        return takes

    def _failed(self, number: int) -> bool:
        take = self._current(number)
        return take is not None and take.checks is not None and not take.checks.passed

    def _newest(self, number: int) -> Take | None:
        return next((take for take in reversed(self.kept) if take.take == number), None)

    def _current(self, number: int) -> Take | None:
        """The kept take of this number that begins where the previous shot ends."""
        for take in reversed(self.kept):
            if take.take == number and self._joined(take):
                return take
        ends = [r.end for r in self.decided if r.end is not None]
        found = (self.of.take_library.take(name) for name in self.of.names(self.shot, number, self.start, ends))
        return next((take for take in found if take is not None), None)

    def _joined(self, take: Take) -> bool:
        if self.parent is None:
            return True
        if self.parent.bridges == take.fingerprint:
            return True
        start = self.start
        bridges = self.parent.used.bridges if self.parent.used is not None and self.parent.ahead is None else None
        return start is not None and (take.frame == start.sha256 or bridges == take.fingerprint)

    def _cascades(self) -> bool:
        """Whether this shot is bought again because the one before it changed."""
        inherited = self.parent.downstream if self.parent is not None else None
        return (self.of.downstream or inherited) == "cascade"

    def _attempt(self, number: int) -> Attempt | None:
        return self._lack(number).attempt

    def _lack(self, number: int) -> Lack:
        of = self.of
        led = of.bridge(self.shot) if self.downstream == "bridge" else None
        decided = [r for r in self.decided if r.end is not None]
        ends = [r.end for r in decided if r.end is not None]
        names = of.names(self.shot, number, self.start, ends)
        attempt = of.attempt(*names)
        if attempt is None and (older := self._older(number)) is not None:
            return Lack(number, older.order.fingerprint, attempt=older, older=True)
        if not names:
            # The frame it starts from does not exist yet.
            return Lack(number, f"{self.description} {number} after {self.shot.parent}", led)
        if attempt is not None:
            # The attempt continues as it was submitted, with or without an end frame.
            index = names.index(attempt.order.fingerprint)
            pin = decided[index - 1] if index else None
            bridges, end = (pin.bridges, pin.end) if pin is not None else (None, None)
            return Lack(number, names[index], bridges, end, attempt)
        if led is None:
            return Lack(number, names[0])
        known = next((i for i, r in enumerate(decided) if r.bridges == led), None)
        if known is None:
            return Lack(number, f"{names[0]} to {led}", led)
        return Lack(number, names[1 + known], led, ends[known])

    def _older(self, number: int) -> Attempt | None:
        """The open attempt for this take from a frame that the shot before does not end with any more.

        A take that came of it before would be stale and stay: so it is fetched, and nothing is bought in its place.
        """
        found = self.of.attempt((self.description, number)) if self.parent is not None else None
        if found is None or self._cascades() or any(take.take == number for take in self.kept):
            return None
        order = found.order
        own = (order.film, order.shot) == (self.of.take_library.film, self.shot.id)
        return found if own and found.phase in {"accepted", "completed"} else None

    def _parted(self) -> tuple[Change, ...]:
        """Why a kept take is stale: the frame it continued is not the one before it now."""
        before = self.kept[-1].frame if self.kept else None
        after = self.start.sha256 if self.start is not None else None
        what = f"the last frame of {self.shot.parent}"
        return (Change(what=what, before=before and before[:12], after=after[:12] if after else "a new one"),)

    def _reasons(self, lacks: tuple[Lack, ...]) -> tuple[Change, ...]:
        if self.retake is not None and any(lack.number == self.retake for lack in lacks):
            return (Change(what="retake"),)
        if self.kept:
            numbers = ", ".join(str(lack.number) for lack in lacks)
            return (Change(what=f"take {numbers} is missing"),)
        return self.of.changes(self.shot)
