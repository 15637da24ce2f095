"""The life of a take: identify, upload, submit, poll, keep. Plain coroutines that need no engine."""

from longtake.record import Clip, Frame, Take, load, older
from longtake.take.keep import keep
from longtake.take.obtain import PLAIN, Obtained, Steps, obtain
from longtake.take.poll import poll
from longtake.take.session import Session, book_of, open_session
from longtake.take.submit import submit
from longtake.take.upload import Identity, Prepared, Wanted, identify, kept, read_inputs, upload

__all__ = [
    "PLAIN",
    "Clip",
    "Frame",
    "Identity",
    "Obtained",
    "Prepared",
    "Session",
    "Steps",
    "Take",
    "Wanted",
    "book_of",
    "identify",
    "keep",
    "kept",
    "load",
    "obtain",
    "older",
    "open_session",
    "poll",
    "read_inputs",
    "submit",
    "upload",
]
