"""The life of a take: identify, upload, submit, poll, ingest. Plain coroutines that need no engine."""

from longtake.record import Clip, Frame, Take, load
from longtake.take.account import Account
from longtake.take.assets import Assets, can_host, needs_host, remember_frame
from longtake.take.bundle import pack, unpack
from longtake.take.ingest import ingest, salvage
from longtake.take.lead import decide
from longtake.take.obtain import Obtained, obtain
from longtake.take.poll import poll
from longtake.take.session import Session, book_of, open_session
from longtake.take.shot import Completed, complete
from longtake.take.sources import read_inputs
from longtake.take.submit import submit
from longtake.take.upload import Identity, Prepared, Wanted, identify, kept, upload

__all__ = [
    "Account",
    "Assets",
    "Clip",
    "Completed",
    "Frame",
    "Identity",
    "Obtained",
    "Prepared",
    "Session",
    "Take",
    "Wanted",
    "book_of",
    "can_host",
    "complete",
    "decide",
    "identify",
    "ingest",
    "kept",
    "load",
    "needs_host",
    "obtain",
    "open_session",
    "pack",
    "poll",
    "read_inputs",
    "remember_frame",
    "salvage",
    "submit",
    "unpack",
    "upload",
]
