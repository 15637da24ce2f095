"""Whether the provider on this machine is the emulator: known by what it says of itself, not by its host.

A proxy to the real provider may listen on this machine too. What is bought through it is the provider's: the ledger is the one that
the key has under the provider's other names, and the clips count for the same films. The emulator names itself in each answer.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from longtake.ledger.account_names import account_of, all_accounts, is_loopback
from longtake.ledger.identity import key_digest

if TYPE_CHECKING:
    from longtake.settings import Settings
    from longtake.store import Store

Realm = Literal["provider", "loopback"]

HEADER = "Longtake-Emulator"
"""The header in each answer of the emulator."""
PROXIED = "provider"
"""What ledgers of the provider are named after where it is reached through this machine."""
_PATIENCE = 2.0
"""Seconds for a server on this machine to answer."""


def says_emulator(base_url: str) -> bool | None:
    """Ask a server whether it is the emulator, without the key; None where it does not answer. Free."""
    import http.client  # noqa: PLC0415 - a plan for a provider elsewhere needs none of it

    parts = urlsplit(base_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with contextlib.closing(kind(parts.hostname or "", parts.port, timeout=_PATIENCE)) as connection:
        try:
            connection.request("GET", parts.path or "/", headers={"Connection": "close"})
            return connection.getresponse().getheader(HEADER) is not None
        except (OSError, http.client.HTTPException):
            return None


def host_of(settings: Settings, store: Store | None) -> str:
    """Return the host that the provider's ledgers are named after: its own, or another where it is reached through this machine.

    A server on this machine that does not answer sells nothing; it is taken for the emulator, and a run asks it again before it
    buys. A key that has a ledger as an emulator's in the store goes on with that one: else what it holds would be bought again.

    Args:
        settings: name the provider, and perhaps the key.
        store: where the ledgers lie.

    Raises:
        StoreError: the store is away.
    """
    if not settings.loopback or says_emulator(settings.base_url) is not False:
        return settings.host
    key = settings.api_key.get_secret_value() if settings.api_key is not None else ""
    own = key_digest(account_of(PROXIED, key))
    for account in all_accounts(store) if store is not None else ():
        if is_loopback(host_in(account)) and (not key or key_digest(account) == own):
            return settings.host
    return PROXIED


def host_in(account: str) -> str:
    """Return the host that an account is named after."""
    return account.rpartition("-")[0]


def realm_of(host: str) -> Realm:
    """Return the kind of provider whose accounts are named after a host: an emulator's clips never count as the real one's."""
    return "loopback" if is_loopback(host) else "provider"
