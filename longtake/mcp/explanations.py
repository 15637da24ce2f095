"""What the states of a shot and the errors mean, in the words that an agent passes on to a person."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from longtake import errors
from longtake.errors import LongtakeError, SettingsError
from longtake.mcp.answers import Explanation, row_of

if TYPE_CHECKING:
    from longtake.plan import Plan
    from longtake.plan.status import Status

_STATES: dict[Status, str] = {
    "current": "It is kept as the storyboard describes it, so nothing is bought.",
    "stale": "It is kept and used as it is, though it continues a frame that is not the one before it any more.",
    "missing": "There is no take of it as the storyboard describes it, so one is bought.",
    "blocked": "It waits for the shot that it continues, and is bought after that one.",
    "in doubt": "An attempt for it may have been charged: nothing more is bought for it until a person has settled that.",
    "under way": "A take of it is paid for already: the next run fetches it and buys nothing.",
}

_DOUBT = (
    "a person runs `longtake credits reconcile`, or `longtake credits resolve` with what the provider's task list says"
)
_STEPS = {"InDoubtError": _DOUBT, "TaskIdNotRecordedError": _DOUBT}
"""Next steps of errors that name an attempt in theirs."""


def of_shot(plan: Plan, name: str) -> Explanation:
    """Why a shot would be bought, or kept.

    Raises:
        SettingsError: there is no such shot.
    """
    shot = next((one for one in plan.shots if name in {one.id, one.shot}), None)
    if shot is None:
        raise SettingsError("no shot has this id", next_step="`plan` lists the shots")
    row = row_of(shot)
    parts = [f"{row.shot} is {row.state}.", _STATES[shot.state]]
    if row.why:
        parts.append(f"Why: {row.why}.")
    if row.takes_to_buy:
        parts.append(f"To buy: {row.takes_to_buy}, for {row.expected} credits expected and {row.reserve} reserved.")
    if shot.no_bridge is not None:
        parts.append(f"A new take cannot be pinned to the shot after it: {shot.no_bridge}.")
    if shot.waits is not None:
        parts.append(f"The shot after it waits for its clip: {shot.waits}.")
    step = _DOUBT if shot.state == "in doubt" else "call `make` with the plan's digest and a budget"
    return Explanation(
        subject=row.shot, text=" ".join(parts), next_step=step if row.takes_to_buy or shot.attempt else ""
    )


def of_error(name: str) -> Explanation:
    """What an error means, by the name of its class.

    Raises:
        SettingsError: there is no such error.
    """
    kind = getattr(errors, name, None) if name in errors.__all__ else None
    if not (isinstance(kind, type) and issubclass(kind, LongtakeError)):
        known = ", ".join(one for one in errors.__all__ if one.endswith("Error"))
        raise SettingsError("there is no error of this name", next_step=f"name one of {known}")
    text = " ".join((inspect.getdoc(kind) or "").split())
    return Explanation(
        subject=name, text=f"{text} (exit code {kind.exit_code})", next_step=_STEPS.get(name, kind.default_next_step)
    )
