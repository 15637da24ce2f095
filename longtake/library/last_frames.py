"""The last frame of a finished task, recorded before its clip is fetched: a shot that continues it may be bought at once.

The record is written once, for each attempt, and names the frame for good: the take that is ingested later has this frame, also
where the provider then serves another one, or none.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from longtake.errors import StoreError
from longtake.frozen import Frozen
from longtake.library.take import Frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.ledger import Attempt, LedgerState
    from longtake.store import Store

__all__ = ["read", "read_all", "record"]

_READERS = 16


class LastFrame(Frozen):
    """A recorded last frame.

    Attributes:
        key: of the PNG in the store.
        sha256: its digest.
        source: who made it: the provider, or we from the clip.
        fingerprint: the take's.
        task_id: the provider's task.
    """

    v: Literal[1] = 1
    key: str
    sha256: str
    source: Literal["provider", "clip"]
    fingerprint: str
    task_id: str


def record(store: Store, account: str, attempt: Attempt, frame: Frame) -> Frame | None:
    """Record the last frame of a finished attempt, whose PNG lies in the store. The first record counts and is returned.

    None: the place is taken by a task of another ledger.

    Raises:
        StoreError: the store is away, or the record that lies there is not one.
    """
    one = LastFrame(
        **frame.model_dump(), fingerprint=attempt.order.fingerprint, task_id=attempt.task_id or ""
    ).model_dump_json(indent=1)
    if store.put_if_absent(_key(account, attempt), one.encode() + b"\n"):
        return frame
    return read(store, account, attempt)


def read(store: Store, account: str, attempt: Attempt) -> Frame | None:
    """The last frame that was recorded for an attempt; None where there is none. Raises as `record` does."""
    key = _key(account, attempt)
    data = store.get(key)
    if data is None:
        return None
    try:
        found = LastFrame.model_validate_json(data)
    except ValidationError:
        raise StoreError(
            f"{key} is not the record of a last frame",
            next_step="restore it from a backup: a take may have been bought that starts from this frame",
            key=key,
        ) from None
    if (found.fingerprint, found.task_id) != (attempt.order.fingerprint, attempt.task_id):
        return None
    return Frame(key=found.key, sha256=found.sha256, source=found.source)


def read_all(store: Store | None, ledgers: Mapping[str, LedgerState]) -> dict[str, Frame]:
    """The recorded last frames of all attempts whose clip is not kept yet, by task id. Raises as `record` does.

    Args:
        store: where they lie; None when there is no store yet.
        ledgers: by account.
    """
    done = [
        (account, one)
        for account, state in ledgers.items()
        for one in state.attempts.values()
        if one.phase == "completed"
    ]
    if store is None or not done:
        return {}
    with ThreadPoolExecutor(_READERS, thread_name_prefix="longtake-read") as pool:
        found = pool.map(lambda each: read(store, *each), done)
        return {one.task_id or "": frame for (_, one), frame in zip(done, found, strict=True) if frame is not None}


def _key(account: str, attempt: Attempt) -> str:
    return f"frames/{account}/{attempt.id}.json"
