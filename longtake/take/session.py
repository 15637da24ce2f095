"""What one run holds open: provider, store, ledger, and how much may be under way."""

from __future__ import annotations

import asyncio
import os
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from longtake import record
from longtake import store as stores
from longtake.errors import KeyRefusedError, PreflightError, StoreError, TransientError
from longtake.ledger import Book, Budget, Limits, Log, Report, account_of, accounts_in, check_balance, poll_known
from longtake.provider import Provider, failure
from longtake.take.hosting import Hosting
from longtake.take.line import Line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from longtake.catalog import Catalog
    from longtake.errors import LongtakeError
    from longtake.ledger import Attempt
    from longtake.settings import Settings
    from longtake.store import Store

KEPT_AT_ONCE = 4 * (os.cpu_count() or 1)
"""Takes that are fetched and checked side by side. Each wants a core for a while: a hundred at once would all be done at the end,
and their chains stand still until then."""


class Session:
    """The open connections of one run of one film. Not a dataclass on purpose: Prefect walks those.

    Args:
        settings: limits and where things are.
        catalog: the provider's models and rules.
        provider: an open client.
        store: where everything is kept.
        book: the account's ledger.
        film: the film's slug.
        budget: credits the film may ever cost, None for no limit.
        run_budget: credits this run may cost, besides the budget of the settings; None for none of its own.
        run: an id of this run; one is made when there is none.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        catalog: Catalog,
        provider: Provider,
        store: Store,
        book: Book,
        film: str,
        budget: int | None = None,
        run_budget: int | None = None,
        run: str | None = None,
    ) -> None:
        self.settings = settings
        self.catalog = catalog
        self.provider = provider
        self.store = store
        self.book = book
        self.film = film
        self.run = run or uuid.uuid4().hex
        self.fixed = Budget(run=settings.run_budget, day=settings.day_budget)
        """Budgets that nobody lifts."""
        self.standing = Budget(film=budget, run=run_budget).within(self.fixed)
        """The budget before any approval, or as a person lifted it."""
        self.budget = self.standing
        """The budget in force."""
        self.limits = Limits(in_flight=settings.account_in_flight, per_second=settings.submits_per_second)
        self.slots = asyncio.Semaphore(settings.max_in_flight)
        self.keeping = asyncio.Semaphore(KEPT_AT_ONCE)
        self.line = Line()
        """Those in this run that want to buy."""
        self.refused: LongtakeError | None = None
        """The refusal of a budget that people were told of."""
        self.foreign: dict[str, tuple[str, Attempt]] = {}
        """Open attempts of other keys of this provider, by fingerprint: after a change of key they still hold their takes."""
        self.elsewhere = 0
        """Credits that the film has used under other keys; they count against its budget."""
        self.hosting = Hosting()
        """Where the provider reads inputs, and what was looked at in this run."""
        self.halted: LongtakeError | None = None
        """Why nothing more is bought in this run: the budget, the account or the key. What is under way goes on."""

    def __repr__(self) -> str:
        return f"Session(film={self.film!r}, account={self.book.account!r})"

    def approve(self, credits: int, *, lift: bool = False) -> None:
        """Let this run cost so many credits in all, what it has spent included; a person decided that.

        The budgets of the settings stay. So do those of the film and of the run, unless `lift` says that the person was asked
        about these.

        Raises:
            StoreError: the store is away.
        """
        used = self.book.used(film=self.film, run=self.run, elsewhere=self.elsewhere)
        self.budget = self.standing.approve(credits, used=used, lift=lift, fixed=self.fixed)
        if lift:
            self.standing = self.budget

    def settle_kept(self) -> None:
        """Book the charges of takes that a run kept before it died.

        Raises:
            StoreError: the store is away.
        """
        for attempt in list(self.book.read().attempts.values()):
            if attempt.phase == "completed":
                take = record.load(self.store, attempt.order.fingerprint)
                if take is not None:
                    self.book.settled(attempt, clip=take.clip.sha256)

    async def balance(self) -> Report | None:
        """Compare the balance with the ledger if nothing is under way, else None. Free, and never worth failing for.

        Raises:
            KeyRefusedError: the key does not work, so nothing else will.
        """
        try:
            # What a dead run left open is asked for, so that it neither hides a drift nor keeps a refund from being seen.
            await poll_known(self.book, self.provider, lambda task: failure(task).retryable)
            await asyncio.to_thread(self.settle_kept)
            return await check_balance(self.book, self.provider)
        except KeyRefusedError:
            raise
        except TransientError:
            return None


def book_of(settings: Settings, store: Store) -> Book:
    """The ledger of the account that the settings name.

    Raises:
        SettingsError: there is no key.
    """
    return Book(store, account_of(settings.host, settings.key().get_secret_value()))


@asynccontextmanager
async def open_session(
    settings: Settings,
    *,
    catalog: Catalog,
    film: str,
    budget: int | None,
    run_budget: int | None = None,
    run: str | None = None,
) -> AsyncIterator[Session]:
    """Open a run's connections; the arguments are those of `Session`.

    The first time an account is used with a store, the store is raced to see that it really creates an object only once: a ledger
    on a store that does not would let two workers buy the same take.

    Raises:
        SettingsError: no key, or a store URI that cannot be used.
        StoreError: the store is away.
        PreflightError: the store is not fit for a ledger; nothing was sent.
    """
    store = stores.of(settings)
    book = book_of(settings, store)
    state = await asyncio.to_thread(book.read)
    if state.head == 0:
        try:
            await asyncio.to_thread(stores.check_conditional, store)
        except StoreError as error:
            raise PreflightError(
                error.message, next_step=error.next_step, check="store", step="race", cause="StoreError"
            ) from error
    foreign, spent = await asyncio.to_thread(_elsewhere, store, settings.host, book.account, film)
    async with Provider(base_url=settings.base_url, key=settings.key()) as provider:
        session = Session(
            settings=settings,
            catalog=catalog,
            provider=provider,
            store=store,
            book=book,
            film=film,
            budget=budget,
            run_budget=run_budget,
            run=run,
        )
        session.foreign, session.elsewhere = foreign, spent
        yield session


def _elsewhere(store: Store, host: str, account: str, film: str) -> tuple[dict[str, tuple[str, Attempt]], int]:
    """Open attempts under other keys of the provider, and what the film has used of theirs, in credits."""
    found: dict[str, tuple[str, Attempt]] = {}
    spent = 0
    for other in accounts_in(store, host=host):
        if other != account:
            state = Log(store, other).read()
            spent += state.used(film=film)
            found |= {a.order.fingerprint: (other, a) for a in state.attempts.values()}
    return found, spent
