"""Make films from Python, without an engine."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pydantic import SecretStr

from longtake import settings as env
from longtake.observer import Observer, Observers
from longtake.settings import Settings
from longtake.studio.sync import without_await

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from os import PathLike

    import pyarrow as pa

    from longtake.errors import LongtakeError
    from longtake.export import Exported, ExportForm
    from longtake.film import Delivered
    from longtake.film_set import FilmSet, SetPlan, SetResult
    from longtake.ledger import ReconcileReport
    from longtake.ledger.accounts import SpendLine
    from longtake.library import Take
    from longtake.plan import Comparison, Plan
    from longtake.review import Approvals, Review
    from longtake.storyboard import Approval, Deliverable, Downstream, Loaded, Shot, Storyboard
    from longtake.studio.approval import Answer, Question
    from longtake.studio.film import Film
    from longtake.studio.importing import ImportedEdit
    from longtake.studio.steps import ClipStep, StepFunction
    from longtake.take import Session


@runtime_checkable
class Configures(Protocol):
    """Changes settings: the blocks `ReapiCredentials` and `ArtifactStore` do."""

    def settings(self, base: Settings) -> Settings:
        """The settings with its own values over those of `base`."""


class Studio:
    """Plans and makes films. It holds no connection: any thread, loop or process may use it, and it pickles.

    Args:
        credentials: the provider's key, or a `ReapiCredentials` block.
        store: a folder, an `s3://bucket/prefix` URI, or an `ArtifactStore` block.
        settings: everything else: limits, the public URL, the catalog. `credentials` and `store` go before it.
        observers: notified of each step and each change.
        steps: your own steps, as functions or `module:function`: each sees every take before it is used, and may replace its clip
            or refuse it (`longtake.studio.steps`).

    Raises:
        SettingsError: a setting is unusable, or a step cannot be loaded.

    Example:
        ```python
        studio = Studio.from_env(store="films")
        print(studio.plan("film.yaml"))
        film = studio.make_sync("film.yaml", budget=9000)
        print(film.path, film.cost.charged)
        ```
    """

    def __init__(
        self,
        credentials: str | SecretStr | Configures | None = None,
        store: str | PathLike[str] | Configures | None = None,
        *,
        settings: Settings | None = None,
        observers: Sequence[Observer] = (),
        steps: Sequence[str | StepFunction] = (),
    ) -> None:
        found = settings or Settings()
        if isinstance(credentials, Configures):
            found = credentials.settings(found)
        elif credentials is not None:
            key = credentials if isinstance(credentials, SecretStr) else SecretStr(credentials)
            found = found.model_copy(update={"api_key": key})
        if isinstance(store, Configures):
            found = store.settings(found)
        elif store is not None:
            found = found.model_copy(update={"store": str(store)})
        self.settings = found
        self._observer = Observers(observers) if observers else None
        self._steps = tuple(steps)

    @classmethod
    def from_env(
        cls,
        *,
        store: str | PathLike[str] | None = None,
        observers: Sequence[Observer] = (),
        steps: Sequence[str | StepFunction] = (),
    ) -> Studio:
        """A studio with the settings of the environment: `LONGTAKE_API_KEY`, `LONGTAKE_STORE` and their siblings.

        Args:
            store: used instead of `LONGTAKE_STORE`.
            observers: notified of each step and each change.
            steps: your own steps.

        Raises:
            SettingsError: a variable holds something unusable; names it.
        """
        return cls(store=store, settings=env.from_environment(), observers=observers, steps=steps)

    def __repr__(self) -> str:
        """The studio without its key."""
        return f"Studio(store={self.settings.store!r}, base_url={self.settings.base_url!r})"

    # -- planning --------------------------------------------------------------------------------------------------------

    def plan(
        self,
        board: Storyboard | Loaded | Mapping[str, Any] | str | PathLike[str],
        *,
        retake: Sequence[str] = (),
        downstream: Downstream | None = None,
        budget: int | None = None,
        base: str | PathLike[str] | None = None,
        run: str | None = None,
    ) -> Plan:
        """Say what `make` would do and cost. Needs no key, spends nothing, asks nothing of the provider.

        Args:
            board: a `Storyboard`, a mapping like one, or the path or URL of a file.
            retake: ids of shots that get a new take although they have one.
            downstream: what becomes of the shots after those; None as the storyboard says.
            budget: credits the run may cost; None for no limit of its own.
            base: the folder that relative paths of the storyboard start from.
            run: the id of the run, where it was given one: what it has spent counts against its budget.

        Raises:
            StoryboardError: with every problem in it.
            SettingsError, CatalogError, StoreError: the surroundings are unusable.
        """
        from longtake import plan as plans
        from longtake import request
        from longtake import store as stores
        from longtake import storyboard as boards
        from longtake.catalog import Catalog

        catalog = Catalog.load(self.settings.catalog)
        loaded = board if isinstance(board, boards.Loaded) else boards.load_any(board, base=base, s3=self.settings.s3)
        resolved = request.resolve(loaded, catalog)
        settings = self.settings
        if budget is not None:
            settings = settings.model_copy(update={"run_budget": min(budget, settings.run_budget or budget)})
        return plans.make(
            resolved,
            catalog=catalog,
            store=stores.of(settings),
            settings=settings,
            film=boards.slug(resolved.loaded.board.title),
            downstream=downstream,
            retake=retake,
            steps=[step.name for step in self._own_steps()],
            run=run or "",
        )

    def plan_set(
        self,
        film_set: FilmSet | str | PathLike[str],
        *,
        budget: int | None = None,
        skip_bad_rows: bool = False,
        run: str | None = None,
    ) -> SetPlan:
        """Say what making all films of a set would cost. Needs no key, spends nothing, asks nothing of the provider.

        Args:
            film_set: a `FilmSet`, or the path or URL of its file.
            budget: credits the run may cost, in addition to the set's own budget; None for no limit of its own.
            skip_bad_rows: plan the other rows where some cannot be used; `SetPlan.bad_rows` says which.
            run: the id of the run, where it was given one: what it has spent counts against its budget.

        Raises:
            StoryboardError: the set, its template, its table or a row has problems; it holds all of them.
            SettingsError, CatalogError, StoreError: the surroundings are unusable.
        """
        from longtake import film_set as sets
        from longtake import store as stores
        from longtake.catalog import Catalog

        catalog = Catalog.load(self.settings.catalog)
        loaded = film_set if isinstance(film_set, sets.FilmSet) else sets.load(film_set, s3=self.settings.s3)
        admission = sets.admit(loaded, catalog, s3=self.settings.s3)
        if not skip_bad_rows:
            admission.raise_problems(loaded.title)
        store = stores.of(self.settings)
        return sets.make(
            loaded,
            admission,
            catalog=catalog,
            store=store,
            settings=self.settings,
            run_budget=budget,
            run=run or "",
        )

    # -- making ----------------------------------------------------------------------------------------------------------

    async def make(
        self,
        board: Storyboard | Loaded | Mapping[str, Any] | str | PathLike[str],
        *,
        budget: int | None = None,
        retake: Sequence[str] = (),
        downstream: Downstream | None = None,
        approval: Approval | None = None,
        approve: Callable[[Question], Coroutine[Any, Any, Answer | None]] | None = None,
        base: str | PathLike[str] | None = None,
        run: str | None = None,
        dispatch: Callable[[Session, Comparison, Downstream | None], Coroutine[Any, Any, LongtakeError | None]]
        | None = None,
        links: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        expect: str | None = None,
    ) -> Film:
        """Make a film: buy what is missing, keep it, concatenate it. Calling it again buys only what is still missing.

        Args:
            board: a `Storyboard`, a mapping like one, or the path or URL of a file.
            budget: credits this run may cost, in addition to the storyboard's own budget; None for no limit of its own.
            retake: ids of shots that get a new take although they have one.
            downstream: what becomes of the shots after those: `bridge`, `cascade` or `keep`; None as the storyboard says.
            approval: whether a person is asked before credits are spent; None as the storyboard says.
            approve: asks that person.
            base: the folder that relative paths of the storyboard start from.
            run: an id of the run; a run that goes on after a pause or a crash has the same one.
            dispatch: lets others make what the film lacks, and waits for them.
            links: more places for the film's page, by name.
            labels: what this run's credits can be summed by; they go before the storyboard's of the same name.
            expect: the digest of a plan (`Plan.digest`): only what that plan names is bought, each take once, in all for no more
                than it reserves. A later call with the same digest goes on with what is missing of it. Credits that were lost under
                it, to a doubt that was written off or a missing refund, are spent again only under the digest of a new plan.

        Raises:
            StoryboardError, SettingsError, CatalogError: bad input; nothing was sent.
            PlanChangedError: what is missing is not what the plan of `expect` would buy; nothing was sent for it.
            PreflightError: this machine could not use what it would buy; nothing was sent.
            BudgetError: what is missing does not fit a budget, or was not approved; nothing was sent for it.
            FilmIncompleteError: shots are missing; says which, why and what they would cost, and carries the `film` as it is.
        """
        from longtake import request
        from longtake import storyboard as boards
        from longtake.catalog import Catalog
        from longtake.errors import SettingsError
        from longtake.plan import run_of
        from longtake.studio.connections import connected
        from longtake.studio.film_run import FilmRequest, film_of
        from longtake.take import SetTag

        own_labels = boards.checked_labels(labels)
        steps = self._own_steps()
        if expect is not None and (dispatch is not None or run is not None):
            raise SettingsError(
                "a run with `expect` has an id of its own, and dispatches nothing",
                next_step="leave `run` and `dispatch` out",
            )
        catalog = await asyncio.to_thread(Catalog.load, self.settings.catalog)
        loaded = (
            board if isinstance(board, boards.Loaded) else await boards.aload_any(board, base=base, s3=self.settings.s3)
        )
        resolved = await asyncio.to_thread(request.resolve, loaded, catalog)
        async with connected(
            self.settings,
            film=boards.slug(loaded.board.title),
            budget=loaded.board.budget,
            run_budget=budget,
            tag=SetTag().labeled(loaded.board.labels, own_labels),
            run=run_of(expect) if expect is not None else run or uuid.uuid4().hex,
            observer=self._observer,
        ) as session:
            return await film_of(
                session,
                FilmRequest(
                    resolved,
                    retake=tuple(retake),
                    downstream=downstream,
                    approval=approval,
                    approver=approve,
                    dispatch=dispatch,
                    links=links or {},
                    steps=steps,
                    expect=expect,
                ),
            )

    async def make_set(
        self,
        film_set: FilmSet | str | PathLike[str],
        *,
        budget: int | None = None,
        skip_bad_rows: bool = False,
        approve: Callable[[Question], Coroutine[Any, Any, Answer | None]] | None = None,
        run: str | None = None,
        labels: Mapping[str, str] | None = None,
        dispatch: Callable[[Session, Comparison, Downstream | None], Coroutine[Any, Any, LongtakeError | None]]
        | None = None,
    ) -> SetResult:
        """Make the films of a set, several at once. A film that fails stops no other; calling it again buys only what is missing.

        Args:
            film_set: a `FilmSet`, or the path or URL of its file.
            budget: credits this run may cost, in addition to the set's own budget; None for no limit of its own.
            skip_bad_rows: make the other films where rows cannot be used; `SetResult.bad_rows` says which.
            approve: asks a person after the first films (`canary`).
            run: an id of the run; `budget` counts what every run of this id has spent.
            labels: what this run's credits can be summed by; they go before the row's and the storyboard's of the same name.
            dispatch: lets others make a film that lacks something, and waits for it.

        Raises:
            StoryboardError: the set, its template, its table or a row has problems; nothing was sent.
            SettingsError, CatalogError: the surroundings are unusable; nothing was sent.
            BudgetError: what is missing does not fit a budget of the set, the run or the day; nothing was sent.
            StoreError: the store is away.
        """
        from longtake import film_set as sets
        from longtake.storyboard import checked_labels
        from longtake.studio.set_making import set_of
        from longtake.studio.set_run import SetRequest

        loaded = film_set
        if not isinstance(loaded, sets.FilmSet):
            loaded = await asyncio.to_thread(sets.load, loaded, s3=self.settings.s3)
        asked = SetRequest(
            loaded,
            run=run or uuid.uuid4().hex,
            budget=budget,
            skip_bad_rows=skip_bad_rows,
            approver=approve,
            steps=self._own_steps(),
            labels=checked_labels(labels),
            dispatch=dispatch,
        )
        return await set_of(self.settings, asked, observer=self._observer)

    async def generate(
        self,
        shot: Shot,
        *,
        model: str | None = None,
        continue_from: Take | None = None,
        take: int = 1,
        film: str = "clips",
        budget: int | None = None,
        run: str | None = None,
    ) -> Take:
        """Make one clip, with the ledger. The same request and take number is the same clip, whatever its id: it is bought once.

        Args:
            shot: the clip to make.
            model: the catalog id of the model where the shot names none.
            continue_from: the take whose last frame the clip starts from.
            take: which take of the shot, from 1.
            film: the name that the clip is accounted to. A storyboard's own budget of that film is not known here.
            budget: credits this run may cost; None for no limit.
            run: an id of the run, which the budget belongs to.

        Raises:
            StoryboardError: the shot has problems; nothing was sent.
            LongtakeError: what became of the attempt; everything paid for is in the ledger and in the store by then.
        """
        from longtake.storyboard import slug
        from longtake.studio import clips
        from longtake.studio.connections import connected

        async with connected(
            self.settings,
            film=slug(film),
            run_budget=budget,
            run=run or uuid.uuid4().hex,
            observer=self._observer,
        ) as session:
            return await clips.generate(session, shot, model=model, continue_from=continue_from, take=take)

    async def concatenate(self, takes: Sequence[Take], *, title: str) -> Film:
        """Concatenate takes into a film, in this order; free. A frame that two takes share is shown once.

        Args:
            takes: what `generate` gave, or takes of films.
            title: the film's; the store keeps it under the title's slug.

        Raises:
            MediaError, FfmpegError: the clips cannot be concatenated.
            StoreError: the store is away, or a clip is gone.
        """
        from longtake.studio.concatenating import concatenate

        return await concatenate(self.settings, takes, title=title, observer=self._observer)

    def export(
        self,
        film: Film | str | PathLike[str],
        to: ExportForm,
        out: str | PathLike[str] | None = None,
        *,
        on_progress: Callable[[float], None] | None = None,
    ) -> Exported:
        """Write a film's edit for an editing program; free. It names every kept take, in frames at the film's rate.

        Args:
            film: a `Film`, its slug, or the path or URI of its manifest.
            to: `otio`, `fcpxml` or `edl` for one file that names the clips where they lie; `folder` for a folder with these
                three, the captions and the clips.
            out: the file to write, or a folder that is new or empty; None names it after the film, in this folder.
            on_progress: called with 0 to 1.

        Raises:
            SettingsError: there is no such film, the extra `otio` is not installed, or `out` exists.
            StoreError: the store is away, or a clip is gone.
        """
        from longtake.studio.exporting import export
        from longtake.studio.film import Film

        place = film.manifest if isinstance(film, Film) else str(film)
        return export(place, to, out, settings=self.settings, on_progress=on_progress)

    def review(
        self,
        board: Storyboard | Loaded | Mapping[str, Any] | str | PathLike[str],
        *,
        approvals: Approvals | None = None,
    ) -> Review:
        """A film's review: how it stands, and decisions on it that the next run carries out. Free; it asks nothing of the provider.

        Args:
            board: the film's storyboard.
            approvals: finds runs that wait for an approval; None where no engine runs films.

        Raises:
            SettingsError, CatalogError: the surroundings are unusable.
        """
        from longtake.review import Review

        return Review(board, self.settings, steps=[step.name for step in self._own_steps()], approvals=approvals)

    def deliver(
        self,
        film: Film | str | PathLike[str],
        wanted: Deliverable,
        *,
        on_progress: Callable[[float], None] | None = None,
    ) -> Delivered:
        """Make another frame or size of a film, with captions burned in or as files; free. It is kept next to the film.

        It has the film's frames and its sound. The picture is encoded only where it changes; one that was made before is found.

        Args:
            film: a `Film`, its slug, or the path or URI of its manifest.
            wanted: what is made.
            on_progress: called with 0 to 1.

        Raises:
            SettingsError: there is no such film, or `focus` names a shot that it does not have.
            MediaError, FfmpegError: it cannot be made.
            StoreError: the store is away.
        """
        from longtake.studio.delivering import deliver
        from longtake.studio.film import Film

        place = film.manifest if isinstance(film, Film) else str(film)
        return deliver(place, wanted, settings=self.settings, on_progress=on_progress)[0]

    def import_edit(
        self, source: str | PathLike[str], into: str | PathLike[str], *, dry_run: bool = False
    ) -> ImportedEdit:
        """Take what an edited export changes into the storyboard's file: order, takes, trims and transitions; free.

        Comments and everything else in the file stay. An edit that is as it was exported changes nothing.

        Args:
            source: an OpenTimelineIO file.
            into: the film's storyboard, a YAML or JSON file.
            dry_run: write nothing.

        Raises:
            SettingsError: the file is not a timeline, is of another film, or the extra `otio` is not installed.
            StoryboardError: the storyboard has problems, or cannot be changed in place.
            StoreError: the store is away.
        """
        from longtake.studio.importing import import_edit

        steps = [step.name for step in self._own_steps()]
        return import_edit(source, into, settings=self.settings, steps=steps, dry_run=dry_run)

    # -- money -----------------------------------------------------------------------------------------------------------

    def credits(self, film: str | None = None, *, by: str | None = None) -> tuple[SpendLine, ...]:
        """Where every credit of the account went: a line for each film, for each shot of one film, or for each value of a label.

        Args:
            film: a film's slug.
            by: a label of storyboards, film sets or runs, such as `campaign`.

        Raises:
            SettingsError: there is no key.
            StoreError: the store is away.
        """
        from longtake import store as stores
        from longtake.ledger import accounts
        from longtake.take import ledger_of

        ledger = ledger_of(self.settings, stores.of(self.settings))
        lines = accounts.lines(ledger, film=film, label=by)
        if by is not None:
            return tuple(accounts.grouped(lines, ("label",)))
        return tuple(accounts.grouped(lines, ("film",) if film is None else ("film", "scene", "shot")))

    def books(self) -> dict[str, pa.Table]:
        """The ledgers of all accounts in the store, takes, films and sets as Arrow tables by name (docs/reference/books.md).

        Raises:
            SettingsError: the extra `data` is not installed.
            LedgerError: a ledger cannot be read to its end.
            StoreError: the store is away.
        """
        from longtake import books
        from longtake import store as stores

        return books.arrow_tables(stores.of(self.settings))

    async def reconcile(self) -> ReconcileReport:
        """Settle attempts in doubt by the balance, and say what needs a person. Free.

        Raises:
            LedgerError: another reconciliation is under way.
            ProviderUnavailableError, RateLimitedError: the provider does not answer; nothing was decided.
        """
        from longtake import reconciliation

        _, report = await reconciliation.run(self.settings)
        return report

    # -- without await ---------------------------------------------------------------------------------------------------

    @without_await(make)
    def make_sync(self) -> None:
        """`make` without `await`: in a script, and in a notebook whose loop is running."""

    @without_await(make_set)
    def make_set_sync(self) -> None:
        """`make_set` without `await`."""

    @without_await(generate)
    def generate_sync(self) -> None:
        """`generate` without `await`."""

    @without_await(concatenate)
    def concatenate_sync(self) -> None:
        """`concatenate` without `await`."""

    @without_await(reconcile)
    def reconcile_sync(self) -> None:
        """`reconcile` without `await`."""

    # --------------------------------------------------------------------------------------------------------------------

    def _own_steps(self) -> tuple[ClipStep, ...]:
        if not self._steps:
            return ()
        from longtake.studio.steps import load_steps

        return load_steps(self._steps)
