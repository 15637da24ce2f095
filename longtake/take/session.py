"""What one run of one film holds open."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pydantic import ValidationError

from longtake import library, telemetry
from longtake import store as stores
from longtake.assets.assets import Assets
from longtake.errors import LedgerGapError, NotSentError, PreflightError, SettingsError, StoreError
from longtake.ledger import Budget, EntryLog, Ledger, Limits, Used, accounts_in, identify_ledger
from longtake.ledger.attempt import day_of
from longtake.ledger.budget import UsedElsewhere
from longtake.ledger.identity import same_key
from longtake.ledger.ledger import now
from longtake.ledger.realm import host_in, host_of, realm_of, says_emulator
from longtake.observer import Observer
from longtake.provider import Provider
from longtake.take.account import Account
from longtake.take.events import AttemptEvents
from longtake.take.purchase_queue import PurchaseQueue
from longtake.take.shared_takes import SharedTakes
from longtake.take.spending import SetTag, Spending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from longtake.catalog import Catalog
    from longtake.ledger import Attempt
    from longtake.provider import PollCadence
    from longtake.settings import Settings
    from longtake.store import Store

_log = logging.getLogger("longtake.take")

KEPT_AT_ONCE = 4 * (os.cpu_count() or 1)
"""Takes that are fetched and checked side by side. Each needs a core for a while: a hundred at once would all end at the same time,
and their chains would wait until then."""


class Session:
    """One run of one film: the account that pays, the assets, and what may be spent. Not a dataclass: Prefect walks those.

    Args:
        settings: limits and places.
        catalog: the provider's models and rules.
        provider: an open client.
        store: where everything is kept.
        ledger: the account's ledger.
        film: the film's slug.
        budget: credits the film may ever cost, None for no limit.
        run_budget: credits this run may cost, in addition to the budget of the settings; None for none of its own.
        tag: the film set that the film belongs to.
        run: an id of this run; one is made when there is none.
        observer: notified of each step and each change.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        catalog: Catalog,
        provider: Provider,
        store: Store,
        ledger: Ledger,
        film: str,
        budget: int | None = None,
        run_budget: int | None = None,
        tag: SetTag = SetTag(),  # noqa: B008 - frozen
        run: str | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.settings = settings
        self.catalog = catalog
        self.store = store
        self.ledger = ledger
        limits = Limits(in_flight=settings.account_in_flight, per_second=settings.submits_per_second)
        self.account = Account(ledger, provider, limits, PurchaseQueue())
        self.assets = Assets(store, provider, settings, catalog, ledger.account)
        fixed = Budget(run=settings.run_budget, day=settings.day_budget)
        base = Budget(film=budget, set=tag.budget, run=run_budget).within(fixed)
        self.spending = Spending(film, run or uuid.uuid4().hex, fixed, base, tag)
        self.events = AttemptEvents(observer or Observer(), self.spending, ledger)
        self.slots = asyncio.Semaphore(settings.max_in_flight)
        """Takes in flight in this run."""
        self.takes = SharedTakes()
        """Takes that this run is obtaining."""
        self.keeping = asyncio.Semaphore(KEPT_AT_ONCE)
        """Takes being fetched and checked."""
        self._confirmed = not settings.loopback

    def __repr__(self) -> str:
        return f"Session(film={self.film!r}, account={self.ledger.account!r})"

    @property
    def film(self) -> str:
        """The film's slug."""
        return self.spending.film

    @property
    def run(self) -> str:
        """The id of this run."""
        return self.spending.run

    async def confirm_provider(self) -> None:
        """See, before anything is bought, that a provider on this machine is what this run took it for: the emulator or not.

        Raises:
            NotSentError: it does not answer.
            SettingsError: it is not.
        """
        if self._confirmed:
            return
        said = await asyncio.to_thread(says_emulator, self.settings.base_url)
        if said is None:
            raise NotSentError(f"nothing was sent: {self.settings.host} does not answer")
        # A key that has a ledger as an emulator's goes on with it, whatever answers.
        if said and self.assets.realm != "loopback":
            raise SettingsError(
                f"nothing was sent: {self.settings.base_url} is an emulator now, and was not when this run began",
                next_step="run again",
            )
        if not said and self.assets.realm == "loopback":
            found = await asyncio.to_thread(host_of, self.settings, self.store)
            if realm_of(found) != "loopback":
                raise SettingsError(
                    f"nothing was sent: {self.settings.base_url} is no emulator, as this run took it for while it did not answer",
                    next_step="run again",
                )
        self._confirmed = True


def ledger_of(settings: Settings, store: Store, *, record: bool = True) -> Ledger:
    """The ledger of the account that the settings name: one for a key, under whatever name of the provider's host.

    Args:
        settings: name the key, the provider, and perhaps another of the key's ledgers, which is opened to be settled only.
        store: where ledgers lie.
        record: whether to write down which ledger is the key's, where that is not yet known.

    Raises:
        TwoLedgersError: the key has several ledgers with open attempts.
        SettingsError: there is no key, or the key has no such ledger.
        StoreError: the store is away.
    """
    found = identify_ledger(
        store,
        host=host_of(settings, store),
        key=settings.key().get_secret_value(),
        wanted=settings.account,
        record=record,
    )
    return Ledger(store, found.account, settles=found.settles, by=settings.by)


@asynccontextmanager
async def open_session(
    settings: Settings,
    *,
    catalog: Catalog,
    film: str,
    budget: int | None,
    run_budget: int | None = None,
    tag: SetTag = SetTag(),  # noqa: B008 - frozen
    run: str | None = None,
    observer: Observer | None = None,
    store: Store | None = None,
    ledger: Ledger | None = None,
    cadence: PollCadence | None = None,
) -> AsyncIterator[Session]:
    """Open a run's connections; the arguments are those of `Session`. A store and a ledger that are open already are used.

    The first time an account is used with a store, the store is raced to see that it really creates an object only once: a ledger
    on a store that does not would let two workers buy the same take. Polls come in the rhythm of `cadence`, by default the real
    provider's.

    Raises:
        SettingsError: no key, or a store URI that cannot be used.
        StoreError: the store is away.
        PreflightError: the store is not fit for a ledger; nothing was sent.
    """
    store = store if store is not None else stores.of(settings)
    ledger = ledger if ledger is not None else await asyncio.to_thread(ledger_of, settings, store)
    state = await asyncio.to_thread(ledger.read)
    if state.head == 0:
        await asyncio.to_thread(_check_new, store, ledger)
        try:
            await asyncio.to_thread(stores.check_conditional, store)
        except StoreError as error:
            raise PreflightError(
                error.message, next_step=error.next_step, check="store", step="race", cause="StoreError"
            ) from error
    foreign, spent = await asyncio.to_thread(
        _elsewhere, store, host_in(ledger.account), ledger.account, film, run=run or "", film_set=tag.name
    )
    realm = realm_of(host_in(ledger.account))
    run = run or uuid.uuid4().hex
    async with (
        telemetry.observing(settings, observer, film=film, run=run, ledger=ledger) as watch,
        Provider(base_url=settings.base_url, key=settings.key(), cadence=cadence, realm=realm) as provider,
    ):
        session = Session(
            settings=settings,
            catalog=catalog,
            provider=provider,
            store=store,
            ledger=ledger,
            film=film,
            budget=budget,
            run_budget=run_budget,
            tag=tag,
            run=run,
            observer=watch,
        )
        session.spending.foreign, session.spending.elsewhere = foreign, spent
        session.spending.halted = ledger.refusal
        yield session


def _check_new(store: Store, ledger: Ledger) -> None:
    """Raise for an empty ledger of a key that takes were bought with: its ledger was lost, and with it every claim and doubt."""
    for key in store.list("takes/"):
        try:
            take = library.Take.model_validate_json(store.get(key) or b"")
        except ValidationError:
            _log.warning("%s is not a take record, so its account is unknown", key)
            continue
        # Another process may have begun the ledger since it was read, and another name of the provider may have one.
        if (
            same_key(take.account, ledger.account)
            and ledger.read().head == 0
            and EntryLog(store, take.account).read_as_far().head == 0
        ):
            raise LedgerGapError(
                f"the ledger of {take.account} is empty, but {take.shot} of {take.film} was bought with it "
                f"(attempt {take.attempt})",
                key=f"ledger/{take.account}/",
            )


def _elsewhere(
    store: Store, host: str, account: str, film: str, *, run: str, film_set: str
) -> tuple[dict[str, tuple[str, Attempt]], UsedElsewhere]:
    """Open attempts in other ledgers of the provider's, and what these hold against the budgets."""
    found: dict[str, tuple[str, Attempt]] = {}
    all_keys, same = Used(), Used()
    today = day_of(now())
    for other in accounts_in(store, host=host):
        if other != account:
            state = EntryLog(store, other).read_as_far()
            used = state.used(film=film, run=run, film_set=film_set, day=today)
            all_keys = all_keys.plus(film=used.film)
            if same_key(other, account):
                same = same.plus(film=used.film, film_set=used.set, run=used.run, day=used.day)
            found |= {a.order.fingerprint: (other, a) for a in state.attempts.values()}
    return found, UsedElsewhere(film=all_keys.film, set=same.set, run=same.run, days={today: same.day})
