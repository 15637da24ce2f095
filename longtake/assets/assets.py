"""What the provider reads: files, frames and URLs, put into the store and given to it as URLs; and which can be given at all."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from longtake.assets.hosting import FrameUrl, Hosting
from longtake.ledger.realm import host_in, realm_of

if TYPE_CHECKING:
    from longtake.catalog import Catalog
    from longtake.ledger.realm import Realm
    from longtake.library import Frame, Take
    from longtake.provider import Provider
    from longtake.request import ResolvedShot
    from longtake.settings import Settings
    from longtake.store import Store

DAY = 24 * 3600
HANDED_ON = DAY
"""Seconds after a take was kept in which the provider may still serve its frame: 7 days or 24 h (provider-contract.md §1)."""


@dataclass(frozen=True, eq=False)
class Assets:
    """Where inputs and frames are, and how the provider gets at them.

    Attributes:
        store: where everything is kept.
        provider: an open client, which also reads URLs as the provider would.
        settings: the public URL, and how long URLs must live.
        catalog: what the provider takes.
        account: the ledger's account, whose takes the provider can be asked about.
        hosting: what was put, read and looked at in this run.
    """

    store: Store
    provider: Provider
    settings: Settings
    catalog: Catalog
    account: str
    hosting: Hosting = field(default_factory=Hosting)

    @property
    def realm(self) -> Realm:
        """The kind of provider that clips come from: an emulator's never count as the real one's."""
        return realm_of(host_in(self.account))


def can_host(assets: Assets) -> bool:
    """Whether the store has URLs for others at all: a public base, or presigned ones."""
    return assets.store.url_for_others("media/0.png") is not None


def can_hand_on(assets: Assets, take: Take) -> bool:
    """Whether the provider may still serve the last frame of a kept take."""
    age = (datetime.now(UTC) - take.kept_at).total_seconds()
    return (
        take.last_frame.source == "provider"
        and take.account == assets.account
        and bool(take.task_id)
        and age < HANDED_ON
    )


def needs_host(assets: Assets, shot: ResolvedShot, source: Take | None = None) -> bool:
    """Whether a shot to buy can only be read from the store: it is given files, or continues a frame that is ours alone.

    Args:
        assets: the run's.
        shot: the shot.
        source: the kept take it continues; None when that is still to be bought or there is none.
    """
    files = any(not isinstance(given.source, str) for given in shot.inputs)
    ours = source is not None and (source.corrected is not None or not can_hand_on(assets, source))
    return files or ours


def remember_frame(assets: Assets, frame: Frame, url: str | None, *, seen: bool = False) -> None:
    """Remember where the provider serves a frame that we keep; one cut from the clip has no such place.

    Args:
        assets: the run's.
        frame: the frame.
        url: the provider's URL of it.
        seen: whether it was fetched from there just now.
    """
    if frame.source == "provider" and url is not None:
        assets.hosting.frames[frame.sha256] = FrameUrl(url, time.time(), time.time() if seen else 0.0)
