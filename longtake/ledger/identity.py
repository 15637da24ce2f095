"""Which ledger is a key's: one for each key and provider, whatever names the provider's host goes by.

A ledger is named after the host under which its key was first used. ``accounts/<realm>-<digest of the key>.json`` says which one
it is; the record is created once, so that processes that choose at the same time agree. Releases before that record made a ledger
for each host: of these the one with open attempts goes on, and none is moved.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from longtake.errors import LedgerError, PreflightError, SettingsError, StoreError, TwoLedgersError
from longtake.ledger.account_names import account_of, accounts_in, all_accounts, is_loopback
from longtake.ledger.entry_log import EntryLog

if TYPE_CHECKING:
    from longtake.store import Store


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    v: Literal[1] = 1
    account: str


class Identity(BaseModel):
    """The ledger of a key.

    Attributes:
        account: its name in the store.
        settles: empty, or why it takes no intent: it is another ledger of the key, opened to settle what is open in it.
    """

    model_config = ConfigDict(frozen=True)

    account: str
    settles: str = ""


def ledgers_of_key(store: Store, *, host: str, key: str) -> list[str]:
    """Return the ledgers that a key has in a store, under all names of the provider.

    Raises:
        StoreError: the store is away.
    """
    own = account_of(host, key)
    return [name for name in accounts_in(store, host=host) if same_key(name, own)]


def same_key(account: str, other: str) -> bool:
    """Whether two ledgers are of one key at one provider."""
    kinds = {(is_loopback(name.rpartition("-")[0]), key_digest(name)) for name in (account, other)}
    return len(kinds) == 1


class OtherLedgers:
    """The other ledgers of a ledger's key: what moves in one of them moves the balance that all of them are compared with."""

    def __init__(self, store: Store, account: str) -> None:
        self._store, self._account = store, account
        self._logs: list[EntryLog] | None = None

    def heads(self, *, again: bool = False) -> dict[str, int] | None:
        """Return the last entry of each, 0 where something is open or cannot be read; None where there is no other.

        The store is asked once which there are, and once more with `again`.

        Raises:
            StoreError: the store is away.
        """
        if self._logs is None or again:
            names = [name for name in all_accounts(self._store) if name != self._account]
            self._logs = [EntryLog(self._store, name) for name in names if same_key(name, self._account)]
        return {log.account: _settled_head(log) for log in self._logs} or None


def _settled_head(log: EntryLog) -> int:
    try:
        state = log.read()
    except LedgerError:
        return 0
    return state.head if state.settled() else 0


def identify_ledger(store: Store, *, host: str, key: str, wanted: str | None = None, record: bool = False) -> Identity:
    """Return the ledger that a key pays with at the provider.

    Args:
        store: where the ledgers lie.
        host: a name of the provider's host.
        key: the key.
        wanted: one of the key's ledgers to open in place of the one that it pays with; that one takes no intent.
        record: whether to write down which ledger it is, where that is not written yet.

    Raises:
        TwoLedgersError: more than one ledger of the key has open attempts, and none is written down.
        SettingsError: `wanted` is not a ledger of this key.
        LedgerError: the record cannot be read, or names a ledger of another key.
        PreflightError: the record cannot be written.
        StoreError: the store is away.
    """
    own = account_of(host, key)
    if wanted and wanted != own and wanted not in (known := ledgers_of_key(store, host=host, key=key)):
        raise SettingsError(
            f"LONGTAKE_ACCOUNT: {wanted} is not a ledger of this key in {store.uri}",
            next_step=f"unset it, or name one of {', '.join(known) or 'no ledgers: the key has none yet'}",
        )
    place = f"accounts/{'loopback' if is_loopback(host) else 'provider'}-{key_digest(own)}.json"
    found = _read(store, place, own)
    if found is None:
        try:
            found = _chosen(store, ledgers_of_key(store, host=host, key=key), own=own)
        except TwoLedgersError as error:
            if not wanted:
                raise
            return Identity(account=wanted, settles=error.message)
        if record and not _create(store, place, found):
            # Another process was quicker, and may have seen other ledgers.
            found = _read(store, place, own) or found
    if not wanted or wanted == found:
        return Identity(account=found)
    return Identity(account=wanted, settles=f"{wanted} is not the ledger that this key pays with: that is {found}")


def _create(store: Store, place: str, account: str) -> bool:
    try:
        return store.put_if_absent(place, json.dumps({"v": 1, "account": account}).encode() + b"\n")
    except StoreError as error:
        raise PreflightError(
            error.message, next_step=error.next_step, check="store", step="write", cause="StoreError"
        ) from error


def _read(store: Store, place: str, own: str) -> str | None:
    data = store.get(place)
    if data is None:
        return None
    try:
        account = _Record.model_validate_json(data).account
    except ValidationError:
        wrong = "does not say which ledger is this key's"
    else:
        if same_key(account, own):
            return account
        wrong = f"names {account}, which is not a ledger of this key"
    raise LedgerError(
        f"{place} {wrong}",
        next_step="restore it from a backup, or use the release that wrote it; nothing is bought until then",
        key=place,
    )


def _chosen(store: Store, known: list[str], *, own: str) -> str:
    """The ledger to go on with: the one with open attempts; where none has any, the one of this host, or the longest."""
    if len(known) < 2:
        return known[0] if known else own
    open_: dict[str, list[str]] = {}
    heads: dict[str, int] = {}
    for name in known:
        log, holes = EntryLog(store, name), list[str]()
        try:
            log.read()
        except LedgerError as error:
            # What the missing entries opened is unknown.
            holes.append(error.message)
        state = log.known()
        heads[name] = state.head
        if found := [*state.attempts, *(f"a{one}" for one in state.lost), *holes]:
            open_[name] = found
    if len(open_) > 1:
        first, said = next(iter(open_)), "; ".join(f"{name}: {', '.join(found)}" for name, found in open_.items())
        raise TwoLedgersError(
            f"this key has {len(open_)} ledgers with open attempts, under several names of the provider ({said})",
            next_step=f"fetch what is open in one with `LONGTAKE_ACCOUNT={first} longtake run FILM` and settle its doubts with "
            f"`LONGTAKE_ACCOUNT={first} longtake credits resolve`; when only one has open attempts, it is used",
            key=f"ledger/{first}/",
            accounts=tuple(open_),
        )
    return next(iter(open_), own if own in known else max(known, key=lambda name: heads[name]))


def key_digest(account: str) -> str:
    """The part of a ledger's name that stands for its key."""
    return account.rpartition("-")[2]
