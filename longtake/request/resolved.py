"""A resolved storyboard: every shot with all its values, its inputs, its place in a chain and its price."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from longtake.storyboard.chains import parents_first

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.catalog import Price
    from longtake.media.concat.model import JoinTrim
    from longtake.storyboard import Loaded, Match, Pick, Transition

Role = Literal["image", "video", "audio", "first_frame", "last_frame"]


@dataclass(frozen=True, slots=True)
class Input:
    """One media file or URL a request is given.

    `name` is safe to show (no query of a URL). `sha256`, `bytes` and `format` are None for a URL, which is looked at when
    the run uses it; `seconds` is None for an image and for a URL.
    """

    role: Role
    source: Path | str = field(repr=False)
    name: str
    sha256: str | None = None
    bytes: int | None = None
    seconds: float | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True)
class ResolvedShot:
    """One shot with all its values. Prices are for one attempt of one take, in credits.

    `prompt` speaks of references by the provider's names. `duration` is in seconds, -1 where the model chooses. `size` is
    what the storyboard asks for, `sent_size` what the request says (a pinned frame may decide the ratio). `pixels` is the
    width and height to expect, None where they cannot be known before. `extras` are constant fields of the model that
    belong to these inputs.
    """

    scene: str
    id: str
    line: int
    model: str
    prompt: str
    duration: int
    size: str
    sent_size: str
    resolution: str
    seed: int | None
    generate_audio: bool
    web_search: bool
    inputs: tuple[Input, ...]
    parent: str | None
    continued: bool
    takes: int
    transition: Transition | None
    expected: Price
    reserve: Price
    pixels: tuple[int, int] | None
    extras: tuple[tuple[str, str], ...] = ()
    open_end: str | None = None
    """Why its takes cannot be pinned to an end frame (a bridge to the shot after it); None if they can."""
    use: int | None = None
    pick: Pick = "first"
    caption: str | None = None
    trim: JoinTrim | None = None
    match: Match = "off"

    @property
    def label(self) -> str:
        """Scene and shot as people read them: `dawn/rocks`."""
        return f"{self.scene}/{self.id}"

    def apart(self, before: ResolvedShot) -> bool:
        """Whether a trim of this shot or of the one before it cuts off the frame that both would share."""
        return bool((before.trim is not None and before.trim.tail) or (self.trim is not None and self.trim.head))


@dataclass(frozen=True)
class Resolved:
    """All shots in film order, and their chains: the ids of shots that hang together, parents before children.

    `frames` and `seconds` are the film's length with its crossfades, trims and the frames that two clips share taken off; a shot
    whose length the model chooses counts at its longest. `music` is the file mixed under the film.
    """

    loaded: Loaded
    shots: tuple[ResolvedShot, ...]
    chains: tuple[tuple[str, ...], ...]
    frames: int
    seconds: float
    music: Input | None = None

    def shot(self, shot_id: str) -> ResolvedShot:
        """The shot of this id.

        Raises:
            KeyError: the film has none.
        """
        for shot in self.shots:
            if shot.id == shot_id:
                return shot
        raise KeyError(shot_id)

    def parents_first(self) -> list[ResolvedShot]:
        """Every shot after the one it continues, in film order otherwise."""
        shots = {shot.id: shot for shot in self.shots}
        return [shots[shot_id] for shot_id in parents_first({shot.id: shot.parent for shot in self.shots})]
