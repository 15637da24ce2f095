"""The table of shots: the status of each, and its credits over all runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longtake.ledger import accounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longtake.ledger.accounts import SpendLine
    from longtake.report.outcomes import ShotOutcome

_MONEY = ("settled", "refunded", "reserved", "in_doubt", "written_off")
"""What a shot cost over all runs, named as in `longtake credits`."""
_ALWAYS = {"shot", "state", "take", "credits", "seconds", "attempt", "settled", "task id", "note"}


def rows(
    outcomes: Sequence[ShotOutcome],
    lines: Iterable[SpendLine],
    *,
    seams: Mapping[str, float],
    matched: Mapping[str, float | None],
) -> list[dict[str, Any]]:
    """One row for each shot in film order, then shots that were removed from the storyboard, then the totals.

    Empty columns are left out, except those that every film has.

    Args:
        outcomes: one for each shot.
        lines: the ledger's spending on the film, by scene and shot.
        seams: distance of shots from the ones they continue (levels of 0 to 255), by label.
        matched: the distance that is left where the join corrected it.
    """
    spent = {f"{line.scene}/{line.shot}": line for line in lines}
    whole = accounts.total(spent.values())
    found = [
        _shot(one, spent.pop(one.shot.label, None))
        | {"seam": seams.get(one.shot.label), "matched": matched.get(one.shot.label)}
        for one in outcomes
    ]
    found += [
        {**_blank(name), "state": "not in the storyboard", **_money(line), "attempts": line.attempts}
        for name, line in spent.items()
    ]
    credits = sum(row["credits"] or 0 for row in found)
    found.append({**_blank("all"), "credits": credits, **_money(whole), "attempts": whole.attempts})
    used = {name for row in found for name, value in row.items() if value not in {None, 0, ""}} | _ALWAYS
    return [{name: value for name, value in row.items() if name in used} for row in found]


def _blank(name: str) -> dict[str, Any]:
    """A row without values; it defines the columns and their order."""
    names = (
        "state",
        "take",
        "credits",
        "seconds",
        "attempt",
        "attempts",
        *_MONEY,
        "seam",
        "matched",
        "note",
        "task id",
    )
    return {"shot": name, **{name.replace("_", " "): None for name in names}}


def _money(line: SpendLine) -> dict[str, int]:
    return {name.replace("_", " "): getattr(line, name) for name in _MONEY}


def _shot(one: ShotOutcome, line: SpendLine | None) -> dict[str, Any]:
    take, error = one.take, one.error
    findings = take.checks.findings if take is not None and take.checks is not None else ()
    said = [*([error.message] if error else []), *findings, *([one.why] if one.why else [])]
    return {
        **_blank(one.shot.label),
        "state": one.state,
        "take": take.take if take else None,
        "credits": sum(t.credits for t in one.takes) if one.takes else None,
        "seconds": round(one.seconds, 1),
        "attempt": take.attempt if take else getattr(error, "attempt", None),
        **({"attempts": line.attempts, **_money(line)} if line is not None else {}),
        "note": "; ".join(said),
        "task id": take.task_id if take else getattr(error, "task_id", None),
    }
