"""Make films without an engine: plan, generate, concatenate, reconcile; observers see each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.lazy import exports

if TYPE_CHECKING:
    from longtake.studio.approval import Answer, Approver, Question
    from longtake.studio.clips import ClipRequest, FinishedTask, Submission
    from longtake.studio.film import Cost, Film, ShotResult
    from longtake.studio.studio import Configures, Studio

__getattr__, __dir__ = exports(
    __name__,
    {
        "longtake.studio.approval": ("Answer", "Approver", "Question"),
        "longtake.studio.clips": ("ClipRequest", "FinishedTask", "Submission"),
        "longtake.studio.film": ("Cost", "Film", "ShotResult"),
        "longtake.studio.studio": ("Configures", "Studio"),
    },
)

__all__ = [
    "Answer",
    "Approver",
    "ClipRequest",
    "Configures",
    "Cost",
    "Film",
    "FinishedTask",
    "Question",
    "ShotResult",
    "Studio",
    "Submission",
]
