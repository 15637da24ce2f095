"""A kept take: the record under ``takes/<fingerprint>.json`` and the media it names."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from longtake.errors import StoreError

if TYPE_CHECKING:
    from longtake.store import Store


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Clip(_Record):
    """A clip in the store. Frames are counted, seconds are the picture's."""

    key: str
    sha256: str
    bytes: int
    width: int
    height: int
    frames: int
    seconds: float
    audio: bool


class Frame(_Record):
    """A last frame in the store: what the next shot of a chain starts from."""

    key: str
    sha256: str
    source: Literal["provider", "clip"]


class Take(_Record):
    """One kept generation of a shot, and where it came from."""

    v: Literal[1] = 1
    fingerprint: str
    description: str
    model: str
    request: dict[str, Any]
    """The body as sent, with `sha256:` digests in place of URLs."""
    clip: Clip
    last_frame: Frame
    account: str
    attempt: str
    task_id: str
    credits: int
    """What it cost; an estimate where the provider did not say (`credits_from`)."""
    credits_from: Literal["usage", "estimate"]
    film: str
    shot: str
    take: int
    kept_at: datetime


def key_of(fingerprint: str) -> str:
    """Where the record of a take lies."""
    return f"takes/{fingerprint}.json"


def load(store: Store, fingerprint: str) -> Take | None:
    """The kept take, None where there is none.

    Raises:
        StoreError: the store is away, or the record is not one.
    """
    key = key_of(fingerprint)
    data = store.get(key)
    if data is None:
        return None
    try:
        return Take.model_validate_json(data)
    except ValidationError as error:
        raise StoreError(
            f"{key} is not a take record ({error.errors()[0]['msg']})",
            next_step="restore it from a backup; it was paid for",
            key=key,
        ) from None


def save(store: Store, take: Take) -> Take:
    """Write the record once; when another process was quicker, its record is the one that counts."""
    store.put_if_absent(f"descriptions/{take.description}/{take.fingerprint}.json", b"{}\n")
    if store.put_if_absent(key_of(take.fingerprint), take.model_dump_json(indent=1).encode() + b"\n"):
        return take
    return load(store, take.fingerprint) or take


def older(store: Store, description: str) -> Take | None:
    """The newest kept take of the same description, whatever frame it continued: usable though stale."""
    found = [
        load(store, key.rpartition("/")[2].removesuffix(".json")) for key in store.list(f"descriptions/{description}/")
    ]
    return max((t for t in found if t is not None), key=lambda t: t.kept_at, default=None)
