"""What a run says of itself: the outcome of every shot, tables for people and machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from longtake.errors import FilmIncompleteError, LongtakeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longtake.ledger import State
    from longtake.record import Take
    from longtake.request import ResolvedShot

Made = Literal["current", "bought", "stale", "failed", "blocked", "in doubt"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one shot in a run: the take that is used, all takes that are kept, and why others are not."""

    shot: ResolvedShot
    state: Made
    take: Take | None = None
    takes: tuple[Take, ...] = ()
    error: LongtakeError | None = None
    seconds: float = 0.0
    """Wall seconds the run spent on it."""
    why: str = ""
    """Why it is stale."""

    def row(self, seam: float | None = None) -> dict[str, Any]:
        """One line of the table of shots; `seam` is how far it is from the shot it continues (levels of 0 to 255)."""
        findings = self.take.checks.findings if self.take is not None and self.take.checks is not None else ()
        return {
            "shot": self.shot.label,
            "state": self.state,
            "take": self.take.take if self.take else None,
            "credits": sum(t.credits for t in self.takes) if self.takes else None,
            "task id": self.take.task_id if self.take else None,
            "seconds": round(self.seconds, 1),
            "seam": seam,
            "note": "; ".join(
                [*([self.error.message] if self.error else []), *findings, *([self.why] if self.why else [])]
            ),
        }

    def answer(self) -> dict[str, Any]:
        """The same for machines: one element of `shots` in `longtake run --json`."""
        return {
            "id": self.shot.id,
            "state": self.state,
            "take": self.take.take if self.take else None,
            "task_id": self.take.task_id if self.take else None,
            "credits": sum(t.credits for t in self.takes),
            "error": self.error.message if self.error else None,
        }


class Money(BaseModel):
    """A run's credits. `planned` is what the plan expected it to buy; `in_doubt` is the film's, the others this run's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    planned: int
    charged: int
    refunded: int
    in_doubt: int
    reserved: int = 0


def money_of(state: State, closed: Sequence[Any], *, run: str, film: str, planned: int) -> Money:
    """What one run spent, from the open attempts and the closed ones given; doubts are the whole film's."""
    mine = [a for a in state.attempts.values() if a.order.run == run]
    done = [c for c in closed if c.order.run == run]
    doubts = {"in_doubt", "held"}
    return Money(
        planned=planned,
        charged=sum(c.charged for c in done) + sum(a.charge for a in mine if a.phase == "completed"),
        refunded=sum(c.refunded for c in done),
        in_doubt=sum(a.money for a in state.attempts.values() if a.order.film == film and a.phase in doubts),
        reserved=sum(a.money for a in mine if a.phase not in doubts and a.phase != "completed"),
    )


def incomplete(outcomes: Sequence[Outcome], *, would_cost: int, unjoined: LongtakeError | None) -> LongtakeError | None:
    """The error that sums up a run that did not get everything; None when it did.

    A second take that failed for good is a note, not an error: the shot has another. The exit code is the gravest reason's: in
    doubt before budget before failed.
    """
    missing = [o for o in outcomes if o.take is None]
    reasons = [o for o in missing if o.error is not None]
    reasons += [o for o in outcomes if o.take is not None and o.error is not None and o.error.exit_code in {3, 4}]
    if not missing and not reasons:
        return unjoined
    blocked = sum(o.state == "blocked" for o in outcomes)
    lines = [f"{o.shot.label}: {o.error}" for o in reasons[:12]]
    if len(reasons) > len(lines):
        lines.append(f"and {len(reasons) - len(lines)} more")
    if blocked:
        lines.append("1 shot waits for one of these" if blocked == 1 else f"{blocked} shots wait for one of these")
    said = (
        f"{len(missing)} of {len(outcomes)} shots are missing ({would_cost} credits to buy)"
        if missing
        else f"the film is whole, {len(reasons)} of its extra takes are not ({would_cost} credits to buy)"
    )
    error = FilmIncompleteError(
        said + "\n  " + "\n  ".join(lines), missing=tuple(o.shot.label for o in missing), would_cost=would_cost
    )
    codes = [o.error.exit_code for o in reasons if o.error is not None]
    error.exit_code = min(codes, key=(4, 3, 1, 2).index, default=1)
    return error


def failed_checks(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each used take that did not pass the checks of its clip."""
    return [
        f"{o.shot.label} did not pass the checks of its clip: {'; '.join(o.take.checks.findings)}"
        for o in outcomes
        if o.take is not None and o.take.checks is not None and not o.take.checks.passed
    ]


def seam_note(seams: Mapping[str, float]) -> str | None:
    """The seams that somebody may see, by shot, in levels; None when there are none."""
    if not seams:
        return None
    named = ", ".join(f"{label} ({distance:g})" for label, distance in seams.items())
    return f"a seam may show in front of {named}: levels its first frame is from the last one before it, 3 and more may be seen"


def stale_note(labels: Sequence[str]) -> str | None:
    """What people must know of shots that were used though an input of theirs changed; None when there are none."""
    if not labels:
        return None
    return f"made from an older input and used as they are: {', '.join(labels)}; `longtake run --follow cascade` buys them again"


def summary(
    outcomes: Sequence[Outcome], money: Money, *, title: str, links: Mapping[str, str], notes: Sequence[str]
) -> str:
    """The run in Markdown, for the Prefect UI. `links` are names to paths or public URLs, never signed ones."""
    made = sum(o.state == "bought" for o in outcomes)
    there = sum(o.state == "current" for o in outcomes)
    missing = sum(o.take is None for o in outcomes)
    stale = stale_note([o.shot.label for o in outcomes if o.state == "stale"])
    lines = [
        f"# {_plain(title)}",
        "",
        f"**{len(outcomes)}** shots: {made} bought in this run, {there} were there, {missing} missing.",
        "",
        (
            f"Credits: planned **{money.planned}**, charged **{money.charged}**, refunded **{money.refunded}**, "
            f"in doubt **{money.in_doubt}**."
        ),
        "",
        *[f"* {name}: {_link(place)}" for name, place in links.items()],
        *[f"* {_plain(note)}" for note in [*notes, *([stale] if stale else [])]],
        *[f"* **{o.shot.label}** {o.state}: {_plain(str(o.error))}" for o in outcomes if o.error is not None],
    ]
    return "\n".join(lines)


def _link(place: str) -> str:
    return f"<{place}>" if place.startswith(("http://", "https://")) else f"`{place}`"


def _plain(text: str) -> str:
    """Text from a storyboard or the provider, without Markdown or HTML of its own."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+!|<>" else c for c in text.replace("\n", " "))
