"""Remarks on a film from its reviews: notes with time codes, and approvals. Each is an object next to the film, written once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from longtake import store as stores
from longtake.errors import StoreError

if TYPE_CHECKING:
    from longtake.store import Store

MOST_TEXT = 4000
"""Characters of the longest note."""
MOST_NAME = 100
_TRIES = 50


class Remark(BaseModel):
    """A note or an approval.

    Attributes:
        film: the film's slug.
        kind: `note`, or `approval` of the film as it is or of what a run asked for.
        text: of a note.
        shot: the shot's id that it is about.
        take: the fingerprint of the take that it is about.
        seconds: where in the film; None where it is about no moment.
        joined: the digest of the joined film that was looked at.
        credits: the most that was approved for the run that asked.
        run: the flow run that asked.
        by: who it was.
        at: when.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    v: Literal[1] = 1
    film: str
    kind: Literal["note", "approval"] = "note"
    text: str = Field(default="", max_length=MOST_TEXT)
    shot: str | None = None
    take: str | None = None
    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    joined: str | None = None
    credits: int | None = Field(default=None, ge=0)
    run: str | None = None
    by: str = Field(default="", max_length=MOST_NAME)
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


def read(store: Store, film: str) -> list[Remark]:
    """The remarks on a film, the oldest first.

    Raises:
        StoreError: the store is away, or an object there is not a remark of this release.
    """
    found = []
    for key, data in stores.read_all(store, list(store.list(_folder(film)))):
        try:
            found.append(Remark.model_validate_json(data or b""))
        except ValidationError:
            raise StoreError(f"{key} is not a remark of this release", next_step="move it away", key=key) from None
    return found


def write(store: Store, remark: Remark) -> None:
    """Record a remark under the next free number.

    Raises:
        StoreError: the store is away.
    """
    data = remark.model_dump_json(indent=1).encode() + b"\n"
    number = sum(1 for _ in store.list(_folder(remark.film))) + 1
    for free in range(number, number + _TRIES):
        if store.put_if_absent(f"{_folder(remark.film)}{free:06d}.json", data):
            return
    raise StoreError("other reviewers keep writing remarks", next_step="try again")


def _folder(film: str) -> str:
    return f"films/{film}/remarks/"
