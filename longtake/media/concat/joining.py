"""One film out of many clips: copied where they agree, encoded only where they do not or where they blend."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import FfmpegError, LongtakeError, MediaError
from longtake.media import ffmpeg
from longtake.media.audio import aac, loudness, pcm
from longtake.media.concat import captions, drawing, layout, muxing, planning
from longtake.media.concat.cutting import Copy, Piece
from longtake.media.concat.encoding import Pieces
from longtake.media.concat.model import JoinResult, JoinSound
from longtake.media.files import replacing
from longtake.media.streams import colors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longtake.media.concat.model import JoinClip, JoinNotice, MeasuredLoudness
    from longtake.media.streams.facts import JoinProbe

_PLAIN = JoinSound()


def join(
    clips: Sequence[JoinClip],
    into: Path,
    *,
    sound: JoinSound = _PLAIN,
    title: str = "",
    comment: str = "",
    webvtt: Path | None = None,
    notice: JoinNotice | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> JoinResult:
    """Join clips into one MP4 with a chapter for each.

    Pictures are copied, bit for bit, where the clips agree. A clip that differs from most is encoded to fit them, alone; a
    transition encodes the frames it blends and what depends on them; `plan_join` says which. Each clip's sound is cut or
    padded to its picture, so that both are together at every joint; clips without sound are silent when others have some.
    The first clip's transition counts for nothing. Equal inputs give equal bytes.

    Args:
        clips: in film order.
        into: the MP4 to write; it appears whole, by a rename.
        sound: music and loudness.
        title: the film's, for its metadata.
        comment: any text, for its metadata.
        webvtt: where to write the captions as a WebVTT file, in addition to the track in the film.
        notice: a text drawn into the picture from the start on.
        on_progress: called with 0 to 1; what it raises ends the join and is raised again.

    Raises:
        MediaError: a clip is broken, is not a video, or is too short for its transitions; or the music is not a sound.
        FfmpegError: ffmpeg is missing or failed, the film cannot be written, or the join failed unexpectedly.
    """
    work: _Join | None = None
    try:
        work = _Join(clips, planning.look_at(clips, notice=notice), sound, notice, on_progress)
        work.require()
        spoken = captions.cues([clip.caption for clip in clips], work.layout.chapters)
        with tempfile.TemporaryDirectory(prefix=".join-", dir=into.parent) as folder, replacing(into) as part:
            model = captions.model(Path(folder)) if spoken else None
            labels = muxing.Labels(title, comment, work.layout.chapters, spoken, model)
            measured = work.write(Path(folder), part, labels)
            if webvtt is not None:
                with replacing(webvtt) as text:
                    text.write_text(captions.webvtt(spoken), encoding="utf-8", newline="\n")
    except LongtakeError:
        raise
    except Exception as error:
        if work is not None and error is work.objection:
            raise
        if isinstance(error, OSError):
            raise FfmpegError(f"the film cannot be written: {error.strerror or type(error).__name__}") from error
        raise FfmpegError(
            f"the clips cannot be joined: {type(error).__name__}: {error}",
            next_step="open an issue with this message and the clips; they are kept and nothing is bought again",
        ) from error
    done = work.layout
    return JoinResult(
        frames=done.frames,
        seconds=float(done.frames / done.target.fps),
        way=done.way,
        chapters=done.chapters,
        plan=planning.describe(clips, work.looks, done, sound),
        loudness=measured,
        dropped=sum(done.dropped),
    )


class _Join:
    """One join under way: the clips, what was decided for them, and how far it is."""

    def __init__(
        self,
        clips: Sequence[JoinClip],
        looks: Sequence[JoinProbe],
        sound: JoinSound,
        notice: JoinNotice | None,
        on_progress: Callable[[float], None] | None,
    ) -> None:
        self.clips = clips
        self.looks = looks
        self.layout = layout.plan(clips, looks, notice)
        self.sound = sound
        self.notice = notice
        self.on_progress = on_progress
        self.objection: BaseException | None = None

    def write(self, folder: Path, into: Path, labels: muxing.Labels) -> MeasuredLoudness | None:
        """Make what has to be encoded, then the sound, then the film; half of the time or more goes to the first."""
        middle = 0.8 if self.layout.way == "encode" else 0.0
        changed = self.sound.music is not None or self.sound.loudness is not None
        heard = middle + (1 - middle) * (0.6 if changed else 0.0)
        made = Pieces(self.clips, self.looks, self.layout, self.notice).encode(folder, self._part(0.0, middle))
        stretches = [self._stretch(piece, made) for piece in self.layout.pieces]
        track, measured = self._sound(folder, self._part(middle, heard))
        copied = [self.clips[piece.clip].path for piece in self.layout.pieces if isinstance(piece, Copy)]
        muxing.mux(
            stretches,
            into,
            # One that keeps its set numbers describes the track, else a clip: it also says how the picture is turned.
            template=next((one.path for one in stretches if one.number == 0), [*copied, stretches[0].path][0]),
            extradata=self.layout.track.record if self.layout.track else None,
            fps=self.layout.target.fps,
            sound=track,
            labels=labels,
            progress=self._part(heard, 1.0),
        )
        return measured

    def _part(self, begin: float, end: float) -> Callable[[float], None]:
        """Progress within a part of the whole."""
        call = self.on_progress
        if call is None:
            return lambda _share: None

        def report(share: float) -> None:
            try:
                call(begin + (end - begin) * share)
            except BaseException as error:
                self.objection = error
                raise

        return report

    def require(self) -> None:
        """Say before the work starts what the ffmpeg at hand lacks for it."""
        encoders = ["libx265"] if self.layout.way == "encode" and self.layout.target.codec == "hevc" else []
        music, loud = self.sound.music is not None, self.sound.loudness is not None
        filters = [
            *(["ebur128"] if music or loud else []),
            *(["sidechaincompress"] if music and self.sound.duck else []),
            *(colors.TONE_MAPPERS if self.layout.maps(self.looks) else []),
        ]
        if encoders or filters:
            ffmpeg.require(encoders=encoders, filters=filters)
        if self.notice is not None:
            drawing.check([self.notice.text])

    def _stretch(self, piece: Piece, made: dict[Piece, tuple[Path, JoinProbe]]) -> muxing.Stretch:
        track = self.layout.track
        if isinstance(piece, Copy):
            path, found, first = self.clips[piece.clip].path, self.looks[piece.clip], piece.first
            number: int | None = self.layout.numbers[piece.clip]
        else:
            (path, found), first = made[piece], 0
            number = track.add(found.extradata) if track else 0
        if found.index is None:
            raise MediaError(f"{path.name} holds no video")
        if number is None:
            raise FfmpegError("what ffmpeg encoded cannot share a track with the clips")
        return muxing.Stretch(path, found.index, first, piece.frames, number)

    def _sound(
        self, folder: Path, progress: Callable[[float], None]
    ) -> tuple[Path | aac.Samples | None, MeasuredLoudness | None]:
        """The film's sound: samples as they are, or where music or a loudness is asked for an AAC track and how loud it is."""
        sounds = [found.probe.audio for found in self.looks if found.probe.audio]
        music = self.sound.music
        if not sounds and music is None:
            return None, None
        width = 2 if music is not None or max(sound.channels for sound in sounds) > 1 else 1
        plain = music is None and self.sound.loudness is None
        rate = pcm.rate_of(sounds) if plain else pcm.RATE
        decided, samples = self.layout, None
        count = pcm.boundary(decided.frames, decided.target.fps, rate)
        paths = [clip.path for clip in self.clips]
        spans = [(start, start + length) for start, length in zip(decided.starts, decided.lengths, strict=True)]
        parts = pcm.parts(paths, spans, heads=decided.heads, fps=decided.target.fps, channels=width, rate=rate)
        if plain:
            return aac.Samples(parts, count, width, rate), None
        if sounds:
            samples = folder / "samples"
            with samples.open("wb") as file:
                for number, part in enumerate(parts, 1):
                    part.tofile(file)
                    progress(number / len(paths) / 2)
        track = folder / "sound.m4a"
        measured = loudness.encode(
            samples, count, self.sound, track, channels=width, progress=lambda share: progress(0.5 + share / 2)
        )
        if samples is not None:
            samples.unlink()
        return track, measured
