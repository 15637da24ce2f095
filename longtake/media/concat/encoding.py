"""The pieces of a film that are not copied: each is encoded into a file of its own, side by side on the cores there are."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from longtake.errors import FfmpegError, MediaError
from longtake.media import ffmpeg
from longtake.media.concat import drawing, graphs, tails
from longtake.media.concat.captions import Cue
from longtake.media.concat.cutting import Blend, Copy, Encode, Piece
from longtake.media.streams.probing import look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from longtake.media.concat.layout import Layout
    from longtake.media.concat.model import JoinClip, JoinNotice
    from longtake.media.streams.facts import JoinProbe, Probe

_MOST_THREADS = 4
"""Pieces made at once: each holds some frames of its clips in memory, and ffmpeg uses several cores by itself."""


class Pieces:
    """Makes the pieces of one join.

    Args:
        clips: in film order.
        looks: what is in them.
        layout: the decided join.
        notice: what is drawn into the first piece.
    """

    def __init__(
        self, clips: Sequence[JoinClip], looks: Sequence[JoinProbe], layout: Layout, notice: JoinNotice | None = None
    ) -> None:
        self._clips = clips
        self._looks = looks
        self._layout = layout
        self._notice = notice
        self._copied = {piece.clip: piece.first + piece.frames for piece in layout.pieces if isinstance(piece, Copy)}
        """Where each copy ends, by clip."""
        self._seen: dict[object, Probe] = {}
        self._stop = threading.Event()

    def encode(self, folder: Path, progress: Callable[[float], None]) -> dict[Piece, tuple[Path, JoinProbe]]:
        """Encode every piece that is not copied from a clip; return its file and probe.

        `progress` is called from this thread with 0 to 1; what it raises ends the work.

        Raises:
            MediaError, FfmpegError: a piece cannot be made.
        """
        todo = [piece for piece in self._layout.pieces if not isinstance(piece, Copy)]
        made: dict[Piece, tuple[Path, JoinProbe]]
        made = {piece: found for piece in todo if (found := self._stored(piece)) is not None}
        rest = [piece for piece in todo if piece not in made]
        news: SimpleQueue[tuple[Blend | Encode, float | Future[tuple[Path, JoinProbe]]]] = SimpleQueue()
        shares = dict.fromkeys(rest, 0.0)
        done, total = 0.0, sum(piece.frames for piece in rest)
        with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS), thread_name_prefix="longtake-piece") as pool:
            try:
                for number, piece in enumerate(rest):
                    one = pool.submit(self._make, piece, folder / f"{number}.mp4", news)
                    one.add_done_callback(lambda ended, made_of=piece: news.put((made_of, ended)))  # type: ignore[misc]
                while len(made) < len(todo):
                    piece, share = news.get()
                    if isinstance(share, Future):
                        made[piece] = share.result()
                        share = 1.0
                    done += (share - shares[piece]) * piece.frames
                    shares[piece] = share
                    progress(done / total)
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if self._layout.track is None and len({found.extradata for _, found in made.values()}) > 1:
            raise FfmpegError("ffmpeg encoded the pieces of one film in different ways")
        return made

    def _stored(self, piece: Piece) -> tuple[Path, JoinProbe] | None:
        """The tail that was stored with the clip, where it is what this piece has to be."""
        path, track, target = self._clips[piece.clip].tail, self._layout.track, self._layout.target
        if path is None or track is None or not self._is_tail(piece):
            return None
        if piece.first + piece.frames != self._looks[piece.clip].probe.frames - 1:
            return None  # a trimmed clip ends earlier than its stored tail
        try:
            found = look(path, seen=self._seen)
        except MediaError:
            return None
        facts = found.probe
        form = facts.codec, facts.pix_fmt, facts.width, facts.height, facts.sar, facts.frames
        if form != (target.codec, target.pix_fmt, target.width, target.height, target.sar, piece.frames):
            return None
        return (path, found) if track.add(found.extradata, keep=2) is not None else None

    def _is_tail(self, piece: Piece) -> bool:
        return isinstance(piece, Encode) and piece.first == self._copied.get(piece.clip)

    def _make(self, piece: Blend | Encode, into: Path, news: SimpleQueue[Any]) -> tuple[Path, JoinProbe]:
        def go_on(share: float) -> None:
            if self._stop.is_set():
                raise FfmpegError("the join was ended")
            news.put((piece, share))

        target = self._layout.target
        if isinstance(piece, Encode) and self._is_tail(piece) and target.codec == tails.CODEC:
            frames = range(piece.first, piece.first + piece.frames)
            tails.encode(self._clips[piece.clip].path, frames, target, graphs.encoder(target), into)
        else:
            seconds = piece.frames / float(target.fps)
            command = self._command(piece, into)
            ffmpeg.run(command, cwd=into.parent, timeout=120 + 5.0 * piece.frames, seconds=seconds, on_progress=go_on)
        found = look(into, seen=self._seen)
        if found.probe.frames != piece.frames:
            name = self._clips[piece.clip].path.name
            raise FfmpegError(f"ffmpeg made {found.probe.frames} frames of {name}, not {piece.frames}")
        return into, found

    def _command(self, piece: Blend | Encode, into: Path) -> list[str]:
        target = self._layout.target
        if isinstance(piece, Blend):
            kind = self._layout.kinds[piece.clip]
            joint = graphs.Joint(kind, piece.first, piece.before, piece.count, piece.after, piece.start)
            return graphs.blend(self._clip(piece.clip - 1), self._clip(piece.clip), joint, target, into)
        frames, script = range(piece.first, piece.first + piece.frames), None
        if self._notice is not None and self._layout.drawn and piece == self._layout.pieces[0]:
            script = into.with_name(drawing.SCRIPT)
            cue = Cue(0, round(1000 * self._layout.drawn / target.fps), self._notice.text)
            wide, high = round(target.width * target.sar), target.height
            size = (high, wide) if target.rotation % 180 else (wide, high)
            text = drawing.script([cue], size, corner=self._notice.corner)
            script.write_text(text, encoding="utf-8", newline="\n")
        return graphs.encode(self._clip(piece.clip), frames, target, into, drawn=script is not None)

    def _clip(self, number: int) -> graphs.GraphClip:
        clip = self._clips[number]
        return graphs.GraphClip(clip.path, self._looks[number].probe, clip.correction)
