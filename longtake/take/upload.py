"""From a resolved shot to a request that can be sent: inputs digested, in the store, and readable by the provider."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake import inputs, record, request
from longtake.errors import MediaError, UrlRefusedError
from longtake.ledger import Order

if TYPE_CHECKING:
    from longtake.record import Frame, Take
    from longtake.request import Resolved, ResolvedShot
    from longtake.take.session import Session

_INPUT_LIMIT = 200 * 1024 * 1024
_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "gif": "image/gif",
    "heic": "image/heic",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One take that is wanted: the shot, the take's number, and the frame it starts from when it continues another."""

    shot: ResolvedShot
    take: int
    frame: Frame | None

    @property
    def label(self) -> str:
        """`scene/shot · take n`."""
        return f"{self.shot.label} · take {self.take}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What decides a take, known without sending anything: digests of all inputs and the fingerprint."""

    wanted: Wanted
    digests: dict[int, str]
    fingerprint: str
    description: str

    def order(self, session: Session) -> Order:
        """What an intent for this take says it is for."""
        shot = self.wanted.shot
        return Order(
            film=session.film,
            scene=shot.scene,
            shot=shot.id,
            take=self.wanted.take,
            fingerprint=self.fingerprint,
            description=self.description,
            model=shot.model,
            run=session.run,
            expected=shot.expected.credits,
            reserve=shot.reserve.credits,
            exact=shot.duration > 0 and all(i.seconds is not None for i in shot.inputs if i.role == "video"),
        )

    def frozen_body(self, session: Session) -> dict[str, Any]:
        """The request with digests for URLs: what the ledger and the take keep."""
        frame = self.wanted.frame
        return request.frozen_body(
            self.wanted.shot, digests=self.digests, frame=frame.sha256 if frame else None, catalog=session.catalog
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that can be sent. The body holds URLs, which may be signed: it is never logged or kept."""

    identity: Identity
    body: dict[str, Any] = field(repr=False)


async def read_inputs(session: Session, resolved: Resolved) -> None:
    """Fetch every input given as a URL, once, before anything is planned or bought.

    Raises:
        UrlRefusedError, MediaError, ProviderUnavailableError: one cannot be read; nothing was sent to the provider.
        StoreError: the store is away.
    """
    for shot in resolved.shots:
        for item in shot.inputs:
            if item.sha256 is None:
                await _url_digest(session, str(item.source))


async def identify(session: Session, wanted: Wanted) -> Identity:
    """Work out the fingerprint; inputs given as URLs are fetched and kept to know what they are.

    Raises:
        UrlRefusedError: an input URL is private or not http(s).
        MediaError, ProviderUnavailableError: an input could not be read.
        StoreError: the store is away.
    """
    shot = wanted.shot
    digests: dict[int, str] = {}
    for index, item in enumerate(shot.inputs):
        if item.sha256 is not None:
            digests[index] = item.sha256
        else:
            digests[index] = await _url_digest(session, str(item.source))
    frame = wanted.frame.sha256 if wanted.frame else None
    realm = session.settings.realm
    return Identity(
        wanted=wanted,
        digests=digests,
        fingerprint=request.fingerprint(shot, take=wanted.take, realm=realm, digests=digests, frame=frame),
        description=request.description(shot, take=wanted.take, realm=realm, digests=digests),
    )


async def upload(session: Session, identity: Identity) -> Prepared:
    """Put every input into the store, once per digest, and see that its URL can be read by others.

    Raises:
        UrlRefusedError: the store has no URL that the provider can read.
        MediaError, ProviderUnavailableError: a URL does not answer as an input must (contract §4).
        StoreError: the store is away.
    """
    urls: dict[int, str] = {}
    for index, item in enumerate(identity.wanted.shot.inputs):
        if isinstance(item.source, Path):
            key = _media_key(identity.digests[index], item.source.suffix)
            await asyncio.to_thread(_unchanged, item.source, item.name, identity.digests[index])
            await asyncio.to_thread(session.store.put_file, key, item.source, content_type=_content_type(key))
        else:
            key = await _stored_key(session, identity.digests[index])
        urls[index] = await _readable(session, key, name=item.name)
    frame = identity.wanted.frame
    frame_url = await _readable(session, frame.key, name="the last frame") if frame else None
    body = request.body(identity.wanted.shot, urls=urls, frame_url=frame_url, catalog=session.catalog)
    return Prepared(identity=identity, body=body)


def kept(session: Session, identity: Identity) -> Take | None:
    """The take if the store holds it; books a charge that a dead run left open."""
    take = record.load(session.store, identity.fingerprint)
    if take is not None:
        attempt = session.book.read().find(identity.fingerprint)
        if attempt is not None and attempt.phase == "completed":
            session.book.settled(attempt, clip=take.clip.sha256)
    return take


# -- inside --------------------------------------------------------------------------------------------------------------


def _unchanged(path: Path, name: str, digest: str) -> None:
    """A file that was edited since the storyboard was read would be paid for under the old one's name."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(
            f"{name} cannot be read any more: {error.strerror}", next_step="put it back and run again"
        ) from None
    if found != digest:
        raise MediaError(f"{name} changed while the run was under way", next_step="run again: it is read anew then")


def _content_type(key: str) -> str:
    return _TYPES.get(key.rpartition(".")[2], "application/octet-stream")


def _media_key(digest: str, suffix: str) -> str:
    extension = suffix.lstrip(".").lower()
    return f"media/{digest}.{extension if extension in _TYPES else 'bin'}"


async def _stored_key(session: Session, digest: str) -> str:
    key = await asyncio.to_thread(lambda: next(session.store.list(f"media/{digest}."), None))
    return key or f"media/{digest}.bin"


async def _url_digest(session: Session, url: str) -> str:
    if url not in session.url_digests:
        session.url_digests[url] = await _fetch_input(session, url)
        await asyncio.to_thread(inputs.remember, session.store, url, session.url_digests[url])
    return session.url_digests[url]


async def _fetch_input(session: Session, url: str) -> str:
    from longtake import media  # noqa: PLC0415 - loads libav only when an input comes by URL

    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        path = Path(folder) / "input"
        fetched = await session.provider.fetch(url, path, limit=_INPUT_LIMIT, kind="any")
        facts = await asyncio.to_thread(media.inspect, path)
        key = _media_key(fetched.sha256, facts.format)
        await asyncio.to_thread(session.store.put_file, key, path, content_type=_content_type(key))
    return fetched.sha256


async def _readable(session: Session, key: str, *, name: str) -> str:
    url = await asyncio.to_thread(session.store.url_for_others, key)
    if url is None:
        raise UrlRefusedError(
            f"the provider cannot read {name}: the store {session.store.uri} has no URL for others",
            next_step="set LONGTAKE_PUBLIC_URL to a base URL under which the store can be read, or use an S3 store",
        )
    await session.provider.check_readable(url)
    return url
