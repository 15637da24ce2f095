"""What a run is asked for: one model, which is the form of the flow in the Prefect UI. It never holds a secret."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from longtake.storyboard import Approval, Follow

__all__ = ["FilmRun", "SceneRun"]

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class FilmRun(BaseModel):
    """One run of a storyboard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    board: str | dict[str, Any] = Field(
        title="Storyboard",
        description="A file where the worker runs, `s3://bucket/key`, an http(s) URL without a signature (Prefect keeps what "
        "stands here), or the storyboard itself as JSON.",
    )
    credentials: Name | None = Field(
        default=None,
        title="Credentials block",
        description="Name of a ReapiCredentials block. Empty: LONGTAKE_API_KEY and its siblings where the worker runs.",
    )
    store: Name | None = Field(
        default=None,
        title="Store block",
        description="Name of an ArtifactStore block. Empty: LONGTAKE_STORE where the worker runs.",
    )
    budget: int | None = Field(
        default=None,
        gt=0,
        title="Budget of this run (credits)",
        description="The most this run may cost, besides the storyboard's own budget. 1 credit is $0.001. Empty: no limit.",
    )
    redo: tuple[Name, ...] = Field(
        default=(),
        title="Shots to make anew",
        description="Ids of shots that get a new take although they have one; each once in a run, also when it is retried.",
    )
    follow: Follow | None = Field(
        default=None,
        title="After a shot that is made anew",
        description="`bridge` leads the new take to the kept shot after it, `cascade` buys what continues it again, `keep` uses "
        "that as it is. Empty: as the storyboard says.",
    )
    approval: Approval | None = Field(
        default=None,
        title="Approval",
        description="Whether a person is asked before credits are spent. Empty: as the storyboard says.",
    )
    scenes: Annotated[str, StringConstraints(pattern=r"^[^/]+/[^/]+$", max_length=400)] | None = Field(
        default=None,
        title="Deployment for scenes",
        description="`flow/deployment` of the flow `scene`, such as `scene/scene`: scenes are handed out to it, to as many workers "
        "as its pool has, and this run waits, joins and accounts. Empty: everything is made in this run.",
    )

    @property
    def name(self) -> str:
        """What to call the run before the storyboard is read."""
        if isinstance(self.board, dict):
            return str(self.board.get("title", "inline"))
        return self.board.partition("?")[0].rpartition("/")[2]


class SceneRun(BaseModel):
    """What a run of a film hands out. It is filled in by the flow `storyboard`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    board: str = Field(title="Storyboard", description="Key in the store of the storyboard with its files.")
    shots: tuple[str, ...] = Field(title="Shots", description="Ids of the shots to make, whole chains of them.")
    run: str = Field(title="Run", description="The run that pays for them: its budget counts what this one spends.")
    credentials: str | None = Field(default=None, title="Credentials block", description="As in the flow `storyboard`.")
    store: str | None = Field(default=None, title="Store block", description="As in the flow `storyboard`.")
    follow: Follow | None = Field(
        default=None, title="After a shot that is made anew", description="As in `storyboard`."
    )
    film_budget: int | None = Field(default=None, title="Budget of the film (credits)", description="As it holds now.")
    run_budget: int | None = Field(default=None, title="Budget of the run (credits)", description="As it was approved.")
