"""From a resolved shot to a request that can be sent: inputs digested, in the store, and readable by the provider.

A take is known in three steps: `TakeSpec` (which take of which shot), `TakeKey` (with the digests of its inputs, and so its
fingerprint), and `TakeRequest` (with the URLs of its inputs, and so the body to send).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake import library, request
from longtake.assets import frames, objects, sources
from longtake.assets.assets import can_host
from longtake.errors import MediaError
from longtake.ledger import Purchase

if TYPE_CHECKING:
    from longtake.assets.assets import Assets
    from longtake.catalog import Catalog
    from longtake.ledger import Ledger
    from longtake.library import Frame, Take
    from longtake.request import ResolvedShot
    from longtake.store import Store
    from longtake.take.spending import SetTag


@dataclass(frozen=True, slots=True)
class TakeSpec:
    """A wanted take: its number, its shot, its first frame and its end frame.

    Attributes:
        shot: the shot.
        take: its number, from 1.
        frame: the frame it starts from when it continues another shot.
        end: the frame its end is pinned to, so that the kept shot after it can stay.
        bridges: the fingerprint of that kept take; it is recorded and does not decide the take.
        source: the kept take whose last frame `frame` is.
    """

    shot: ResolvedShot
    take: int
    frame: Frame | None
    end: Frame | None = None
    bridges: str | None = None
    source: Take | None = None

    @property
    def label(self) -> str:
        """`scene/shot · take n`."""
        return f"{self.shot.label} · take {self.take}"


@dataclass(frozen=True, slots=True)
class TakeKey:
    """What identifies a take, known before anything is sent: the digests of all inputs and the fingerprint."""

    spec: TakeSpec
    digests: dict[int, str]
    fingerprint: str
    description: str

    @property
    def has_inputs(self) -> bool:
        """Whether the provider is given media in addition to the prompt."""
        return bool(self.spec.shot.inputs) or self.spec.frame is not None or self.spec.end is not None

    def order(self, *, film: str, run: str, tag: SetTag) -> Purchase:
        """The purchase that an intent in the ledger records for this take."""
        shot = self.spec.shot
        return Purchase(
            film=film,
            scene=shot.scene,
            shot=shot.id,
            take=self.spec.take,
            fingerprint=self.fingerprint,
            description=self.description,
            model=shot.model,
            run=run,
            expected=shot.expected.credits,
            reserve=shot.reserve.credits,
            set=tag.name,
            labels=dict(tag.labels),
            exact=shot.duration > 0 and all(i.seconds is not None for i in shot.inputs if i.role == "video"),
        )

    def frozen_body(self, catalog: Catalog) -> dict[str, Any]:
        """The request with digests for URLs: what the ledger and the take keep."""
        frame, end = self.spec.frame, self.spec.end
        return request.frozen_body(
            self.spec.shot,
            digests=self.digests,
            frame=frame.sha256 if frame else None,
            end=end.sha256 if end else None,
            catalog=catalog,
        )


@dataclass(frozen=True, slots=True)
class TakeRequest:
    """A request that can be sent. The body holds URLs, which may be signed, so it is never logged or stored."""

    take_key: TakeKey
    body: dict[str, Any] = field(repr=False)


async def identify(assets: Assets, spec: TakeSpec) -> TakeKey:
    """Compute the fingerprint of a take; inputs given as URLs are fetched and stored to digest them.

    Raises:
        UrlRefusedError: an input URL is private or not http(s).
        MediaError, ProviderUnavailableError: an input could not be read, or is not what the provider takes.
        StoreError: the store is away.
    """
    shot, realm = spec.shot, assets.realm
    digests = {index: item.sha256 for index, item in enumerate(shot.inputs) if item.sha256 is not None}
    digests |= {index: source.sha256 for index, source in (await sources.read(assets, shot)).items()}
    fingerprint = request.fingerprint(
        shot,
        take=spec.take,
        realm=realm,
        digests=digests,
        frame=spec.frame.sha256 if spec.frame else None,
        end=spec.end.sha256 if spec.end else None,
    )
    description = request.description(shot, realm=realm, digests=digests)
    return TakeKey(spec=spec, digests=digests, fingerprint=fingerprint, description=description)


async def upload(assets: Assets, take_key: TakeKey, *, rehost: int = 0) -> TakeRequest:
    """Put every input into the store, once per digest, and check that the provider can read its URL.

    Args:
        assets: the run's.
        take_key: the take's.
        rehost: how often the provider could not read the inputs of this take in this run. From 1 on our own copies are checked
            again, and each gets a URL that the provider has not seen.

    Raises:
        UrlRefusedError: the store has no URL that the provider can read.
        MediaError, ProviderUnavailableError: a URL does not answer as an input must (provider-contract.md §4).
        StoreError: the store is away.
    """
    spec, again = take_key.spec, rehost > 0
    shot = spec.shot
    served = await sources.read(assets, shot)
    urls: dict[int, str] = {}
    for index, item in enumerate(shot.inputs):
        source = served.get(index)
        if isinstance(item.source, Path):
            digest = take_key.digests[index]
            key = await objects.place(
                assets, item.source, digest=digest, format=item.format, name=item.name, again=again
            )
        elif source is None or source.sha256 != take_key.digests[index]:
            raise MediaError(f"{item.name} changed while the run was under way", next_step="run again")
        elif not again and not await asyncio.to_thread(can_host, assets):
            # The provider can read the URL that the storyboard names.
            await assets.provider.check_readable(item.source, digest_bytes=source.facts.bytes, head=False)
            urls[index] = item.source
            continue
        else:
            key = source.key
        urls[index] = await objects.url_of(assets, key, name=item.name, again=again)
    frame_url = end_url = None
    if spec.frame is not None:
        name = "the frame it continues"
        frame_url = await frames.frame_url(assets, spec.frame, source=spec.source, name=name, again=again)
    if spec.end is not None:
        end_url = await objects.url_of(assets, spec.end.key, name="the end frame", again=again)
    body = request.body(shot, urls=urls, frame_url=frame_url, end_url=end_url, catalog=assets.catalog)
    return TakeRequest(take_key=take_key, body=body)


def kept(store: Store, ledger: Ledger, take_key: TakeKey) -> Take | None:
    """Return the take if the store holds it, and settle the charge that a run left open when it died."""
    take = library.load(store, take_key.fingerprint)
    if take is not None:
        attempt = ledger.read().find(take_key.fingerprint)
        if attempt is not None and attempt.phase == "completed":
            ledger.settled(attempt, clip=take.clip.sha256)
    return take
