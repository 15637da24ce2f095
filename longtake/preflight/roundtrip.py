"""The store, tried out: a clip goes in as a bought one does, comes back, and a name is given only once."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from longtake.errors import LongtakeError, PreflightError, StoreError
from longtake.preflight.rehearsal import SAMPLE
from longtake.preflight.result import Checked, reason

if TYPE_CHECKING:
    from longtake.store import Store


def check_store(store: Store) -> Checked:
    """Store the sample clip, read it back, and create an object twice: the second time must be refused.

    One writer is enough here: the race at the first use of an account shows whether the store tells concurrent writers apart
    (`store.check_conditional`). Six requests to a bucket. The objects under `probe/` are deleted where that is allowed.

    Raises:
        PreflightError: the store cannot be written or read, or creates an object that is there; nothing was sent.
    """
    run = secrets.token_hex(8)
    clip, entry = f"probe/{run}.mp4", f"probe/{run}.json"
    try:
        _stream(store, clip)
        _create(store, entry)
    except PreflightError:
        raise
    except Exception as error:
        if isinstance(error, LongtakeError) and error.exit_code != 1:
            raise  # such an error names the setting itself
        raise PreflightError(
            f"the store {store.uri} does not work: {reason(error)}",
            next_step=getattr(error, "next_step", ""),
            check="store",
            step="write and read",
            cause=type(error).__name__,
        ) from error
    finally:
        with contextlib.suppress(StoreError):
            store.delete([clip, entry])
    return Checked("store", f"a clip was written to {store.uri} and read back, and an object was created only once")


def _stream(store: Store, key: str) -> None:
    data = SAMPLE.read_bytes()
    with store.spool() as path:
        path.write_bytes(data)
        store.put_file(key, path, content_type="video/mp4")
    if store.get(key) != data:
        raise PreflightError(
            f"the store {store.uri} gave back other bytes than were written", check="store", step="read"
        )


def _create(store: Store, key: str) -> None:
    first, second = b'{"writer": 1}', b'{"writer": 2}'
    created = store.put_if_absent(key, first), store.put_if_absent(key, second)
    kept = store.get(key)
    if created != (True, False) or kept != first:
        raise PreflightError(
            f"the store {store.uri} cannot carry a ledger: it overwrites an object that it was asked to create only if absent",
            next_step=(
                "use a store that honors conditional writes (If-None-Match): AWS S3, Cloudflare R2, MinIO, a local folder; "
                "nothing was charged"
            ),
            check="store",
            step="create",
        )
