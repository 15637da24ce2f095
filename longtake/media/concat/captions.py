"""Captions: one cue for each captioned clip, as a WebVTT file and as samples of an MP4 text track (3GPP timed text)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from longtake.media import ffmpeg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from longtake.media.concat.model import Chapter

_MAX_BYTES = 65_535
"""Of one caption: a text sample's length has two bytes. What is longer is cut."""


@dataclass(frozen=True, slots=True)
class Cue:
    """A text from `start` to `end`, in whole milliseconds of the film."""

    start: int
    end: int
    text: str


def cues(texts: Sequence[str | None], chapters: Sequence[Chapter]) -> list[Cue]:
    """The captions of a film from those of its shots. Each ends where the next begins, also under a transition."""
    begins = [round(chapter.start * 1000) for chapter in chapters]
    ends = [*begins[1:], round(chapters[-1].end * 1000)]
    found = []
    for said, begin, end in zip(texts, begins, ends, strict=True):
        text = _plain(said or "")
        if text and end > begin:
            found.append(Cue(begin, end, text))
    return found


def webvtt(found: Sequence[Cue]) -> str:
    """The cues as a WebVTT file; what means something there is escaped."""
    blocks = ["WEBVTT\n"]
    for number, cue in enumerate(found, 1):
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{number}\n{_clock(cue.start)} --> {_clock(cue.end)}\n{text}\n")
    return "\n".join(blocks)


def subrip(found: Sequence[Cue]) -> str:
    """The cues as a SubRip file, which has no escapes."""
    blocks = (
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{cue.text}\n"
        for number, cue in enumerate(found, 1)
    )
    return "\n".join(blocks)


def ttml(found: Sequence[Cue]) -> str:
    """The cues as a TTML file (W3C, version 1)."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<tt xmlns="http://www.w3.org/ns/ttml" xml:lang=""><body><div>\n'
    lines = [
        f'<p begin="{_clock(cue.start)}" end="{_clock(cue.end)}">{escape(cue.text).replace(chr(10), "<br/>")}</p>\n'
        for cue in found
    ]
    return "".join([head, *lines, "</div></body></tt>\n"])


def model(folder: Path) -> Path:
    """A file with a text track as ffmpeg makes them: the film's is described like it (font, place, color).

    Raises:
        FfmpegError: ffmpeg failed.
    """
    import ffmpeg as graph  # noqa: PLC0415 - see ffmpeg.source()

    text, made = folder / "text.vtt", folder / "text.mp4"
    text.write_text(webvtt([Cue(0, 1000, "-")]))
    options = {"f": "mp4", "c:s": "mov_text", "fflags": "+bitexact", "flags:s": "+bitexact"}
    source = ffmpeg.source(text, "webvtt")
    ffmpeg.run(ffmpeg.arguments(graph.output(source["s:0"], ffmpeg.file_url(made), **options)), timeout=60)
    return made


def samples(found: Sequence[Cue]) -> list[tuple[int, int, bytes]]:
    """Start, length (milliseconds) and bytes of each sample of a text track, without gaps: an empty one shows nothing."""
    made, at = [], 0
    for cue in found:
        if cue.start > at:
            made.append((at, cue.start - at, b"\0\0"))
        text = cue.text.encode()
        made.append((cue.start, cue.end - cue.start, len(text).to_bytes(2, "big") + text))
        at = cue.end
    return made


def _clock(milliseconds: int, point: str = ".") -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def _plain(text: str) -> str:
    """Lines of text that can be shown: no control characters and no empty lines, which would end a cue."""
    lines = ("".join(letter if letter.isprintable() else " " for letter in line).strip() for line in text.splitlines())
    whole = "\n".join(line for line in lines if line)
    return whole.encode("utf-8", "replace")[:_MAX_BYTES].decode("utf-8", "ignore")
