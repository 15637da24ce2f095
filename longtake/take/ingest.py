"""Ingest a finished task: fetch and store its results before their URLs expire, check them, record the take, settle the charge."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from longtake import library, media
from longtake import store as stores
from longtake.errors import LongtakeError, MediaError
from longtake.ledger.entries import Intent
from longtake.library import Checks, ClipFile, Frame, PriceSource, Take
from longtake.take.background import in_background
from longtake.take.last_frame import last_frame, meanwhile, own_frame, put_frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from longtake.assets.assets import Assets
    from longtake.ledger import Attempt, Ledger
    from longtake.library import Revision
    from longtake.media import Examination
    from longtake.provider import ProviderTask
    from longtake.take.upload import TakeRequest

_log = logging.getLogger("longtake.take")

_CLIP_LIMIT = 2 * 1024**3


class Expected(NamedTuple):
    """What a clip is checked against: seconds, width and height, sound; None where anything will do."""

    seconds: int | None = None
    pixels: tuple[int, int] | None = None
    audio: bool | None = None


async def ingest(
    assets: Assets,
    ledger: Ledger,
    take_request: TakeRequest,
    attempt: Attempt,
    task: ProviderTask,
    *,
    given: Frame | None = None,
    source: Take | None = None,
    hand_on: Callable[[Frame], None] | None = None,
) -> Take:
    """Copy the clip and its last frame into the store, then the record, then settle.

    The bytes go into the store before anything that may fail, so that a result is not lost for a check that a person would waive.

    Args:
        assets: the run's.
        ledger: the account's.
        take_request: the request of the take.
        attempt: the finished attempt.
        task: what the provider gave.
        given: its last frame, where `last_frame` was asked for it before.
        source: the kept take it continues, where that was not kept yet when the take was bought.
        hand_on: called with the last frame as soon as it is recorded.

    Raises:
        MediaError: the provider's bytes are no clip; it names where they lie.
        ProviderUnavailableError, StoreError: run again: the task is polled and fetched, not bought again.
    """
    spec, shot = take_request.take_key.spec, take_request.take_key.spec.shot
    if not task.video_urls:
        raise MediaError(
            f"task {task.id} is completed without a video",
            next_step="run again later; if that persists, ask the provider about this task",
        )

    async def early() -> Frame | None:
        return given or await last_frame(assets, attempt, task)

    async def late(path: Path, provided: Awaitable[Frame | None]) -> Frame:
        frame = await provided or await own_frame(assets, attempt, path)
        if hand_on is not None:
            hand_on(frame)
        return frame

    async with (
        meanwhile(early()) as provided,
        _fetched(assets, task.video_urls[0]) as (digest, size, path),
        meanwhile(late(path, provided)) as leaving,
    ):
        key = await _store(assets, digest, path)
        expected = Expected(shot.duration if shot.duration > 0 else None, shot.pixels, shot.generate_audio or None)
        try:
            seen = await in_background(_examine, assets, path, expected, digest)
        except MediaError as error:
            raise MediaError(
                f"{spec.label}: {error.message}; task {task.id}, kept as {key}", next_step=error.next_step
            ) from error
        for finding in seen.findings:
            _log.warning("%s: %s", spec.label, finding.text)
        frame = await leaving
        begins = await in_background(_seam, assets, spec.frame, path)
    tone = seen.measures.tone
    source = source or spec.source
    anchor = tone if source is None else source.anchor or tone
    step = begins.correction if begins is not None and shot.match == "chain" else None
    corrected = await in_background(_corrected, assets, frame, step) if step is not None else None
    clip = _clip_file(key, digest, size, seen)
    seam = begins.before if begins is not None else None
    seen_as = {"checks": _checks(seen), "tone": tone, "anchor": anchor, "corrected": corrected, "seam": seam}
    return await asyncio.to_thread(
        _write, assets, ledger, take_request, attempt, clip=clip, frame=frame, seen_as=seen_as
    )


@contextlib.asynccontextmanager
async def _fetched(assets: Assets, url: str) -> AsyncIterator[tuple[str, int, Path]]:
    """Copy the clip from the provider to this machine; gives its digest, its bytes, and the file."""
    with assets.store.spool() as path:
        fetched = await assets.provider.fetch(url, path, limit=_CLIP_LIMIT, kind="video")
        yield fetched.sha256, fetched.bytes, path


async def _store(assets: Assets, digest: str, path: Path) -> str:
    """Put the clip into the store; gives its key."""
    key = f"media/{digest}.mp4"
    await asyncio.to_thread(assets.store.put_file, key, path, content_type="video/mp4")
    return key


def _examine(assets: Assets, path: Path, expected: Expected, digest: str) -> Examination:
    """Examine the clip, and store its tail where a joint to a shot that continues it would have to encode one."""
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        tail = Path(folder) / "tail.mp4"
        seen = media.examine(
            path,
            seconds=expected.seconds,
            pixels=expected.pixels,
            audio=expected.audio,
            tail=tail,
        )
        if tail.exists():
            try:
                assets.store.put_file(library.tail_key(digest), tail, content_type="video/mp4")
            except (LongtakeError, OSError) as error:  # only a shortcut of a later join
                _log.warning("the tail of clip %s is not stored: %s", digest, error)
    return seen


async def salvage(
    assets: Assets, ledger: Ledger, attempt: Attempt, decided: Sequence[Revision] = (), *, continues: bool = True
) -> Take:
    """Ingest the clip of a finished attempt that no shot needs as it was bought: where one does again, its take is there.

    What the ledger and the decisions do not say of it is left out: the match of its seam and the color of its chain.

    Args:
        assets: the run's.
        ledger: the account's.
        attempt: the finished attempt.
        decided: the decisions on its shot, which name the frame that its end was pinned to.
        continues: whether it starts from the last frame of another shot, where it has a first frame.

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
    pin = next((one for one in decided if one.end is not None and one.end.sha256 == last), None)
    async with _fetched(assets, task.video_urls[0]) as (digest, size, path):
        key = await _store(assets, digest, path)
        seen = await in_background(_examine, assets, path, _expected(assets, order.model, body), digest)
        frame = await last_frame(assets, attempt, task) or await own_frame(assets, attempt, path)

    def write() -> Take:
        now = ledger.read().attempts.get(attempt.id) or attempt
        take = library.save(
            assets.store,
            Take(
                fingerprint=order.fingerprint,
                description=order.description,
                frame=first if continues else None,
                end=last if pin is not None else None,
                bridges=pin.bridges if pin is not None else None,
                model=order.model,
                request=body,
                clip=_clip_file(key, digest, size, seen),
                last_frame=frame,
                checks=_checks(seen),
                tone=seen.measures.tone,
                anchor=None if first is not None and continues else seen.measures.tone,
                shot=f"{order.scene}/{order.shot}",
                take=order.take,
                **_paid(ledger, now),
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


def _expected(assets: Assets, model: str, body: Mapping[str, Any]) -> Expected:
    """What a request asked for, as far as it and the catalog say."""
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


def _clip_file(key: str, digest: str, size: int, seen: Examination) -> ClipFile:
    return ClipFile(
        key=key,
        sha256=digest,
        bytes=size,
        width=seen.probe.width,
        height=seen.probe.height,
        frames=seen.probe.frames,
        seconds=float(seen.probe.seconds),
        audio=seen.probe.audio is not None,
    )


def _checks(seen: Examination) -> Checks:
    return Checks(passed=seen.passed, score=seen.score, findings=tuple(finding.text for finding in seen.findings))


def _paid(ledger: Ledger, attempt: Attempt) -> dict[str, Any]:
    """Where a take came from and what it cost."""
    return {
        "account": ledger.account,
        "attempt": attempt.id,
        "task_id": attempt.task_id or "",
        "credits": attempt.charge,
        "credits_from": "estimate" if attempt.credits is None else "usage",
        "film": attempt.order.film,
        "kept_at": datetime.now(UTC),
        "submitted_at": attempt.at,
    }


def _write(
    assets: Assets,
    ledger: Ledger,
    take_request: TakeRequest,
    attempt: Attempt,
    *,
    clip: ClipFile,
    frame: Frame,
    seen_as: dict[str, Any],
) -> Take:
    take_key, spec = take_request.take_key, take_request.take_key.spec
    price = spec.shot.expected
    current = ledger.read().attempts.get(attempt.id) or attempt
    take = library.save(
        assets.store,
        Take(
            fingerprint=take_key.fingerprint,
            description=take_key.description,
            frame=spec.frame.sha256 if spec.frame else None,
            end=spec.end.sha256 if spec.end else None,
            bridges=spec.bridges,
            model=spec.shot.model,
            request=take_key.frozen_body(assets.catalog),
            clip=clip,
            last_frame=frame,
            shot=spec.shot.label,
            take=spec.take,
            rate=PriceSource(expected=price.credits, as_of=price.as_of, source=price.source, planning=price.planning),
            **_paid(ledger, current),
            **seen_as,
        ),
    )
    ledger.settled(attempt, clip=take.clip.sha256)
    return take


def _seam(assets: Assets, given: Frame | None, clip: Path) -> media.SeamMatch | None:
    """The step from the frame a shot was given to the first one it shows; None where there is none, or it cannot be measured."""
    if given is None:
        return None
    try:
        with stores.local_copy(assets.store, given.key) as png:
            return media.match_seam(png, clip)
    except (LongtakeError, OSError) as error:  # a number less, and no reason to lose the take
        _log.warning("the seam to frame %s is not measured: %s", given.key, error)
        return None


def _corrected(assets: Assets, frame: Frame, step: media.ColorCorrection) -> Frame:
    """The frame without the shot's step of color, which would otherwise add up down the chain."""
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder, stores.local_copy(assets.store, frame.key) as png:
        path = Path(folder) / "corrected.png"
        media.correct_image(png, step, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return Frame(key=put_frame(assets, digest, path), sha256=digest, source="clip")
