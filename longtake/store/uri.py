"""Addresses of stores: which URI opens which kind."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from longtake.errors import SettingsError
from longtake.store.keys import is_key
from longtake.store.local import LocalStore
from longtake.store.s3 import S3Store

if TYPE_CHECKING:
    from longtake.settings import S3Settings, Settings
    from longtake.store.protocol import Store

_NEXT = "set LONGTAKE_STORE to file:///a/folder, a plain path, or s3://bucket/prefix"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]\Z")
_LONGEST_PREFIX = 256  # with a key of 512 characters this stays under S3's 1,024 bytes


def store_of(settings: Settings) -> Store:
    """Open the store of a run's settings, as `open_store` does."""
    return open_store(settings.store, public_url=settings.public_url, s3=settings.s3)


def open_store(uri: str, *, public_url: str | None = None, s3: S3Settings | None = None) -> Store:
    """Open the store at ``file:///abs/path``, at a plain path, or at ``s3://bucket/prefix``.

    Nothing is made or connected yet: a folder is made by the first write, S3 is asked by the first call.

    Args:
        uri: the address.
        public_url: a base URL under which others can read the store's objects (LONGTAKE_PUBLIC_URL).
        s3: endpoint, region, credentials and manners for S3; what it leaves empty boto3 finds itself.

    Raises:
        SettingsError: the address or the public URL is unusable, or a file lies where the folder should be.
    """
    if not uri.strip() or "\0" in uri:
        raise SettingsError("the address of the store is empty or holds a NUL", next_step=_NEXT)
    found = _SCHEME.match(uri)
    scheme = found.group(1).lower() if found else ""
    if scheme == "s3":
        return _bucket(uri, public_url, s3)
    if scheme == "file":
        return _local(_folder(uri), public_url)
    if scheme:
        raise SettingsError(f"a store cannot be at a {scheme}: address", next_step=_NEXT)
    return _local(Path(uri).expanduser().absolute(), public_url)


def _local(folder: Path, public_url: str | None) -> LocalStore:
    # A file at the path reads as an empty store: a plan would show nothing bought, and the first write would fail.
    for path in (folder, *folder.parents):
        if path.is_dir():
            break
        if os.path.lexists(path):
            raise SettingsError(f"the store {folder} cannot be a folder: {path} is a file", next_step=_NEXT)
    return LocalStore(folder, public_url=public_url)


def _folder(uri: str) -> Path:
    parts = urlsplit(uri)
    folder = unquote(parts.path)
    if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment or "\0" in folder:
        raise SettingsError("the file: address of the store is not file:///an/absolute/path", next_step=_NEXT)
    return Path(folder)


def _bucket(uri: str, public_url: str | None, s3: S3Settings | None) -> S3Store:
    # Not `urlsplit(...).hostname`: it would lower a bucket's letters. Messages leave the address out: a person may
    # have put keys into it.
    bucket, _, prefix = uri[len("s3://") :].partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.match(bucket) or (prefix and (len(prefix) > _LONGEST_PREFIX or not is_key(prefix))):
        raise SettingsError(
            "the s3: address of the store is not s3://bucket/prefix in letters, digits and ._-/, without keys in it",
            next_step=_NEXT,
        )
    return S3Store(bucket, prefix, public_url=public_url, settings=s3)
