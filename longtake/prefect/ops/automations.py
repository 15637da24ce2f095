"""Four automations that end runs which cannot report their own end: killed, lost before they began, or cancelled without a worker.

They match the flows of this project only. Running a film again buys nothing twice; other flows may not be safe to run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from prefect.events.schemas.automations import AutomationCore

from longtake.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longtake.prefect.ops.server import Server

BEATS = 3
"""Missing heartbeats after which a run counts as lost."""

AGAIN = 5
"""Starts after which a crashed run is no longer rescheduled, so that one that always crashes ends."""

_SETTLE = 60
"""Seconds between a crash and the next try: a worker that cancels a run may call it crashed first and cancelled then."""

_CLAIMED = ("Pending", "Submitting")
_WAITING = ("Scheduled", "AwaitingRetry", "Paused", "Suspended")
_ENDED = ("Completed", "Failed", "Cancelled", "Crashed")
_NAMES = {
    "silent": "longtake: a run whose heartbeats stop is crashed",
    "unbegun": "longtake: a run that was taken and never began goes back",
    "crashed": "longtake: a crashed run is run again",
    "cancelling": "longtake: a run that nobody is left to cancel is cancelled",
}


def wanted(flows: Sequence[str], silence: int) -> list[dict[str, Any]]:
    """The automations as the API takes them.

    Args:
        flows: names of the flows they are for.
        silence: seconds without a heartbeat after which a run counts as lost.
    """
    ours: list[dict[str, Any]] = [{"prefect.resource.role": "flow", "prefect.resource.name": list(flows)}]
    # A run without a deployment was started at a terminal, and no worker would pick it up again.
    deployed = [*ours, {"prefect.resource.role": "deployment"}]
    begun = {"prefect.run-count": [str(count) for count in range(1, AGAIN + 1)]}
    lost = _automation(
        "silent",
        "A killed run cannot report its own end, so this automation does.",
        _trigger(ours, ["heartbeat"], ["heartbeat", *_WAITING, *_ENDED, "Cancelling"], silence),
        {"state": "CRASHED", "message": f"no heartbeat for {silence} s"},
    )
    unbegun = _automation(
        "unbegun",
        "A worker that was lost between taking a run and starting it leaves it pending forever.",
        _trigger(deployed, _CLAIMED, ["heartbeat", "Running", *_WAITING, *_ENDED, "Cancelling"], silence),
        {"state": "SCHEDULED", "message": "the worker that took it never began it"},
    )
    again = _automation(
        "crashed",
        f"Nothing is bought twice by it. At most until a run has begun {AGAIN} times.",
        _trigger(deployed, ["Crashed"], [*_CLAIMED, "Running", *_WAITING, "Completed", "Failed", "Cancelled"], _SETTLE)
        | {"match": {"prefect.resource.id": "prefect.flow-run.*", **begun}},
        {"state": "SCHEDULED", "message": "it crashed and is run again"},
    )
    # Fires before `lost` would crash the run and `again` would restart what a person wanted to end.
    cancelled = _automation(
        "cancelling",
        "The worker that should have stopped it is gone.",
        _trigger(ours, ["Cancelling"], [*_ENDED, *_WAITING], silence // 2),
        {"state": "CANCELLED", "message": "its worker is gone and could not cancel it"},
    )
    return [lost, unbegun, again, cancelled]


def _trigger(related: list[dict[str, Any]], after: Sequence[str], expect: Sequence[str], within: int) -> dict[str, Any]:
    """A trigger that fires for a run after an event of `after` if none of `expect` follows within `within` seconds."""
    return {
        "type": "event",
        "posture": "Proactive",
        "match": {"prefect.resource.id": "prefect.flow-run.*"},
        "match_related": related,
        "for_each": ["prefect.resource.id"],
        "after": [f"prefect.flow-run.{name}" for name in after],
        "expect": [f"prefect.flow-run.{name}" for name in expect],
        "threshold": 1,
        "within": within,
    }


def _automation(key: str, why: str, trigger: dict[str, Any], change: dict[str, str]) -> dict[str, Any]:
    action = {"type": "change-flow-run-state", **change}
    return {"name": _NAMES[key], "description": why, "trigger": trigger, "actions": [action]}


def silence_of(server: Server, beat: int | None) -> int:
    """Seconds without a heartbeat after which a run counts as lost: what this machine needs, or longer as another needed it."""
    own = BEATS * (beat or 180)
    installed = [found["trigger"]["within"] for found in _installed(server) if found["name"] == _NAMES["silent"]]
    return max([own, *(int(seconds) for seconds in installed)])


def look(server: Server, flows: Sequence[str], silence: int, *, fix: bool) -> Iterator[Finding]:
    """Check that the automations are installed and up to date; `fix` installs and updates them, by name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in _installed(server):
        found.setdefault(one["name"], []).append(one)
    for automation in wanted(flows, silence):
        yield _one(server, automation, found.get(automation["name"], []), fix=fix)


def _installed(server: Server) -> list[dict[str, Any]]:
    return [one for one in server.every("/automations/filter") if one["name"] in _NAMES.values()]


def _one(server: Server, automation: dict[str, Any], there: list[dict[str, Any]], *, fix: bool) -> Finding:
    name = automation["name"]
    state: Literal["ok", "warn"] = "ok" if fix else "warn"
    if not there:
        if fix:
            server.ask("POST", "/automations/", automation)
        return Finding("automation", state, f"{name!r} {'is installed now' if fix else 'is not installed'}")
    first, *more = there
    if _core(first) != _core(automation) or more:
        if fix:
            server.ask("PUT", f"/automations/{first['id']}", {**automation, "enabled": first["enabled"]})
            for other in more:
                server.ask("DELETE", f"/automations/{other['id']}")
        return Finding("automation", state, f"{name!r} {'is as it should be now' if fix else 'is not as it should be'}")
    if not first["enabled"]:
        # A person switched it off, so it stays off.
        return Finding("automation", "warn", f"{name!r} is switched off")
    return Finding("automation", "ok", f"{name!r} is installed")


def _core(automation: dict[str, Any]) -> dict[str, Any]:
    """The fields by which two automations are compared."""
    core = AutomationCore.model_validate(automation)
    return core.model_dump(include={"trigger", "actions", "description"}, exclude={"trigger": {"id"}})
