"""The life of a take: identify, upload, submit, poll, ingest. Plain coroutines that need no engine."""

from longtake.library import ClipFile, Frame, Take, load
from longtake.take.account import Account
from longtake.take.bundle import pack, unpack
from longtake.take.end_frame import decide
from longtake.take.ensure_shot import EnsuredShot, ensure_shot
from longtake.take.ensure_take import EnsuredTake, ensure_take
from longtake.take.ingest import ingest
from longtake.take.poll import poll
from longtake.take.salvage import salvage
from longtake.take.session import Session, ledger_of, open_session
from longtake.take.spending import SetTag
from longtake.take.submit import submit
from longtake.take.upload import TakeKey, TakeRequest, TakeSpec, identify, kept, upload

__all__ = [
    "Account",
    "ClipFile",
    "EnsuredShot",
    "EnsuredTake",
    "Frame",
    "Session",
    "SetTag",
    "Take",
    "TakeKey",
    "TakeRequest",
    "TakeSpec",
    "decide",
    "ensure_shot",
    "ensure_take",
    "identify",
    "ingest",
    "kept",
    "ledger_of",
    "load",
    "open_session",
    "pack",
    "poll",
    "salvage",
    "submit",
    "unpack",
    "upload",
]
