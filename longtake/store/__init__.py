"""Objects by key: a local folder, or an S3 bucket through boto3, behind one small synchronous protocol.

``open(uri)`` gives a `Store`; which kind it is does not matter to a caller. Importing this package loads no boto3.
"""

from __future__ import annotations

from longtake.store.address import open_store as open  # noqa: A004 - read as `store.open(uri)`
from longtake.store.protocol import GET_LIMIT, ObjectInfo, Store
from longtake.store.race import probe_conditional

__all__ = ["GET_LIMIT", "ObjectInfo", "Store", "open", "probe_conditional"]
