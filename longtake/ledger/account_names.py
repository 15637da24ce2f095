"""Names of accounts: the provider's host and a digest of the key, and which of them have a log in a store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtake.store import Store


def account_of(host: str, key: str) -> str:
    """The name of an account's log: the provider's host and a digest of the key, which cannot be turned back."""
    digest = hashlib.sha256(b"longtake account\0" + key.encode()).hexdigest()[:12]
    return f"{_safe(host)}-{digest}"


def _safe(host: str) -> str:
    return (
        "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in host.lower()).lstrip(".-") or "host"
    )


def is_loopback(host: str) -> bool:
    """Whether a host, or the host in an account's name, is this machine."""
    return _safe(host) in {"localhost", _safe("::1")} or host.startswith("127.")


def accounts_in(store: Store, *, host: str) -> list[str]:
    """Return the accounts with a provider that have a log in this store, whatever names of its host they were used under.

    What an emulator on this machine was paid is not the provider's, nor the other way round: nothing else tells two providers
    apart, and clips of one count for the other's films in just the same way.

    Args:
        store: where the logs lie.
        host: a name of the provider's host.
    """
    own = is_loopback(host)
    return [name for name in all_accounts(store) if is_loopback(name.rpartition("-")[0]) == own]


def all_accounts(store: Store) -> list[str]:
    """Return every account that has a log in this store, whatever its provider; one short listing for each."""
    home = store.path("ledger/x")
    if home is not None:
        # To list one file of a folder on disk is to read all its names, and a long log has many.
        return sorted(folder.name for folder in home.parent.glob("*") if folder.is_dir())
    found: list[str] = []
    key = next(store.list("ledger/", limit=1), None)
    while key is not None:
        found.append(key.split("/")[1])
        # '0' is the character behind '/': the next key that does not lie under this account.
        key = next(store.list("ledger/", limit=1, after=f"ledger/{found[-1]}0"), None)
    return found
