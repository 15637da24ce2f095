"""What a run says of itself: the outcome of every shot, the manifest of a film, tables for people and machines."""

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

    def row(self) -> dict[str, Any]:
        """One line of the table of shots."""
        return {
            "shot": self.shot.label,
            "state": self.state,
            "take": self.take.take if self.take else None,
            "credits": sum(t.credits for t in self.takes) if self.takes else None,
            "task id": self.take.task_id if self.take else None,
            "seconds": round(self.seconds, 1),
            "note": self.error.message if self.error else "",
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


class ManifestShot(BaseModel):
    """A shot of a film: which take was used and what it cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shot: str
    state: str
    take: int
    fingerprint: str
    clip: str
    last_frame: str
    task_id: str
    credits: int
    credits_from: str
    start: float
    end: float


class FilmCredits(BaseModel):
    """What the takes used in a film cost, and what all attempts for it cost so far."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    used_takes: int
    settled: int
    reserved: int
    in_doubt: int


class Manifest(BaseModel):
    """What a film is made of. It lies beside the film and is written once. Seconds are the film's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    v: Literal["longtake-film/1"] = "longtake-film/1"
    title: str
    film: str
    digest: str
    sha256: str
    frames: int
    seconds: float
    way: str
    shots: tuple[ManifestShot, ...]
    credits: FilmCredits


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


def stale_note(labels: Sequence[str]) -> str | None:
    """What people must know of shots that were used though an input of theirs changed; None when there are none."""
    if not labels:
        return None
    return f"made from an older input and used as they are: {', '.join(labels)}; `longtake run --renew-stale` buys them again"


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
