"""Objects by key: a local folder, or an S3 bucket through boto3, behind one small synchronous protocol.

``open(uri)`` gives a `Store`; which kind it is does not matter to a caller. Importing this package loads no boto3.
"""

from __future__ import annotations

from longtake.store.conditional_write_probe import Race, check_conditional, race
from longtake.store.copying import fetch, local_copy, read_all, temporary_folder
from longtake.store.protocol import GET_LIMIT, ObjectInfo, Store
from longtake.store.uri import open_store as open  # noqa: A004 - read as `store.open(uri)`
from longtake.store.uri import store_of as of

__all__ = [
    "GET_LIMIT",
    "ObjectInfo",
    "Race",
    "Store",
    "check_conditional",
    "fetch",
    "local_copy",
    "of",
    "open",
    "race",
    "read_all",
    "temporary_folder",
]
