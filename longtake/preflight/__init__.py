"""The preflight: everything a run will need after it has paid, tried out before it pays.

A film that is charged for and then cannot be fetched, checked or joined is money lost to something that could be known before.
So the binaries, libraries, store and folders that this very run will use do their work once, on a sample.
"""

from longtake.preflight.disk import Spool, check_disk, estimate
from longtake.preflight.preflight import Preflight, check, check_catalog, needed
from longtake.preflight.rehearsal import check_media
from longtake.preflight.result import Checked
from longtake.preflight.roundtrip import check_store

__all__ = [
    "Checked",
    "Preflight",
    "Spool",
    "check",
    "check_catalog",
    "check_disk",
    "check_media",
    "check_store",
    "estimate",
    "needed",
]
