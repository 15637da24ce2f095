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
from longtake.preflight.result import Checked
from longtake.take.session import KEPT_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Collection

    from longtake.plan import Plan
    from longtake.request import Resolved, ResolvedShot
    from longtake.store import Store

__all__ = ["Spool", "check_disk", "estimate"]

_MARGIN = 64 * 1024**2
"""Bytes that have to be free whatever the film: logs, snapshots, the ledger."""
_BITS = 0.4
"""Bits of a clip for each pixel of each frame; 0.33 were measured at 480p, 0.14 at 720p, and less above."""
_FPS = 24
_LARGEST = 1920, 1080
"""Pixels of a clip where they cannot be known before."""
_SAMPLES = 48_000 * 2 * 2
"""Bytes of uncompressed sound in a second: 48 kHz, stereo, 16 bits."""


@dataclass(frozen=True, slots=True)
class Spool:
    """Bytes a run will write: `temporary` into the folder for temporary files, `stored` into the store."""

    temporary: int = 0
    stored: int = 0


def estimate(resolved: Resolved, plan: Plan, *, local: bool, only: Collection[str] | None = None) -> Spool:
    """Estimate what a run will write at most.

    Args:
        resolved: the film.
        plan: what is to be bought of it.
        local: the store is a folder of this machine: its clips are joined where they are.
        only: ids of the shots this run makes, if it leaves the film to another; None where it also joins the film.
    """
    sizes = {shot.id: _clip_bytes(shot) for shot in resolved.shots}
    bought = [
        sizes[row.id]
        for row in plan.shots
        if only is None or row.id in only
        for _ in range(row.to_buy + (row.attempt is not None))
    ]
    # A clip on its way in may lie here twice: as it comes, and as the file that is examined.
    keeping = 2 * sum(nlargest(KEPT_AT_ONCE, bought))
    if only is not None:
        return Spool(keeping, sum(bought) if local else 0)
    board = resolved.loaded.board
    film = sum(sizes.values()) * (2 if board.hls else 1)
    clips = 0 if local else sum(sizes.values())
    sound = 0 if board.sound is None else math.ceil(resolved.seconds * _SAMPLES)
    return Spool(max(keeping, film + clips + sound), sum(bought) + film if local else 0)


def check_disk(store: Store, spool: Spool = Spool()) -> Checked:
    """Hold the estimate against what is free where temporary files go and, for a folder as store, where that is.

    Raises:
        PreflightError: there is less; names the folder and both numbers.
    """
    temporary = Path(tempfile.gettempdir())
    wanted = {temporary: spool.temporary}
    root = store.path("probe")
    if root is not None:
        wanted[_existing(root.parent)] = wanted.get(_existing(root.parent), 0) + spool.stored
    volumes: dict[int, list[Path]] = defaultdict(list)
    texts = []
    for folder in wanted:
        volumes[folder.stat().st_dev].append(folder)
    for folders in volumes.values():
        names = " and ".join(map(str, folders))
        free, needed = shutil.disk_usage(folders[0]).free, sum(wanted[folder] for folder in folders) + _MARGIN
        if free < needed:
            raise PreflightError(
                f"{names}: {_size(free)} of disk are free, and this run may write {_size(needed)}",
                next_step=(
                    "free some disk, or set TMPDIR or LONGTAKE_STORE to a folder on a larger one; nothing was charged"
                ),
                check="disk",
                step="measure",
            )
        texts.append(f"{_size(free)} free in {names}")
    return Checked("disk", "; ".join(texts))


def _clip_bytes(shot: ResolvedShot) -> int:
    width, height = shot.pixels or _LARGEST
    seconds = shot.duration if shot.duration > 0 else 60
    # With the clip come its last frame and perhaps a corrected one: PNG, at most three bytes a pixel each.
    return math.ceil(width * height * (seconds * _FPS * _BITS / 8 + 6))


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there: a store is made by its first write."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{math.ceil(count / 1024**2)} MiB"
