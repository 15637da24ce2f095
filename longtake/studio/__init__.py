"""Make films without an engine: plan, generate, concatenate, reconcile; observers see each step."""

from longtake.studio.approval import Answer, Approver, Question
from longtake.studio.clips import ClipRequest, Generation, Purchase
from longtake.studio.film import Cost, Film, ShotResult
from longtake.studio.studio import Configures, Studio

__all__ = [
    "Answer",
    "Approver",
    "ClipRequest",
    "Configures",
    "Cost",
    "Film",
    "Generation",
    "Purchase",
    "Question",
    "ShotResult",
    "Studio",
]
