"""Facts about a media file that a probe finds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtake.media.streams.index import Index
    from longtake.media.streams.sniff import MediaKind


@dataclass(frozen=True, slots=True)
class Audio:
    """A sound track: `rate` in samples a second, `seconds` by its own duration."""

    codec: str
    rate: int
    channels: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Color:
    """How numbers mean colors, by the code points of ITU-T H.273 (2: not said; range 0 not said, 1 limited, 2 full)."""

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    range: int = 0

    @property
    def hdr(self) -> str:
        """The kind of high dynamic range: PQ, HLG, or "" for none."""
        return {16: "PQ", 18: "HLG"}.get(self.transfer, "")


@dataclass(frozen=True, slots=True)
class Probe:
    """The facts that a probe found in a media file.

    `frames` is counted, packet by packet, never taken from a header; `seconds` is `frames / fps` for a video and the
    duration for a sound. A still image has one frame, no `fps` and 0 seconds. A sound has no picture fields. `fps` is
    the rate the frames are spaced at. `width` and `height` are those of the coded picture, which a player turns by `rotation`
    degrees.
    """

    kind: MediaKind
    format: str
    bytes: int
    width: int = 0
    height: int = 0
    frames: int = 0
    fps: Fraction | None = None
    seconds: float = 0.0
    codec: str = ""
    profile: str = ""
    pix_fmt: str = ""
    extradata_sha256: str = ""
    sar: Fraction = Fraction(1)
    color: Color = Color()
    audio: Audio | None = None
    rotation: int = 0

    @property
    def shown(self) -> tuple[int, int, Fraction]:
        """Width, height and shape of the pixels as a player shows them, once it has turned the picture."""
        if self.rotation % 180:
            return self.height, self.width, 1 / self.sar
        return self.width, self.height, self.sar


@dataclass(frozen=True, slots=True)
class JoinProbe:
    """A probe and what only a join needs of a video: the order of its frames, the codec's configuration, its first coded frame."""

    probe: Probe
    index: Index | None = None
    extradata: bytes = b""
    first: bytes = b""
