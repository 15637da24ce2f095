"""Salvage: ingest the clip of a finished attempt that no shot needs as it was bought."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from longtake import library
from longtake.errors import CatalogError, MediaError
from longtake.ledger.entries import Intent
from longtake.library import Frame, PriceSource, Take
from longtake.take.background import in_background
from longtake.take.ingest import (
    Expected,
    checks_of,
    clip_file,
    corrected_frame,
    examine,
    fetched,
    paid,
    put_clip,
    seam_of,
)
from longtake.take.last_frame import last_frame, own_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longtake.assets.assets import Assets
    from longtake.ledger import Attempt, Ledger, Purchase
    from longtake.library import Revision
    from longtake.plan import Comparison


async def salvage(assets: Assets, ledger: Ledger, attempt: Attempt, comparison: Comparison | None = None) -> Take:
    """Ingest the clip of a finished attempt that no shot needs as it was bought: where one does again, its take is there.

    Of a chain that is not kept its color is not known, and of an estimate that the catalog would not give today its rate.

    Args:
        assets: the run's.
        ledger: the account's.
        attempt: the finished attempt.
        comparison: the storyboard it was bought for as it is now, against what is kept: says what its end was pinned to, which
            take it continues, and whether the frame that it leaves is corrected. None where there is none.

    Raises:
        MediaError, ProviderUnavailableError, StoreError: it could not be ingested now; polling is free, so a later run may.
    """
    order = attempt.order
    task = await assets.provider.poll(attempt.task_id or "")
    if not task.video_urls:
        raise MediaError(f"task {task.id} shows no video any more", next_step="ask the provider about this task")
    intent = await asyncio.to_thread(ledger.log.entry, attempt.sequence)
    body = intent.body if isinstance(intent, Intent) else {}
    first, last = _pinned(assets, order.model, body)
    decided: Sequence[Revision] = ()
    before, corrects = None, False
    if comparison is not None:
        decided = comparison.take_library.decided(order.shot, order.description)
        if any(one.id == order.shot and one.parent is None for one in comparison.resolved.shots):
            first = None  # It is pinned to a frame that it was given, and continues no shot.
        before = comparison.take_library.leaving(first) if first is not None else None
        corrects = comparison.resolved.loaded.board.match == "chain"
    pin = next((one for one in decided if one.end is not None and one.end.sha256 == last), None)
    async with fetched(assets, task.video_urls[0]) as (digest, size, path):
        key = await put_clip(assets, digest, path)
        seen = await in_background(examine, assets, path, _expected(assets, order.model, body), digest)
        frame = await last_frame(assets, attempt, task) or await own_frame(assets, attempt, path)
        given = Frame(key=f"media/{first}.png", sha256=first, source="clip") if first is not None else None
        begins = await in_background(seam_of, assets, given, path)
    step = begins.correction if begins is not None and corrects else None
    corrected = await in_background(corrected_frame, assets, frame, step) if step is not None else None
    tone = seen.measures.tone

    def write() -> Take:
        now = ledger.read().attempts.get(attempt.id) or attempt
        take = library.save(
            assets.store,
            Take(
                fingerprint=order.fingerprint,
                description=order.description,
                frame=first,
                end=last if pin is not None else None,
                bridges=pin.bridges if pin is not None else None,
                model=order.model,
                request=body,
                clip=clip_file(key, digest, size, seen),
                last_frame=frame,
                checks=checks_of(seen),
                tone=tone,
                anchor=tone if first is None else before and (before.anchor or before.tone),
                corrected=corrected,
                seam=begins.before if begins is not None else None,
                rate=_rate(assets, order, body),
                shot=f"{order.scene}/{order.shot}",
                take=order.take,
                **paid(ledger, now),
            ),
        )
        ledger.settled(attempt, clip=take.clip.sha256)
        return take

    return await asyncio.to_thread(write)


def _pinned(assets: Assets, model: str, body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The digests of the frames that a request begins and ends with."""
    known = assets.catalog.models.get(model)
    if known is None:
        return None, None
    item = known.frame_item
    frames = {one.get(item.role): str(one.get(item.url)) for one in body.get(known.fields.frames) or ()}
    first, last = (frames.get(role, "").removeprefix("sha256:") or None for role in (item.first_frame, item.last_frame))
    return first, last


def _rate(assets: Assets, order: Purchase, body: Mapping[str, Any]) -> PriceSource | None:
    """The rate of an estimate; None where the catalog gives another one today."""
    known = assets.catalog.models.get(order.model)
    seconds = body.get(known.fields.duration) if known is not None else None
    if known is None or not isinstance(seconds, int):
        return None
    try:
        price = assets.catalog.price(order.model, resolution=str(body.get(known.fields.resolution)), seconds=seconds)
    except CatalogError:
        return None
    if price.credits != order.expected:
        return None
    return PriceSource(expected=price.credits, as_of=price.as_of, source=price.source, planning=price.planning)


def _expected(assets: Assets, model: str, body: Mapping[str, Any]) -> Expected:
    """The expected clip of a request, from the request and the catalog."""
    known = assets.catalog.models.get(model)
    if known is None:
        return Expected()
    names = known.fields
    seconds = body.get(names.duration)
    return Expected(
        seconds=seconds if isinstance(seconds, int) and seconds > 0 else None,
        pixels=known.pixels_or_none(str(body.get(names.size)), str(body.get(names.resolution))),
        audio=body.get(names.generate_audio) is True or None,
    )
