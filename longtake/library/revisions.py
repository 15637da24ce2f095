"""What was decided on a shot beyond the storyboard: a retake, a choice, or the end frame that pins a take to the shot after it.

Each decision is a small object, written once before anything is bought for it, so that the run after one that died finds it and
buys the same take. They lie under ``films/<film>/revisions/<shot>/<description>/<number>.json`` and hold for the shot
as it is described there: a shot whose prompt changes starts without any.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from longtake import store as stores
from longtake.errors import StoreError
from longtake.frozen import Frozen
from longtake.library.take import Frame
from longtake.storyboard import Downstream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.store import Store


class Revision(Frozen):
    """One decision. It counts for takes from number `take` on, until a later one that begins at a higher number.

    `redo` and `follow` are what stores hold since the first draft, so these fields keep their names: elsewhere they are called a
    retake and `downstream`.
    """

    v: Literal[1] = 1
    film: str
    shot: str
    description: str
    take: int = Field(ge=1)
    redo: bool
    """Whether a person asked for this take although there was one."""
    follow: Downstream
    """What becomes of the shots that continue it."""
    end: Frame | None = None
    """The frame its takes are pinned to at their end."""
    bridges: str | None = None
    """The kept take (fingerprint) that begins with `end`."""
    chosen: bool = False
    """Whether a person chose a kept take: `take` is its number, and `redo` is set, because this take is used from now on."""
    by: str = ""
    """Who decided, where a person did in a review."""
    run: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


def read(store: Store, film: str) -> dict[tuple[str, str], list[Revision]]:
    """Read all decisions of a film by shot and description, the oldest first.

    Raises:
        StoreError: the store is unreachable, or an object there is not a decision of this release.
    """
    found: dict[tuple[str, str], list[Revision]] = {}
    for key, data in stores.read_all(store, list(store.list(_folder(film)))):
        try:
            revision = Revision.model_validate_json(data or b"")
        except ValidationError:
            raise StoreError(
                f"{key} is not a revision of this release",
                next_step="move it away: then the take it asked for is not wanted any more",
                key=key,
            ) from None
        found.setdefault((revision.shot, revision.description), []).append(revision)
    return found


def write(store: Store, revision: Revision, known: Sequence[Revision]) -> tuple[Revision, bool]:
    """Record a decision after those known of the shot; if another run was quicker, return its decision and False.

    Raises:
        StoreError: the store is away.
    """
    key = f"{_folder(revision.film)}{revision.shot}/{revision.description}/{len(known) + 1:06d}.json"
    # Releases before reviews read decisions that say nothing new.
    plain = {name for name in ("chosen", "by") if not getattr(revision, name)}
    if store.put_if_absent(key, revision.model_dump_json(indent=1, exclude=plain).encode() + b"\n"):
        return revision, True
    return Revision.model_validate_json(store.get(key) or b""), False


def _folder(film: str) -> str:
    return f"films/{film}/revisions/"
