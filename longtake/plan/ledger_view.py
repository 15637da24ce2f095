"""What the ledgers in a store say of a film: its open attempts, and what counts against each budget. Reading needs no key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from longtake import library
from longtake.ledger import Attempt, EntryLog, Used, accounts_in, identify_ledger
from longtake.ledger.budget import Scope
from longtake.ledger.identity import key_digest
from longtake.ledger.readings import differs
from longtake.ledger.realm import host_of
from longtake.library import Frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.ledger import LedgerState
    from longtake.settings import Settings
    from longtake.store import Store


class LedgerView(BaseModel):
    """What the ledgers in a store say: open attempts of all accounts with a provider, and what counts against each budget."""

    attempts: list[Attempt] = Field(default_factory=list)
    used: Used = Used()
    notes: list[str] = Field(default_factory=list)
    """What a person should know of them: a balance that differed at its last reading."""
    frames: dict[str, Frame] = Field(default_factory=dict)
    """Recorded last frames of these attempts, by task id."""


def provider_of(settings: Settings, store: Store | None) -> tuple[str | None, str]:
    """Return the account that pays, None without a key or a store, and the host that its provider's accounts are named after.

    Writes nothing.

    Raises:
        TwoLedgersError: the key has several ledgers with open attempts: a run would refuse, too.
        SettingsError: the key has no such ledger.
        StoreError: the store is away.
    """
    key = settings.api_key.get_secret_value() if settings.api_key is not None else ""
    host = host_of(settings, store)
    if not key or store is None:
        return None, host
    return identify_ledger(store, host=host, key=key, wanted=settings.account).account, host


def read_books(
    store: Store | None, host: str, film: str, *, own: EntryLog | None = None, account: str | None = None, run: str = ""
) -> LedgerView:
    """Read the ledgers of all accounts with a provider.

    Args:
        store: where they lie; None when there is no store yet.
        host: the provider's.
        film: the film's slug.
        own: the log of the account that pays, where it is open already: it reads only what is new.
        account: the account that pays, when `own` is not given. When neither is known, the day of the busiest account counts.
        run: the run that pays, for what it has used so far.

    Raises:
        StoreError: the store is away.
    """
    payer = own.account if own is not None else account
    ledgers = read_ledgers(store, host, own=own, account=payer)
    found = view_of(ledgers, film, payer=payer, run=run)
    return found.model_copy(update={"frames": library.read_last_frames(store, ledgers)})


def read_ledgers(
    store: Store | None, host: str, *, own: EntryLog | None = None, account: str | None = None
) -> dict[str, LedgerState]:
    """Read the ledgers of all accounts with a provider, by account. Arguments and errors are those of `read_books`."""
    if store is None:
        return {}
    payer = own.account if own is not None else account

    def read(name: str) -> LedgerState:
        log = own if own is not None and own.account == name else EntryLog(store, name)
        # Without a key nothing can be bought: a hole is no reason to show no plan.
        return log.read() if payer == name else log.read_as_far()

    return {name: read(name) for name in accounts_in(store, host=host)}


def view_of(
    ledgers: Mapping[str, LedgerState], film: str, *, payer: str | None = None, run: str = "", film_set: str = ""
) -> LedgerView:
    """What ledgers that were read say of one film.

    Args:
        ledgers: by account.
        film: the film's slug.
        payer: the account that pays; when it is not known, the busiest account counts.
        run: the run that pays, for what it has used so far.
        film_set: the slug of the film set that the film belongs to.
    """
    attempts: list[Attempt] = []
    notes: list[str] = []
    film_used, refunds = 0, dict[Scope, int]()
    keys: dict[str, Used] = {}
    """By the digest of the key: one may have several ledgers, which share its budgets."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for name, state in ledgers.items():
        attempts.extend(state.attempts.values())
        used = state.used(film=film, run=run, day=today, film_set=film_set)
        film_used += used.film
        key = key_digest(name)
        keys[key] = keys.get(key, Used()).plus(film=0, film_set=used.set, run=used.run, day=used.day)
        pays = payer is None or payer == name
        if pays and state.offset:
            said = differs(state.offset, state.agreed)
            notes.append(f"{said}, as it was last read: explain it with `longtake credits adjust`")
        if pays and state.lost:
            notes.append(f"nothing is bought: entry {state.lost[0]} of the ledger of {name} is lost")
        if pays:
            refunds |= {scope: refunds.get(scope, 0) + credits for scope, credits in used.refunds.items()}
    paying = [used for key, used in keys.items() if payer is None or key == key_digest(payer)]
    most = {scope: max((getattr(used, scope) for used in paying), default=0) for scope in ("set", "run", "day")}
    return LedgerView(attempts=attempts, used=Used(film=film_used, refunds=refunds, **most), notes=notes)
