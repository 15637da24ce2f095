"""Whether a person is asked before credits are spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypedDict, Unpack

from pydantic import BaseModel, Field

from longtake.storyboard.values import Allowed, Strict, only_when_called

Ask = Literal["spending", "the rest", "more than the budget"]
Silence = Literal["stop", "go on"]


class ApprovalFields(TypedDict, total=False):
    """The fields of `Approval`."""

    before: Sequence[Ask]
    hours: float
    silence: Silence


class Approval(Strict):
    """Whether a person is asked before credits are spent, and what happens without an answer."""

    before: Annotated[tuple[Ask, ...], Allowed("a list of spending, the rest, more than the budget")] = Field(
        default=(),
        strict=False,  # it also comes from a form, as a list
        title="Ask before",
        description="`spending`: before the first credit, with the plan and its price. `the rest`: after the first takes of each "
        "chain, with their pictures and the price of what follows. `more than the budget`: instead of refusing what does not fit "
        "into the budget of the film or of the run.",
    )
    hours: Annotated[float, Field(gt=0, le=720), Allowed("more than 0, up to 720")] = Field(
        default=72.0, title="Hours to answer in", description="How many hours a run waits for an answer, up to 720."
    )
    silence: Annotated[Silence, Allowed("stop or go on")] = Field(
        default="stop",
        title="Without an answer",
        description="`stop` ends the run with what is bought so far; the next run uses it and asks again. `go on` spends what the "
        "budgets allow; such a run keeps its worker while it waits.",
    )

    @only_when_called
    def __init__(self, **fields: Unpack[ApprovalFields]) -> None:
        BaseModel.__init__(self, **fields)
