"""Free disk, held against what a run will write: clips on their way in, and the film while it is joined."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import PreflightError
from longtake.preflight.result import Checked, reason
from longtake.take.session import KEPT_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from longtake.catalog import Catalog
    from longtake.plan import Plan
    from longtake.request import Resolved, ResolvedShot
    from longtake.store import Store

_MARGIN = 64 * 1024**2
"""Bytes that have to be free whatever the film: logs, snapshots, the ledger."""
_RATE, _AREA, _GROWTH = 3.2e6, 854 * 480, 0.75
"""The bit rate of a clip of this area in pixels (measured at 480p), and the exponent by which the rate grows with the area."""
_LARGEST = 1920, 1080
"""Pixels of a clip where they cannot be known before."""
_LARGER = "free some disk, or set TMPDIR or LONGTAKE_STORE to a folder on a larger one; nothing was charged"
_SAMPLES = 48_000 * 2 * 2
"""Bytes of uncompressed sound in a second: 48 kHz, stereo, 16 bits."""


@dataclass(frozen=True, slots=True)
class Spool:
    """Bytes a run will write: `temporary` into the folder for temporary files, `stored` into the store."""

    temporary: int = 0
    stored: int = 0


def estimate(
    resolved: Resolved, plan: Plan, *, catalog: Catalog, local: bool, only: Collection[str] | None = None
) -> Spool:
    """Estimate what a run will write.

    Args:
        resolved: the film.
        plan: what is to be bought of it.
        catalog: how long a clip can get whose length the model chooses.
        local: the store is a folder of this machine: its clips are joined where they are.
        only: ids of the shots this run makes, if it leaves the film to another; None where it also joins the film.
    """
    clips = {shot.id: _clip_bytes(shot, catalog.seconds_at_most(shot.duration)) for shot in resolved.shots}
    frames = {shot.id: 2 * _frame_bytes(shot) for shot in resolved.shots}
    bought = [
        row.id
        for row in plan.shots
        if only is None or row.id in only
        for _ in range(row.to_buy + (row.attempt is not None))
    ]
    # A clip on its way in may lie here twice: as it comes, and as the file that is examined.
    keeping = sum(nlargest(KEPT_AT_ONCE, (2 * clips[shot] + frames[shot] for shot in bought)))
    stored = sum(clips[shot] + frames[shot] for shot in bought)
    if only is not None:
        return Spool(keeping, stored if local else 0)
    board = resolved.loaded.board
    film = sum(clips.values()) * (1 + board.hls + len(board.deliverables))
    copies = 0 if local else sum(clips.values())
    sound = 0 if board.sound is None else math.ceil(resolved.seconds * _SAMPLES)
    return Spool(max(keeping, film + copies + sound), stored + film if local else 0)


def check_disk(store: Store, spool: Spool = Spool()) -> Checked:
    """Compare the estimate with the free space of the temporary folder and, for a folder as store, of its volume.

    A file system that does not report its size is skipped.

    Raises:
        PreflightError: there is less, or no folder for temporary files; names the folder and both numbers.
    """
    try:
        return Checked("disk", "; ".join(_volumes(store, spool)))
    except OSError as error:
        raise PreflightError(
            f"free disk cannot be measured: {reason(error)}",
            next_step=_LARGER,
            check="disk",
            step="measure",
            cause=type(error).__name__,
        ) from error


def _volumes(store: Store, spool: Spool) -> Iterator[str]:
    """Say how much is free on each volume."""
    wanted = {Path(tempfile.gettempdir()): spool.temporary}
    probe = store.path("probe")
    if probe is not None:
        root = _existing(probe.parent)
        wanted[root] = wanted.get(root, 0) + spool.stored
    volumes: dict[int, list[Path]] = defaultdict(list)
    for folder in wanted:
        volumes[folder.stat().st_dev].append(folder)
    for folders in volumes.values():
        names = " and ".join(map(str, folders))
        usage, needed = shutil.disk_usage(folders[0]), sum(wanted[folder] for folder in folders) + _MARGIN
        if usage.total and usage.free < needed:
            raise PreflightError(
                f"{names}: {_size(usage.free)} of disk are free, and this run may write {_size(needed)}",
                next_step=_LARGER,
                check="disk",
                step="measure",
            )
        yield f"{_size(usage.free)} free in {names}"


def _clip_bytes(shot: ResolvedShot, seconds: int) -> int:
    width, height = shot.pixels or _LARGEST
    return math.ceil(seconds * _RATE / 8 * math.pow(width * height / _AREA, _GROWTH))


def _frame_bytes(shot: ResolvedShot) -> int:
    """A last frame as PNG, at most."""
    width, height = shot.pixels or _LARGEST
    return 3 * width * height


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there: a store is made by its first write."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{math.ceil(count / 1024**2)} MiB"
