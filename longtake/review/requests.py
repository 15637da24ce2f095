"""What the review page's script sends and gets, as JSON: decisions, and the film's state after each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from longtake.frozen import Frozen
from longtake.library.remarks import MOST_TEXT
from longtake.storyboard import Downstream

if TYPE_CHECKING:
    from longtake.review.decisions import Review
    from longtake.review.state import ReviewState

_Id = Annotated[str, Field(min_length=1, max_length=200)]


class ChoiceRequest(Frozen):
    """Use a kept take of a shot."""

    shot: _Id
    take: int = Field(ge=1, le=100_000)


class RetakeRequest(Frozen):
    """Buy a new take of a shot, for at most the credits that the page showed."""

    shot: _Id
    downstream: Downstream
    most: int = Field(ge=0)


class NoteRequest(Frozen):
    """Leave a note; `seconds` is a moment of the film."""

    text: str = Field(min_length=1, max_length=MOST_TEXT)
    shot: _Id | None = None
    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class ApprovalRequest(Frozen):
    """Approve the film, or a waiting run with the question that the page showed."""

    run: _Id | None = None
    question: _Id | None = None
    credits: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _a_run_has_a_question(self) -> Self:
        if self.run is not None and self.question is None:
            raise ValueError("a run is approved with its question")
        return self


def decide(review: Review, path: str, data: bytes, *, by: str) -> bool:
    """Record one decision; false if nothing is decided at this path.

    Raises:
        ValidationError: the data is not a decision of this kind.
        LongtakeError: as the method of `Review` says.
    """
    match path:
        case "/choose":
            choice = ChoiceRequest.model_validate_json(data)
            review.choose(choice.shot, choice.take, by=by)
        case "/retake":
            retake = RetakeRequest.model_validate_json(data)
            review.retake(retake.shot, retake.downstream, most=retake.most, by=by)
        case "/note":
            note = NoteRequest.model_validate_json(data)
            review.note(note.text, shot=note.shot, seconds=note.seconds, by=by)
        case "/approve":
            review.approve(**ApprovalRequest.model_validate_json(data).model_dump(), by=by)
        case _:
            return False
    return True


def facts(state: ReviewState) -> dict[str, Any]:
    """What the page's script shows of a state."""
    plan = state.plan
    rows = {row.id: row for row in plan.shots}
    return {
        "expected": plan.expected,
        "reserve": plan.reserve,
        "fits": plan.fits,
        "current": state.current or state.joined is None,
        "shots": {
            shot.id: {
                "state": shot.state,
                "why": shot.why,
                "to_buy": rows[shot.id].to_buy,
                "expected": rows[shot.id].expected,
                "used": shot.used.take if shot.used is not None else None,
            }
            for shot in state.shots
        },
        "remarks": [
            one.model_dump(mode="json", include={"kind", "text", "shot", "seconds", "credits", "by", "at"})
            for one in state.remarks
        ],
        "waiting": [
            {"run": one.run, "question": one.question, "text": one.text, "credits": one.credits}
            for one in state.waiting
        ],
    }
