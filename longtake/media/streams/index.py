"""The order of a clip's coded frames: where it may be cut without decoding anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Index:
    """A clip's frames in the order they are stored (decode order).

    `ranks[k]` is the place in presentation order of the k-th stored frame, `keys` are the stored positions of key frames,
    `regular` says that the frames are evenly spaced and that all of them are shown.
    """

    ranks: tuple[int, ...]
    keys: frozenset[int]
    regular: bool

    @classmethod
    def build(cls, times: Sequence[int], keys: frozenset[int], *, ticks: float, whole: bool) -> Index:
        """Make one from presentation times in decode order; `ticks` is the length of a frame in the same unit."""
        order = sorted(range(len(times)), key=times.__getitem__)
        ranks = [0] * len(times)
        for rank, position in enumerate(order):
            ranks[position] = rank
        start = times[order[0]] if order else 0
        even = all(abs(times[position] - start - rank * ticks) <= 1 + ticks / 50 for rank, position in enumerate(order))
        return cls(tuple(ranks), keys, whole and even)

    @property
    def delay(self) -> int:
        """Frames a decoder holds back: how far the stored order ever runs ahead of the shown one."""
        return max((position - rank for position, rank in enumerate(self.ranks)), default=0)

    def cut(self, limit: int) -> int:
        """The most frames, up to `limit`, that can be taken from the start.

        A prefix of the stored order needs nothing after it; it can be used when it also is a prefix of the shown order.
        """
        best = highest = 0
        for position in range(min(limit, len(self.ranks))):
            highest = max(highest, self.ranks[position] + 1)
            if highest == position + 1:
                best = highest
        return best

    def start(self, first: int) -> int | None:
        """The first place from `first` on where playing can begin: a key frame that nothing after it looks back past."""
        highest = 0
        for position, rank in enumerate(self.ranks):
            if position >= first and position in self.keys and highest == position == rank:
                return position
            highest = max(highest, rank + 1)
        return None
