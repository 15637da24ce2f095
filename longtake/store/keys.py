"""Keys: which strings may name an object, and how a key is written in a URL."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from longtake.errors import SettingsError, StoreError

_LONGEST = 512
# A part begins with no dot: that rules out `..` and hidden folders, the local store's own temporary one among them.
# 255 bytes are what file systems take as a name.
_KEY = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._=-]{0,254}/)*[A-Za-z0-9_-][A-Za-z0-9._=-]{0,254}\Z")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._=-]{0,254}/)*(?:[A-Za-z0-9_-][A-Za-z0-9._=-]{0,254})?\Z")


def is_key(text: str) -> bool:
    """Whether ``text`` may name an object."""
    return len(text) <= _LONGEST and ".." not in text and _KEY.match(text) is not None


def check_key(key: str) -> str:
    """Give the key back, or raise `StoreError` when it may not name an object."""
    if not is_key(key):
        raise StoreError(f"{_shown(key)} is not a key a store takes", key=_shown(key), next_step=_ALLOWED)
    return key


def check_deletable(key: str) -> str:
    """Give the key back, or raise `StoreError` when it may not name an object or names one of the ledger."""
    # Some file systems do not tell `Ledger` from `ledger`.
    if check_key(key).lower().partition("/")[0] == "ledger":
        raise StoreError(f"{key} is of the ledger, of which nothing is ever deleted", key=key, next_step=_KEPT)
    return key


def check_prefix(prefix: str) -> str:
    """Give the beginning of keys back (it may be empty or end with ``/``), or raise `StoreError`."""
    if len(prefix) > _LONGEST or ".." in prefix or not _PREFIX.match(prefix):
        raise StoreError(f"{_shown(prefix)} is not the beginning of a key", key=_shown(prefix), next_step=_ALLOWED)
    return prefix


def public_base(url: str) -> str:
    """Check the base URL under which others read a store's objects; it comes back without a trailing slash.

    Raises:
        SettingsError: it is not http(s), or holds a password, a query or a fragment.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        # `port` is worked out on access and raises on rubbish.
        plain = not (parts.query or parts.fragment or "@" in parts.netloc or parts.port == 0)
    except ValueError:
        usable = plain = False
    if not usable or not plain or any(sign.isspace() or not sign.isprintable() for sign in url):
        raise SettingsError(
            "the public URL of the store is not a plain http(s) URL",
            next_step="set LONGTAKE_PUBLIC_URL to something like https://media.example.com/films, without a query",
        )
    return url.rstrip("/")


def join_url(base: str, key: str) -> str:
    """The URL of an object under a public base."""
    return f"{base}/{quote(key, safe='/')}"


_ALLOWED = "use letters, digits, `._=-` and `/` between parts, at most 512 characters, no part beginning with a dot"

_KEPT = "leave the ledger as it is: it says what was paid for"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "…")
