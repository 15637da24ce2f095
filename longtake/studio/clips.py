"""One clip in four parts: upload, submit, poll, ingest. Each takes a value and gives the next one's.

The values are frozen, pickle and print; each can continue in another thread, process or machine, because all that
matters is in the ledger and the store. Calling a part twice buys nothing twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from longtake import preflight, request
from longtake import storyboard as boards
from longtake.errors import LongtakeError, SettingsError, StoryboardError, TaskFailedError
from longtake.library import Take
from longtake.storyboard import Scene, Shot, Storyboard
from longtake.studio.shared_run import shared_run
from longtake.take import TakeKey, TakeRequest, TakeSpec, ensure_take, identify, kept
from longtake.take import ingest as _ingest
from longtake.take import poll as _poll
from longtake.take import submit as _submit
from longtake.take import upload as _upload

if TYPE_CHECKING:
    from longtake.catalog import Catalog
    from longtake.ledger import Attempt
    from longtake.provider import ProviderTask
    from longtake.take import Session

_SOURCE = "source-of-the-first-frame"
CLIPS = "clips"
"""The scene that clips made alone are accounted to."""


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """A request that can be sent, or the take when it is kept already.

    Its body holds URLs, which may be signed and live for a day or more: it is not printed, and must not be logged or stored.
    """

    film: str
    take_key: TakeKey
    take_request: TakeRequest | None
    place: str
    """The account and the store it was made for: every part of a clip needs the same."""
    take: Take | None = None

    @property
    def label(self) -> str:
        """`scene/shot · take n`."""
        return self.take_key.spec.label


@dataclass(frozen=True, slots=True)
class Submission:
    """A take that is bought: its accepted attempt, or the take when it is kept already."""

    request: ClipRequest
    attempt: Attempt | None
    take: Take | None = None

    @property
    def task_id(self) -> str | None:
        """The provider's id of the task."""
        return (
            self.take.task_id if self.take is not None else self.attempt.task_id if self.attempt is not None else None
        )

    @property
    def label(self) -> str:
        """`scene/shot · take n`."""
        return self.request.label


@dataclass(frozen=True, slots=True)
class FinishedTask:
    """A finished task, or the take when it is kept already."""

    purchase: Submission
    task: ProviderTask | None
    take: Take | None = None

    @property
    def label(self) -> str:
        """`scene/shot · take n`."""
        return self.purchase.label


def spec_of(shot: Shot, catalog: Catalog, *, model: str | None, continue_from: Take | None, take: int) -> TakeSpec:
    """Resolve a shot as if it were in a storyboard of its own.

    Raises:
        StoryboardError: the shot has problems, or asks for what only a storyboard can give.
    """
    if shot.continue_from is not None:
        raise StoryboardError(
            f"shot {shot.id} continues shot {shot.continue_from}, which a shot alone cannot",
            next_step="give the take to continue as `continue_from` of the call",
        )
    shots = [shot]
    if continue_from is not None:
        # A stand-in for the shot before it, so that the rules for continued shots apply.
        fields = {name: getattr(shot, name) for name in shot.model_fields_set if name in _SHARED}
        shots = [Shot(id=_SOURCE, prompt="-", **fields), shot]
    board = Storyboard(title=CLIPS, model=model or shot.model, scenes=[Scene(CLIPS, shots)])
    resolved = request.resolve(boards.load_any(board), catalog)
    # Another clip may continue this one: its last frame is asked for, so that the provider can be given it where the store cannot.
    found = replace(resolved.shot(shot.id), continued=True)
    frame = continue_from.leaves if continue_from is not None else None
    return TakeSpec(found, take, frame, source=continue_from)


_SHARED = ("model", "resolution", "size", "duration", "generate_audio")


async def upload(
    session: Session, shot: Shot, *, model: str | None = None, continue_from: Take | None = None, take: int = 1
) -> ClipRequest:
    """Make a shot's inputs readable for the provider and give the request; costs nothing and may be repeated.

    Args:
        session: of the film the clip is accounted to.
        shot: the clip to make.
        model: the catalog id of the model where the shot names none.
        continue_from: the take whose last frame the clip starts from.
        take: which take of the shot, from 1: the same number is the same take, and is never bought twice.

    Raises:
        StoryboardError: the shot has problems; it holds all of them.
        UrlRefusedError: the store has no URL that the provider can read.
        MediaError, ProviderUnavailableError: an input is not readable, or not what the provider takes.
        StoreError: the store is away.
    """
    spec = await asyncio.to_thread(spec_of, shot, session.catalog, model=model, continue_from=continue_from, take=take)
    take_key = await identify(session.assets, spec)
    found = await asyncio.to_thread(kept, session.store, session.ledger, take_key)
    if found is not None:
        return ClipRequest(session.film, take_key, None, _place(session), found)
    return ClipRequest(session.film, take_key, await _upload(session.assets, take_key), _place(session))


async def submit(session: Session, asked: ClipRequest) -> Submission:
    """Buy a clip with exactly one POST, or find who bought it: an accepted attempt, or the take.

    Raises:
        SettingsError: the request is for another account or another store.
        PreflightError: this machine could not use what it would buy; nothing was sent.
        InDoubtError: this or an earlier attempt may have been charged; nothing is sent until that is settled.
        BudgetError, NoCreditsError, KeyRefusedError, RefusedError, RateLimitedError, NotSentError: nothing was charged.
        TaskIdNotRecordedError: bought, but the ledger could not be written; the error carries the id.
    """
    _check_place(session, asked)
    take = asked.take or await asyncio.to_thread(kept, session.store, session.ledger, asked.take_key)
    if take is not None or asked.take_request is None:
        return Submission(asked, None, take)
    await _get_ready(session)
    try:
        with session.events.submitting(asked.take_key.fingerprint, asked.label) as since:
            found = await _submit(session, asked.take_request)
    except LongtakeError as error:
        session.events.not_obtained(asked.take_key.spec, error)
        raise
    session.events.submitted(found, asked.label, since=since)
    return Submission(asked, None, found) if isinstance(found, Take) else Submission(asked, found)


async def poll(session: Session, purchase: Submission) -> FinishedTask:
    """Wait until the provider has made the clip; polling is free.

    Raises:
        TaskFailedError: the provider failed and refunds; `retryable` says whether submitting again may help.
        PollTimeoutError, ProviderUnavailableError, StoreError: ask again later; the id is in the ledger.
    """
    _check_place(session, purchase.request)
    take = purchase.take or await asyncio.to_thread(kept, session.store, session.ledger, purchase.request.take_key)
    if take is not None or purchase.attempt is None:
        return FinishedTask(purchase, None, take)
    longest = session.settings.longest_wait
    try:
        task = await _poll(session.ledger, session.account.provider, purchase.attempt, longest=longest)
    except TaskFailedError as error:
        session.events.task_failed(purchase.attempt, error)
        raise
    return FinishedTask(purchase, task)


async def ingest(session: Session, made: FinishedTask) -> Take:
    """Fetch and store a finished clip before its URLs expire, check it, and settle its charge.

    Raises:
        MediaError: the provider's bytes are not a clip; it names where they are kept.
        ProviderUnavailableError, StoreError: run again: the task is polled and fetched, not bought again.
    """
    take_request, attempt = made.purchase.request.take_request, made.purchase.attempt
    _check_place(session, made.purchase.request)
    take = made.take or await asyncio.to_thread(kept, session.store, session.ledger, made.purchase.request.take_key)
    if take is not None:
        return take
    if take_request is None or attempt is None or made.task is None:
        raise AssertionError("a generation without a take has a finished task")
    async with session.keeping:
        take = await _ingest(session.assets, session.ledger, take_request, attempt, made.task)
    session.events.kept(attempt, take, made.label)
    return take


async def generate(session: Session, shot: Shot, **options: Any) -> Take:  # noqa: ANN401 - those of `upload`
    """Make one clip: all four parts in a row, with new attempts for refunded failures up to the limit of the settings.

    Args:
        session: of the film the clip is accounted to.
        shot: the clip to make.
        options: as in `upload`.

    Raises:
        LongtakeError: what any part raises; everything paid for is in the ledger and in the store by then.
    """
    options = {"model": None, "continue_from": None, "take": 1} | options
    spec = await asyncio.to_thread(spec_of, shot, session.catalog, **options)
    take_key = await identify(session.assets, spec)
    found = await asyncio.to_thread(kept, session.store, session.ledger, take_key)
    if found is not None:
        return found
    await _get_ready(session)
    try:
        return (await ensure_take(session, spec)).take
    except LongtakeError as error:
        session.events.not_obtained(spec, error)
        raise


async def _get_ready(session: Session) -> None:
    """Before the first purchase of a run: see that its clips could be used, and open the account with a reading of the balance.

    Without that reading the balance could not show later whether an attempt in doubt was charged.
    """
    run = shared_run(session.settings, session.run)
    if run.ready:
        return
    async with run.gate:
        if not run.ready:
            await asyncio.to_thread(preflight.check, session.store, catalog=session.catalog)
            await session.account.balance(session.store)
            run.ready = True


def _place(session: Session) -> str:
    return f"account {session.ledger.account} in {session.store.uri}"


def _check_place(session: Session, asked: ClipRequest) -> None:
    """See that a part has the account and the store of the part before it: another ledger knows nothing of its attempt.

    Raises:
        SettingsError: it has not; nothing was sent.
    """
    if asked.place != (here := _place(session)):
        raise SettingsError(
            f"{asked.label} was prepared for {asked.place}, and this call is for {here}",
            next_step="give every part of a clip the same credentials and the same store",
        )
