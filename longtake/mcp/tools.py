"""The tools: each is one call of `Studio` or of a part of it, with its answer as a value. Nothing is decided here."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from longtake import plan as plans
from longtake import request
from longtake import store as stores
from longtake import storyboard as boards
from longtake.catalog import Catalog
from longtake.errors import LongtakeError, SettingsError, StoryboardError
from longtake.ledger import accounts, owner
from longtake.mcp import answers, explanations
from longtake.mcp.answers import (
    CreditsAnswer,
    Explanation,
    MakeAnswer,
    PlanAnswer,
    RetakeAnswer,
    StatusAnswer,
    Validation,
)
from longtake.mcp.running import Progress, Running
from longtake.storyboard import Downstream
from longtake.studio import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from longtake.mcp.folder import Folder
    from longtake.mcp.redaction import Redaction
    from longtake.plan import Plan
    from longtake.settings import Settings
    from longtake.storyboard import Loaded

_Board = Annotated[str, Field(description="path of a storyboard, from the folder of this server", max_length=1000)]
_Budget = Annotated[int, Field(description="credits that all calls with this digest may cost together", ge=1)]
_Digest = Annotated[str, Field(description="the digest that the plan had whose price was agreed to", max_length=64)]
_ShotName = Annotated[str, Field(description="id of a shot, or scene/shot", max_length=200)]
_Slug = Annotated[str, Field(description="slug of a film", max_length=60)]
_Follow = Annotated[Downstream | None, Field(description="what becomes of the shots after it; as the storyboard says")]


class Tools:
    """The tools of one server.

    Args:
        folder: where storyboards are.
        settings: the key, the store and the budgets of the server.
        redaction: takes the secrets out of answers and errors.
    """

    def __init__(self, folder: Folder, settings: Settings, redaction: Redaction) -> None:
        self._folder, self._settings, self._redaction = folder, settings, redaction
        self.running = Running()

    # -- free ------------------------------------------------------------------------------------------------------------

    async def validate(self, storyboard: _Board) -> Validation:
        """Check a storyboard. Free. Every mistake is named with its file, line and column, and what would be allowed there."""
        with self._errors():
            return self._redaction.answer(await asyncio.to_thread(self._validated, storyboard))

    async def plan(self, storyboard: _Board) -> PlanAnswer:
        """Say what making a film would buy, shot by shot and why, for how much, with the plan's digest. Free; changes nothing."""
        with self._errors():
            plan = await asyncio.to_thread(lambda: Studio(settings=self._settings).plan(self._board(storyboard)))
            return self._redaction.answer(answers.plan_answer(plan, then="make"))

    async def status(self, storyboard: _Board, digest: _Digest | None = None) -> StatusAnswer:
        """Show a film's status: shots by state, credits used, tasks under way; with a digest, the outcome of that plan. Free."""
        with self._errors():
            return self._redaction.answer(await asyncio.to_thread(self._status, storyboard, digest))

    async def explain(
        self,
        storyboard: _Board | None = None,
        shot: _ShotName | None = None,
        error: Annotated[str | None, Field(description="name of an error, such as BudgetError", max_length=64)] = None,
    ) -> Explanation:
        """Explain why a shot of a storyboard would be bought or is kept, or what an error means. Free."""
        with self._errors():
            if error is not None:
                return self._redaction.answer(explanations.of_error(error))
            if storyboard is None or shot is None:
                raise SettingsError("nothing to explain", next_step="name a storyboard and a shot, or an error")
            plan = await asyncio.to_thread(lambda: Studio(settings=self._settings).plan(self._board(storyboard)))
            return self._redaction.answer(explanations.of_shot(plan, shot))

    async def credits(self, film: _Slug | None = None) -> CreditsAnswer:
        """Say where the account's credits went: by film, or by shot of one film. Free; reads the ledger."""
        with self._errors():
            lines = await asyncio.to_thread(Studio(settings=self._settings).credits, film)
            rows = tuple(map(answers.credit_line, lines[: answers.MOST_ROWS]))
            total = answers.credit_line(accounts.total(lines))
            return self._redaction.answer(CreditsAnswer(lines=rows, more=len(lines) - len(rows), total=total))

    # -- purchases -------------------------------------------------------------------------------------------------------

    async def make(self, storyboard: _Board, budget: _Budget, digest: _Digest, ctx: Context) -> MakeAnswer:
        """Make a film: buys what the plan of this digest names, each take once, and joins it. COSTS CREDITS.

        Refused where the plan has changed since, or its price is over the budget. A call that was cut short is repeated with the
        same digest: it goes on and buys nothing twice.
        """
        with self._errors():
            return self._redaction.answer(await self._made(storyboard, budget, digest, ctx))

    async def retake(
        self,
        storyboard: _Board,
        shot: _ShotName,
        ctx: Context,
        *,
        downstream: _Follow = None,
        budget: _Budget | None = None,
        digest: _Digest | None = None,
    ) -> RetakeAnswer:
        """Buy a new take of a shot. Without budget and digest: the price and the digest, for free. With both it COSTS CREDITS."""
        with self._errors():
            if (budget is None) != (digest is None):
                raise SettingsError(
                    "a retake is bought with a budget and a digest",
                    next_step="call `retake` without both for the price, then with both",
                )
            if budget is None or digest is None:
                plan = await asyncio.to_thread(
                    lambda: Studio(settings=self._settings).plan(
                        self._board(storyboard), retake=[shot], downstream=downstream
                    )
                )
                return self._redaction.answer(RetakeAnswer(price=answers.plan_answer(plan, then="retake")))
            made = await self._made(storyboard, budget, digest, ctx, retake=(shot,), downstream=downstream)
            return self._redaction.answer(RetakeAnswer(made=made))

    async def _made(
        self,
        place: str,
        budget: int,
        digest: str,
        ctx: Context,
        *,
        retake: tuple[str, ...] = (),
        downstream: Downstream | None = None,
    ) -> MakeAnswer:
        loaded = await asyncio.to_thread(self._board, place)
        if loaded.board.approval.before:
            raise SettingsError(
                "this storyboard asks a person before it spends, so no agent buys it",
                next_step="a person runs it with `longtake run`, or removes `before` from its `approval`",
            )
        film, progress = boards.slug(loaded.board.title), Progress()
        settings = self._settings.model_copy(update={"by": _asker(ctx)})
        studio = Studio(settings=settings, observers=[progress])
        call = studio.make(loaded, budget=budget, retake=retake, downstream=downstream, expect=digest)
        made, error = await self.running.run(film, call, progress, ctx.report_progress)
        return answers.make_answer(made, digest, bought=progress.bought, error=error)

    # --------------------------------------------------------------------------------------------------------------------

    def _board(self, place: str) -> Loaded:
        return self._folder.board(place, s3=self._settings.s3)

    def _validated(self, place: str) -> Validation:
        catalog = Catalog.load(self._settings.catalog)
        try:
            loaded = self._board(place)
            resolved = request.resolve(loaded, catalog)
        except StoryboardError as error:
            if not error.problems:
                raise
            found = tuple(map(answers.finding_of, error.problems))
            return Validation(ok=False, title="", shots=0, seconds=0, findings=found)
        title, seconds = loaded.board.title, round(float(resolved.seconds), 2)
        return Validation(ok=True, title=title, shots=len(resolved.shots), seconds=seconds, findings=())

    def _status(self, place: str, digest: str | None) -> StatusAnswer:
        run = plans.run_of(digest) if digest is not None else None
        plan = Studio(settings=self._settings).plan(self._board(place), run=run)
        return StatusAnswer(
            film=plan.film,
            title=plan.title,
            running=self.running.has(plan.film),
            states=dict(Counter(shot.state for shot in plan.shots)),
            takes_to_buy=sum(shot.to_buy for shot in plan.shots),
            expected=plan.expected,
            used=plan.used.film,
            open_attempts=tuple(f"{shot.shot}: {shot.attempt} ({shot.state})" for shot in plan.shots if shot.attempt),
            joined=plan.joined,
            resources=answers.resources_of(plan.film) if plan.joined == "there" else (),
            agreement=self._agreement(plan, digest) if digest is not None else None,
            notes=plan.notes,
        )

    def _agreement(self, plan: Plan, digest: str) -> answers.AgreementAnswer:
        found = plans.read_agreement(stores.of(self._settings), plan.film, digest)
        if found is None:
            raise SettingsError(
                "nothing was bought with this digest", next_step="leave it out, or give that of a `make` or a `retake`"
            )
        return answers.agreement_answer(found, plan, plan.used.run)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except LongtakeError as error:
            raise ToolError(self._redaction.text(f"{type(error).__name__}: {error}")) from None


def _asker(ctx: Context) -> str:
    """Who asks, as the ledger names them: the client's name is its own choice, so it is cut and cleaned."""
    params = ctx.session.client_params
    return owner.cleaned(f"mcp {params.client_info.name if params is not None else 'client'}")
