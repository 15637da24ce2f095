"""One film out of many clips: copied where they agree, encoded only where they do not or where they fade."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import FfmpegError, MediaError
from longtake.media import avc, ffmpeg, graphs, loudness, muxing, pcm
from longtake.media.cutting import Blend, Copy, Piece
from longtake.media.files import replacing
from longtake.media.layout import Layout, plan
from longtake.media.model import JoinResult, Sound
from longtake.media.probing import Look, look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longtake.media.model import JoinClip

__all__ = ["join"]

_PLAIN = Sound()


def join(
    clips: Sequence[JoinClip],
    into: Path,
    *,
    sound: Sound = _PLAIN,
    on_progress: Callable[[float], None] | None = None,
) -> JoinResult:
    """Join clips into one MP4 with a chapter for each.

    Pictures are copied, bit for bit, where the clips agree in codec parameters. A clip that differs from most is encoded to
    fit them, alone; a crossfade encodes the frames it blends and what depends on them. Each clip's sound is cut or padded
    to its picture, so that both are together at every joint; clips without sound are silent when others have some. The
    first clip's `crossfade` counts for nothing. Equal inputs give equal bytes.

    Args:
        clips: in film order.
        into: the MP4 to write; it appears whole, by a rename.
        sound: music and loudness.
        on_progress: called with 0 to 1; what it raises ends the join and is raised again.

    Raises:
        MediaError: a clip is broken, is no video, or is too short for its crossfades; or the music is no sound.
        FfmpegError: ffmpeg is missing or failed, or the film cannot be written.
    """
    if not clips:
        raise MediaError("a film needs at least one clip")
    work = _Join(clips, [_video(clip.path) for clip in clips], sound, on_progress)
    with tempfile.TemporaryDirectory(prefix=".join-", dir=into.parent) as folder, replacing(into) as beside:
        work.write(Path(folder), beside)
    layout = work.layout
    return JoinResult(layout.frames, float(layout.frames / layout.target.fps), layout.way, layout.chapters)


def _video(path: Path) -> Look:
    found = look(path)
    if found.probe.kind != "video" or found.index is None:
        raise MediaError(f"{path.name}: asked for a clip, got {found.probe.format.upper()}")
    return found


class _Join:
    """One join under way: the clips, what was decided for them, and how far it is."""

    def __init__(
        self,
        clips: Sequence[JoinClip],
        looks: Sequence[Look],
        sound: Sound,
        on_progress: Callable[[float], None] | None,
    ) -> None:
        self.clips = clips
        self.looks = looks
        self.layout: Layout = plan(clips, looks)
        self.sound = sound
        self.on_progress = on_progress

    def write(self, folder: Path, into: Path) -> None:
        """Make what has to be encoded, then the sound, then the film; half of the time or more goes to the first."""
        middle = 0.8 if self.layout.way == "encode" else 0.0
        heard = middle + (1 - middle) * 0.6
        made = self._encode(folder, self._part(0.0, middle))
        stretches = [self._stretch(piece, made) for piece in self.layout.pieces]
        template, extradata = self._description(made, stretches)
        track = self._track(folder, self._part(middle, heard))
        muxing.mux(
            stretches,
            into,
            template=template,
            extradata=extradata,
            fps=self.layout.target.fps,
            sound=track,
            chapters=self.layout.chapters,
            progress=self._part(heard, 1.0),
        )

    def _part(self, begin: float, end: float) -> Callable[[float], None]:
        """Progress within a part of the whole."""
        call = self.on_progress
        if call is None:
            return lambda _share: None
        return lambda share: call(begin + (end - begin) * share)

    def _encode(self, folder: Path, progress: Callable[[float], None]) -> dict[Piece, tuple[Path, Look]]:
        todo = [piece for piece in self.layout.pieces if not isinstance(piece, Copy)]
        total = sum(piece.count for piece in todo)
        made: dict[Piece, tuple[Path, Look]] = {}
        done = 0
        for number, piece in enumerate(todo):
            path = folder / f"{number}.mp4"
            ffmpeg.run(self._command(piece, path), timeout=120 + 5.0 * piece.count)
            found = look(path)
            if found.probe.frames != piece.count:
                raise FfmpegError(f"ffmpeg made {found.probe.frames} frames of {self._name(piece)}, not {piece.count}")
            made[piece] = path, found
            done += piece.count
            progress(done / total)
        return made

    def _command(self, piece: Piece, into: Path) -> list[str]:
        frames, target = range(piece.first, piece.first + piece.count), self.layout.target
        if isinstance(piece, Blend):
            return graphs.blend(self._clip(piece.clip - 1), frames, self._clip(piece.clip), target, into)
        return graphs.encode(self._clip(piece.clip), frames, target, into)

    def _clip(self, number: int) -> graphs.Clip:
        return graphs.Clip(self.clips[number].path, self.looks[number].probe)

    def _name(self, piece: Piece) -> str:
        return self.clips[piece.clip].path.name

    def _stretch(self, piece: Piece, made: dict[Piece, tuple[Path, Look]]) -> muxing.Stretch:
        if isinstance(piece, Copy):
            path, found, first = self.clips[piece.clip].path, self.looks[piece.clip], piece.first
        else:
            (path, found), first = made[piece], 0
        if found.index is None:
            raise MediaError(f"{path.name} holds no video")
        return muxing.Stretch(path, found.index, first, piece.count)

    def _description(
        self, made: dict[Piece, tuple[Path, Look]], stretches: Sequence[muxing.Stretch]
    ) -> tuple[Path, bytes | None]:
        """The file whose picture track describes the film's, and the codec configuration when it is not that file's."""
        copied = [
            stretch for stretch, piece in zip(stretches, self.layout.pieces, strict=True) if isinstance(piece, Copy)
        ]
        ours = {found.extradata for _, found in made.values()}
        if len(ours) > 1:
            raise FfmpegError("ffmpeg encoded the pieces of one film in different ways")
        if not made or not copied or self.layout.config is None:
            return stretches[0].path, None
        config = avc.parse(ours.pop())
        if config is None:
            raise FfmpegError("ffmpeg wrote H.264 without a configuration")
        return copied[0].path, avc.merge(self.layout.config, config)

    def _track(self, folder: Path, progress: Callable[[float], None]) -> Path | None:
        """The film's sound as one AAC track; None when there is none."""
        channels = [found.probe.audio.channels for found in self.looks if found.probe.audio]
        music = self.sound.music
        if not channels and music is None:
            return None
        width = 2 if music is not None or max(channels) > 1 else 1
        layout, samples = self.layout, None
        if channels:
            samples = folder / "samples"
            paths = [clip.path for clip in self.clips]
            spans = [(start, start + length) for start, length in zip(layout.starts, layout.lengths, strict=True)]
            pcm.write(paths, spans, samples, fps=layout.target.fps, channels=width, progress=lambda s: progress(s / 2))
        track = folder / "sound.m4a"
        count = pcm.boundary(layout.frames, layout.target.fps)
        loudness.encode(
            samples, count, self.sound, track, channels=width, progress=lambda share: progress(0.5 + share / 2)
        )
        if samples is not None:
            samples.unlink()
        return track
