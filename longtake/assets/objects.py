"""Objects of the store as the provider reads them: each put there once in a run, and looked at once through its URL."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from longtake import store as stores
from longtake.assets.assets import DAY
from longtake.assets.hosting import ObjectUrl
from longtake.errors import MediaError, ProviderUnavailableError, StoreError, UrlRefusedError

if TYPE_CHECKING:
    from longtake.assets.assets import Assets
    from longtake.assets.hosting import Hosting
    from longtake.settings import Settings
    from longtake.store import ObjectInfo

_log = logging.getLogger("longtake.take")

_WEEK = 7 * DAY
_QUEUE = 2 * 3600
"""Seconds a request may be put off before it is sent: rate limits, a store that is away."""
_TYPES = {
    "jpeg": ("jpg", "image/jpeg"),
    "png": ("png", "image/png"),
    "webp": ("webp", "image/webp"),
    "bmp": ("bmp", "image/bmp"),
    "tiff": ("tiff", "image/tiff"),
    "gif": ("gif", "image/gif"),
    "heic": ("heic", "image/heic"),
    "mp4": ("mp4", "video/mp4"),
    "mov": ("mov", "video/quicktime"),
    "mp3": ("mp3", "audio/mpeg"),
    "wav": ("wav", "audio/wav"),
    "m4a": ("m4a", "audio/mp4"),
    "aac": ("aac", "audio/aac"),
}
"""What a file of a format, as found in its bytes, is called and served as."""
_OTHER = ("bin", "application/octet-stream")
_ALIASES = {"jpeg": "image/jpeg", "tif": "image/tiff"} | dict(_TYPES.values())


async def place(assets: Assets, path: Path, *, digest: str, format: str | None, name: str, again: bool = False) -> str:  # noqa: A002 - its word everywhere
    """Put a file into the store unless its bytes are there, and return the key.

    The key and the content type follow from what the bytes are, never from the file's name: the same bytes have one key.
    An object of theirs that lies there already is used when its name stands for the same type.

    Args:
        assets: the run's.
        path: the file.
        digest: SHA-256 of what it is taken for; a file that was edited since is refused.
        format: what its bytes are, as `media.inspect` says.
        name: what a person calls it.
        again: check the store, even if this run stored it before.

    Raises:
        MediaError: the file changed, or cannot be read any more.
        StoreError: the store is away.
    """
    hosting = assets.hosting
    async with hosting.locks[digest]:
        if again or digest not in hosting.keys:
            await asyncio.to_thread(_unchanged, path, name, digest)
            kind = _TYPES.get(format or "", _OTHER)
            key = await asyncio.to_thread(_key, assets, digest, *kind)
            await asyncio.to_thread(assets.store.put_file, key, path, content_type=kind[1])
            hosting.keys[digest] = key
        return hosting.keys[digest]


async def url_of(assets: Assets, key: str, *, name: str, again: bool = False) -> str:
    """A URL of an object in the store that outlives the queue and the generation, looked at once in a run.

    Args:
        assets: the run's.
        key: the object's, which begins with its digest.
        name: what a person calls it.
        again: the provider could not read the URL before: make another one, of the other kind where there are two
            (public and presigned), and read all of it.

    Raises:
        UrlRefusedError: the store has no URL for others, or it does not serve the object.
        ProviderUnavailableError: it does not answer now.
        StoreError: the store is away, or has lost the object.
    """
    hosting = assets.hosting
    async with hosting.locks[key]:
        known = hosting.addresses.get(key)
        if known is not None and not again and known.until - time.time() >= _needed(assets.settings):
            return known.url
        found = await asyncio.to_thread(assets.store.head, key)
        if found is None:
            raise StoreError(f"{name} is not in the store any more: {key}", key=key)
        number = known.number if known is not None else 0
        if not again:
            made = await _address(assets, found, number, name)
            await _look(assets, found, made)
        else:
            made = await _another(assets, found, number, name)
        hosting.addresses[key] = made
        return made.url


async def _another(assets: Assets, found: ObjectInfo, number: int, name: str) -> ObjectUrl:
    """An address that serves every byte of the object; when the kind whose turn it is does not, the other kind."""
    for last in (False, True):
        number += 1
        made = await _address(assets, found, number, name)
        try:
            await _read_whole(assets, found, made)
        except (UrlRefusedError, MediaError, ProviderUnavailableError):
            if last:
                raise
            continue
        return made
    raise AssertionError("the last address is returned or raises")


async def _address(assets: Assets, found: ObjectInfo, number: int, name: str) -> ObjectUrl:
    # A second less of life each time makes a signature that was never handed out before.
    seconds = _life(assets.settings) - number
    until = time.time() + seconds
    url = await asyncio.to_thread(_new_url, assets, found.key, seconds, number)
    if url is None:
        raise UrlRefusedError(
            f"the provider cannot read {name}: the store {assets.store.uri} has no URL for others",
            next_step="set LONGTAKE_PUBLIC_URL to a base URL under which the store can be read, or use an S3 store",
        )
    return ObjectUrl(url, until, number)


def _new_url(assets: Assets, key: str, seconds: int, number: int) -> str | None:
    settings = assets.settings
    if settings.public_url is None:
        return assets.store.url_for_others(key, seconds=seconds)
    if number % 2:
        signed = stores.of(settings.model_copy(update={"public_url": None})).url_for_others(key, seconds=seconds)
        if signed is not None:
            return signed
    url = assets.store.url_for_others(key, seconds=seconds)
    # What stands between may have kept an answer to the old URL, a bad one too.
    return f"{url}?again={number}" if url is not None and number else url


async def _look(assets: Assets, found: ObjectInfo, made: ObjectUrl) -> None:
    """The first byte decides. HEAD is tried once for each kind of URL, and a failure is logged."""
    hosting, parts = assets.hosting, urlsplit(made.url)
    kind = (f"{parts.scheme}://{parts.netloc}", bool(parts.query))
    first = kind not in hosting.asked_head
    hosting.asked_head.add(kind)
    seen = await assets.provider.check_readable(made.url, digest_bytes=found.size, head=first)
    if seen.head is False:
        _warn(
            hosting,
            "the inputs on %s answer GET but not HEAD: the provider may refuse them. LONGTAKE_PUBLIC_URL can name a base "
            "that answers both",
            parts.netloc,
        )
    wanted = _ALIASES.get(found.key.rpartition(".")[2], "").partition("/")[0]
    if wanted and seen.content_type is not None and seen.content_type.partition("/")[0] != wanted:
        _warn(
            hosting,
            "the inputs on %s are served as %s, where they are %s: the provider may refuse them",
            parts.netloc,
            seen.content_type,
            wanted,
        )


async def _read_whole(assets: Assets, found: ObjectInfo, made: ObjectUrl) -> None:
    """The provider could not read this before, so the first byte is not enough."""
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        read = await assets.provider.fetch(made.url, Path(folder) / "input", limit=max(found.size, 1), kind="any")
    if read.sha256 != found.key.rpartition("/")[2].partition(".")[0]:
        raise UrlRefusedError(
            f"the URL of {found.key} serves different bytes from those the store should hold",
            next_step="check what is between the store and its URLs, such as a cache, or remove the object and run again",
        )


def _warn(hosting: Hosting, text: str, *values: object) -> None:
    if text not in hosting.warned:
        hosting.warned.add(text)
        _log.warning(text, *values)


def _needed(settings: Settings) -> float:
    """Seconds a URL must still live when it is prepared: another run's task may have to fail first, then ours is made."""
    return min(2 * settings.longest_wait + _QUEUE, _WEEK / 2)


def _life(settings: Settings) -> int:
    """Seconds a new URL lives: long enough to be sent with several requests, never more than S3 allows."""
    return int(max(DAY, 2 * _needed(settings)))


def _key(assets: Assets, digest: str, ending: str, content_type: str) -> str:
    there = assets.store.list(f"media/{digest}.")
    return next((k for k in there if _ALIASES.get(k.rpartition(".")[2]) == content_type), f"media/{digest}.{ending}")


def _unchanged(path: Path, name: str, digest: str) -> None:
    """A file that was edited since the storyboard was read would be paid for under the old one's name."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(
            f"{name} can no longer be read: {error.strerror}", next_step="restore the file and run again"
        ) from None
    if found != digest:
        raise MediaError(f"{name} changed while the run was under way", next_step="run again")
