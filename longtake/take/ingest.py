"""Ingest a finished task: fetch and store its results before their URLs expire, check them, record the take, settle the charge."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from longtake import library, media
from longtake import store as stores
from longtake.errors import LongtakeError, MediaError
from longtake.library import Checks, ClipFile, Frame, PriceSource, Take
from longtake.take.background import in_background
from longtake.take.last_frame import last_frame, meanwhile, own_frame, put_frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from longtake.assets.assets import Assets
    from longtake.ledger import Attempt, Ledger
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
        fetched(assets, task.video_urls[0]) as (digest, size, path),
        meanwhile(late(path, provided)) as leaving,
    ):
        key = await put_clip(assets, digest, path)
        expected = Expected(shot.duration if shot.duration > 0 else None, shot.pixels, shot.generate_audio or None)
        try:
            seen = await in_background(examine, assets, path, expected, digest)
        except MediaError as error:
            raise MediaError(
                f"{spec.label}: {error.message}; task {task.id}, kept as {key}", next_step=error.next_step
            ) from error
        for finding in seen.findings:
            _log.warning("%s: %s", spec.label, finding.text)
        frame = await leaving
        begins = await in_background(seam_of, assets, spec.frame, path)
    tone = seen.measures.tone
    source = source or spec.source
    anchor = tone if source is None else source.anchor or tone
    step = begins.correction if begins is not None and shot.match == "chain" else None
    corrected = await in_background(corrected_frame, assets, frame, step) if step is not None else None
    clip = clip_file(key, digest, size, seen)
    seam = begins.before if begins is not None else None
    seen_as = {"checks": checks_of(seen), "tone": tone, "anchor": anchor, "corrected": corrected, "seam": seam}
    return await asyncio.to_thread(
        _write, assets, ledger, take_request, attempt, clip=clip, frame=frame, seen_as=seen_as
    )


@contextlib.asynccontextmanager
async def fetched(assets: Assets, url: str) -> AsyncIterator[tuple[str, int, Path]]:
    """Copy the clip from the provider to this machine; gives its digest, its bytes, and the file."""
    with assets.store.spool() as path:
        fetched = await assets.provider.fetch(url, path, limit=_CLIP_LIMIT, kind="video")
        yield fetched.sha256, fetched.bytes, path


async def put_clip(assets: Assets, digest: str, path: Path) -> str:
    """Put the clip into the store; gives its key."""
    key = f"media/{digest}.mp4"
    await asyncio.to_thread(assets.store.put_file, key, path, content_type="video/mp4")
    return key


def examine(assets: Assets, path: Path, expected: Expected, digest: str) -> Examination:
    """Examine the clip, and store its tail where a joint to a shot that continues it would have to encode one."""
    with stores.temporary_folder() as folder:
        tail = folder / "tail.mp4"
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


def clip_file(key: str, digest: str, size: int, seen: Examination) -> ClipFile:
    """The clip as its take's record names it."""
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


def checks_of(seen: Examination) -> Checks:
    """What the checks of a clip said, as its take's record keeps it."""
    return Checks(passed=seen.passed, score=seen.score, findings=tuple(finding.text for finding in seen.findings))


def paid(ledger: Ledger, attempt: Attempt) -> dict[str, Any]:
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
            **paid(ledger, current),
            **seen_as,
        ),
    )
    ledger.settled(attempt, clip=take.clip.sha256)
    return take


def seam_of(assets: Assets, given: Frame | None, clip: Path) -> media.SeamMatch | None:
    """The step from the frame a shot was given to its first frame; None if it was given none, or it cannot be measured."""
    if given is None:
        return None
    try:
        with stores.local_copy(assets.store, given.key) as png:
            return media.match_seam(png, clip)
    except (LongtakeError, OSError) as error:  # a number less, and no reason to lose the take
        _log.warning("the seam to frame %s is not measured: %s", given.key, error)
        return None


def corrected_frame(assets: Assets, frame: Frame, step: media.ColorCorrection) -> Frame:
    """The frame without the shot's step of color, which would otherwise add up down the chain."""
    with stores.temporary_folder() as folder, stores.local_copy(assets.store, frame.key) as png:
        path = folder / "corrected.png"
        media.correct_image(png, step, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return Frame(key=put_frame(assets, digest, path), sha256=digest, source="clip")
