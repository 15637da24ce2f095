"""Compare a storyboard with the kept takes: the status of each shot, what it lacks and why. Plans and runs share it.

A kept take is a shot's as described when model, fields and inputs agree. It is *current* when it also begins where the shot it
continues ends: with that very frame, or because a new take of the shot before it is pinned to its first frame (a bridge). Otherwise
it is *stale*.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from longtake.errors import SettingsError
from longtake.library import Revision
from longtake.plan.assessment import ShotAssessment
from longtake.plan.changes import Change
from longtake.plan.index import TakeIndex
from longtake.plan.status import Lack, ShotStatus
from longtake.storyboard import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longtake.request import ResolvedShot
    from longtake.storyboard import Downstream


class Comparison(TakeIndex):
    """Compares the shots of a storyboard with the kept takes. Built with the arguments of `TakeIndex`."""

    def with_downstream(self, downstream: Downstream) -> Comparison:
        """The same comparison with another choice of what happens downstream of a retake."""
        other = copy(self)
        other.downstream = downstream
        return other

    def running(self) -> Comparison:
        """The same comparison for a run, which uses takes as they are bought."""
        other = copy(self)
        other._running = True  # noqa: SLF001 - a copy of itself
        return other

    # -- retakes ---------------------------------------------------------------------------------------------

    def retake(self, shots: Iterable[str], *, run: str) -> list[Revision]:
        """The decisions to retake shots, given by id or `scene/shot`; none for a shot whose last retake is not carried out yet.

        A retake stays open until a run has used its take in a complete film, so repeating the command after a run that died or
        failed does not ask for another one.

        They take effect through `TakeLibrary.decide`: a run records them first, a plan only assumes them.

        Raises:
            SettingsError: the shot does not exist, its take is pinned by `use`, or it cannot be bridged.
        """
        found = []
        for shot in dict.fromkeys(map(self.named, shots)):
            description = self.descriptions.get(shot.id)
            alike = self.take_library.of(description) if description is not None else []
            kept = [take for take in alike if self.own(shot, take)]
            if description is None or not kept:
                continue  # it is missing, so it is bought anyway
            if shot.use is not None:
                raise SettingsError(
                    f"{shot.label} says use: {shot.use}, so a new take would not be used",
                    next_step="remove `use` from the shot, or leave it out of --retake",
                )
            decided = self.take_library.decided(shot.id, description)
            last = self.take_library.last_retake(shot.id, description)
            used = self.take_library.used_before(shot.id)
            ended = self.take_library.snapshot is not None and self.take_library.snapshot.whole
            if any(r.redo and r.run == run for r in decided):
                continue
            if last is not None and not last.chosen and (not ended or used not in kept or used.take != last.take):
                continue
            if self.downstream == "bridge" and self.no_bridge(shot) is not None:
                raise SettingsError(
                    f"{shot.label} cannot be pinned to the shot after it: {shot.open_end}",
                    next_step="choose --downstream keep or --downstream cascade",
                )
            numbers = [shot.takes, *(take.take for take in alike), *(r.take for r in decided)]
            downstream = self.downstream or self.resolved.loaded.board.downstream
            revision = Revision(
                film=self.take_library.film,
                shot=shot.id,
                description=description,
                take=max(numbers) + 1,
                redo=True,
                follow=downstream,
                run=run,
            )
            found.append(revision)
        return found

    def choose(self, name: str, take: int, *, run: str, by: str = "") -> Revision | None:
        """The decision to use a kept take of a shot from now on, by its number; None where the last decision says so already.

        Like `retake`, it takes effect through `TakeLibrary.decide`. A retake that no run has carried out is given up by it.

        Raises:
            SettingsError: the shot or the take does not exist, or `use` of the storyboard names the take.
        """
        shot = self.named(name)
        description = self.descriptions.get(shot.id)
        alike = self.take_library.of(description) if description is not None else []
        numbers = sorted({one.take for one in alike if self.own(shot, one)})
        if description is None or take not in numbers:
            known = f"one of {', '.join(map(str, numbers))}" if numbers else "another shot"
            raise SettingsError(f"{shot.label} has no take {take}", next_step=f"choose {known}")
        if shot.use is not None:
            raise SettingsError(
                f"{shot.label} says use: {shot.use}, which goes before other decisions",
                next_step="change `use` in the storyboard, or remove it",
            )
        last = self.take_library.last_retake(shot.id, description)
        if last is not None and last.take == take:
            return None
        return Revision(
            film=self.take_library.film,
            shot=shot.id,
            description=description,
            take=take,
            redo=True,
            follow="keep",  # A choice shows no price, so it buys nothing, whatever the storyboard says.
            chosen=True,
            by=by,
            run=run,
        )

    def named(self, name: str) -> ResolvedShot:
        """The shot of this id, or of this `scene/shot`.

        Raises:
            SettingsError: there is none.
        """
        for shot in self.resolved.shots:
            if name in (shot.id, shot.label):
                return shot
        known = listed([shot.id for shot in self.resolved.shots], name)
        raise SettingsError(f"no shot has the id {name[:64]}", next_step=f"name one of {known}")

    # -- how a shot stands ---------------------------------------------------------------------------------------------

    def look(self, shot: ResolvedShot, parent: ShotStatus | None) -> ShotStatus:
        """The status of a shot, given the status of the shot it continues."""
        description = self.descriptions.get(shot.id)
        if description is None:
            # No run has read this input yet, so no take can have been made from it.
            lacks = tuple(Lack(k, f"{shot.label} {k}") for k in range(1, shot.takes + 1))
            waits = parent is not None and parent.used is None
            said = (Change(what="an input given as a URL was never read"),)
            return ShotStatus(shot, "blocked" if waits else "missing", lacks=lacks, reasons=said)
        return ShotAssessment(self, shot, parent, description).status()
