"""What making a film gives: the film, each shot, the cost. Values that pickle, print and show as a page in a notebook."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from longtake.frozen import Frozen
from longtake.library import Take
from longtake.plan import Plan
from longtake.report import Money

if TYPE_CHECKING:
    from longtake.export import Exported, ExportForm

Cost = Money


class ShotResult(Frozen):
    """What became of one shot.

    Attributes:
        id: the shot's.
        label: `scene/shot`.
        state: `bought` in this run, `current` from before, `stale` (made from an older input and used as it is), or why there is
            no take: `failed`, `blocked` by the shot it continues, `in doubt` (a person must decide).
        take: the take used in the film; None where there is none.
        takes: all kept takes of the shot as described, the used one included.
        error: why takes are missing, with the next step.
        seconds: wall seconds the run spent on it.
        why: why it is stale.
    """

    id: str
    label: str
    state: Literal["current", "bought", "stale", "failed", "blocked", "in doubt"]
    take: Take | None = None
    takes: tuple[Take, ...] = ()
    error: str | None = None
    seconds: float = 0.0
    why: str = ""

    def answer(self) -> dict[str, Any]:
        """The shot as an element of `shots` in `longtake run --json`."""
        return {
            "id": self.id,
            "state": self.state,
            "take": self.take.take if self.take else None,
            "task_id": self.take.task_id if self.take else None,
            "credits": sum(take.credits for take in self.takes),
            "error": self.error,
        }


class Film(Frozen):
    """A film as a run left it.

    Attributes:
        title: the storyboard's.
        name: the film's slug, which names it in the store and in the ledger.
        place: path or URI of the joined film; None while shots are missing.
        path: the same as a path, for stores on this machine.
        manifest: path or URI of its manifest.
        poster: key of its poster in the store.
        deliverables: path or URI of each of its deliverables, by name.
        shots: by id, in film order.
        cost: this run's credits.
        would_cost: credits to buy what is missing.
        plan: what the run set out to do; None where takes were concatenated.
        notes: what else a person should know, one line each.
        rows: the table of shots, sums last.
        page: the run as a page, Markdown.
        run: the id of the run, which is a Prefect flow run's where there is one; empty where no run was needed.
    """

    title: str
    name: str
    place: str | None
    path: Path | None
    manifest: str | None
    poster: str | None
    deliverables: dict[str, str] = Field(default_factory=dict)
    shots: dict[str, ShotResult]
    cost: Cost
    would_cost: int
    plan: Plan | None
    notes: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()
    page: str = ""
    run: str

    def answer(self) -> dict[str, Any]:
        """The film as `longtake run --json` prints it."""
        return {
            "film": self.place,
            "manifest": self.manifest,
            "deliverables": self.deliverables,
            "shots": [shot.answer() for shot in self.shots.values()],
            "credits": self.cost.model_dump(),
            "would_cost": self.would_cost,
            "notes": list(self.notes),
            "flow_run_id": self.run or None,
        }

    def export(self, to: ExportForm, out: str | Path | None = None) -> Exported:
        """Write the film's edit for another tool; see `Studio.export`. The store's settings come from the environment.

        Raises:
            SettingsError: the film is not whole yet, the extra `otio` is not installed, or `out` exists.
            StoreError: the store is away, or a clip is gone.
        """
        from longtake import settings as env  # noqa: PLC0415 - few films are exported
        from longtake.studio.exporting import export  # noqa: PLC0415 - few films are exported

        return export(self.manifest, to, out, settings=env.from_environment())

    def __str__(self) -> str:
        """A few lines for a terminal."""
        states = [shot.state for shot in self.shots.values()]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        return (
            f"{self.title}: {self.place or 'not whole yet'}\n"
            f"{len(states)} shots: {counts}\n"
            f"{self.cost.charged} credits charged, {self.cost.refunded} refunded, {self.cost.in_doubt} in doubt"
        )

    def _repr_html_(self) -> str:
        """The film and its shots, for a notebook."""
        video = ""
        if self.path is not None:
            video = f'<video src="{html.escape(self.path.as_uri(), quote=True)}" controls width="480"></video>'
        head = "".join(f"<th>{name}</th>" for name in ("shot", "state", "take", "credits", "note"))
        body = "".join(
            "<tr>"
            + "".join(
                f"<td>{html.escape(str(cell))}</td>"
                for cell in (
                    one.label,
                    one.state,
                    one.take.take if one.take else "",
                    sum(take.credits for take in one.takes),
                    one.error or one.why,
                )
            )
            + "</tr>"
            for one in self.shots.values()
        )
        cost = html.escape(str(self).splitlines()[-1])
        return (
            f"<div><h3>{html.escape(self.title)}</h3>{video}"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{cost}</p></div>"
        )
