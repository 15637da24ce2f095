"""What a user's own steps made of kept takes: another clip, or a refusal. Written once, next to the film."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from longtake import store as stores
from longtake.errors import StoreError
from longtake.frozen import Frozen
from longtake.library.take import Checks, ClipFile, Take

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longtake.store import Store


class Edit(Frozen):
    """What one step made of one clip.

    Attributes:
        take: the take's fingerprint.
        step: the step's name, `module:function` with its version.
        of: SHA-256 of the clip it was given: the take's own, or what the step before it made.
        clip: the clip to use in its place; None leaves it as it is.
        refused: why the take must not be used; None where it may.
    """

    v: Literal[1] = 1
    film: str
    take: str
    step: str
    of: str
    clip: ClipFile | None = None
    refused: str | None = None


class Edits:
    """The edits of a film under a list of steps.

    Args:
        steps: names of the steps of this run, in order.
        known: what is recorded.
    """

    def __init__(self, steps: Sequence[str] = (), known: Iterable[Edit] = ()) -> None:
        self.steps = tuple(steps)
        self._known = {(one.take, one.step, one.of): one for one in known}

    def add(self, edit: Edit) -> None:
        """Count an edit that was recorded since."""
        self._known[edit.take, edit.step, edit.of] = edit

    def get(self, take: str, step: str, of: str) -> Edit | None:
        """The recorded edit of a step that was given this clip."""
        return self._known.get((take, step, of))

    def applied(self, take: Take) -> Take:
        """The take after the steps: with the last clip they made, or with failed checks if they refused it."""
        clip, refusal = self._followed(take)
        if refusal is not None:
            findings = (*(take.checks.findings if take.checks is not None else ()), refusal)
            return take.model_copy(update={"clip": clip, "checks": Checks(passed=False, score=0.0, findings=findings)})
        return take if clip is take.clip else take.model_copy(update={"clip": clip})

    def refusal(self, take: Take) -> str | None:
        """Say why a take must not be used; None if no step refused it."""
        return self._followed(take)[1]

    def _followed(self, take: Take) -> tuple[ClipFile, str | None]:
        """The clip after the steps that have run so far, and why one of them refused it."""
        clip = take.clip
        for step in self.steps:
            edit = self.get(take.fingerprint, step, clip.sha256)
            if edit is None:
                break
            if edit.refused is not None:
                return clip, f"refused by {step}: {edit.refused}"
            clip = edit.clip or clip
        return clip, None


def read(store: Store | None, film: str, steps: Sequence[str]) -> Edits:
    """The recorded edits of a film. Nothing is read where there are no steps.

    Raises:
        StoreError: the store is away, or an object there is not an edit of this release.
    """
    if store is None or not steps:
        return Edits(steps)
    return Edits(steps, [_parsed(*one) for one in stores.read_all(store, list(store.list(_folder(film))))])


def write(store: Store, edit: Edit) -> Edit:
    """Record an edit once; when another run was quicker, its edit counts.

    Raises:
        StoreError: the store is away.
    """
    name = hashlib.sha256(f"{edit.step} {edit.of}".encode()).hexdigest()[:16]
    key = f"{_folder(edit.film)}{edit.take}/{name}.json"
    if store.put_if_absent(key, edit.model_dump_json(indent=1).encode() + b"\n"):
        return edit
    return _parsed(key, store.get(key))


def _parsed(key: str, data: bytes | None) -> Edit:
    try:
        return Edit.model_validate_json(data or b"")
    except ValidationError:
        raise StoreError(
            f"{key} is not an edit of this release", next_step="move it away: then the step runs again", key=key
        ) from None


def _folder(film: str) -> str:
    return f"films/{film}/edits/"
