"""The review room: a film's takes side by side, and a person's decisions, which the next run carries out."""

from longtake.review.decisions import Review
from longtake.review.prices import RetakePrice
from longtake.review.server import ReviewServer
from longtake.review.state import ReviewState
from longtake.review.waiting import Approvals, WaitingRun

__all__ = ["Approvals", "RetakePrice", "Review", "ReviewServer", "ReviewState", "WaitingRun"]
