"""Text drawn into a picture by ffmpeg's libass, and whether this machine can draw it: libass draws nothing where there is no font.

The text is literal. It goes to libass in a file (Advanced SubStation Alpha), where what means something is escaped, and never
into the arguments of a filter.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import PreflightError
from longtake.media import ffmpeg
from longtake.media.concat.captions import Cue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCRIPT = "drawn.ass"
"""The name of the file that the filter reads, in the folder where ffmpeg runs."""
_ALIGNED: dict[str | None, int] = {None: 2, "bottom-left": 1, "bottom-right": 3, "top-left": 7, "top-right": 9}
"""Places of the number pad; captions are in the middle below."""
_SHORT_SIDE = 288
"""The shorter side of the picture in the units of a script."""
_FONT = 16
"""The font's size in these units: a line of text is about a twentieth of the shorter side."""
_MISSING = re.compile(r"failed to find any fallback with glyph 0x([0-9A-Fa-f]+)")
_INK = 64
"""The level of gray from which on a dot of a black picture was drawn."""
_MOST_PROBED = 2000
_STYLE = (
    *(
        "Name",
        "Fontname",
        "Fontsize",
        "PrimaryColour",
        "SecondaryColour",
        "OutlineColour",
        "BackColour",
        "Bold",
        "Italic",
    ),
    *(
        "Underline",
        "StrikeOut",
        "ScaleX",
        "ScaleY",
        "Spacing",
        "Angle",
        "BorderStyle",
        "Outline",
        "Shadow",
        "Alignment",
    ),
    *("MarginL", "MarginR", "MarginV", "Encoding"),
)
"""Fields of a style, as a script names them."""
_JOINER = "\u2060"


def script(cues: Sequence[Cue], size: tuple[int, int], *, corner: str | None = None) -> str:
    """The text of a script that draws cues.

    Args:
        cues: what is drawn, and when.
        size: pixels of the picture.
        corner: where; None draws them as captions, in the middle below.
    """
    width, height = size
    unit = _SHORT_SIDE / min(width, height)
    style = f"Sans,{_FONT},&H00FFFFFF,&H00FFFFFF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,1,0,{_ALIGNED[corner]},10,10,10,1"
    lines = [
        "[Script Info]",
        "ScriptType: v4.00+",
        f"PlayResX: {round(width * unit)}",
        f"PlayResY: {round(height * unit)}",
        "ScaledBorderAndShadow: yes",
        "[V4+ Styles]",
        "Format: " + ", ".join(_STYLE),
        f"Style: Default,{style}",
        "[Events]",
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text",
        *(f"Dialogue: 0,{_clock(cue.start)},{_clock(cue.end)},Default,,0,0,0,,{_literal(cue.text)}" for cue in cues),
    ]
    return "\n".join(lines) + "\n"


def check(texts: Iterable[str]) -> None:
    """See that this machine can draw these texts: ffmpeg has libass, and there is a font with each of their characters.

    Raises:
        PreflightError: there is no font, or none with some of the characters; names them.
        FfmpegError: ffmpeg is missing, or lacks libass.
    """
    ffmpeg.require(filters=["subtitles"])
    letters = [letter for letter in dict.fromkeys("".join(texts)) if letter.isprintable() and not letter.isspace()]
    if not letters:
        return
    with tempfile.TemporaryDirectory(prefix="longtake-draw-") as name:
        folder = Path(name)
        for at in range(0, len(letters), _MOST_PROBED):
            _probe("".join(letters[at : at + _MOST_PROBED]), folder)


def _probe(text: str, folder: Path) -> None:
    cue = Cue(0, 10_000, "\n".join(text[at : at + 40] for at in range(0, len(text), 40)))
    (folder / SCRIPT).write_text(script([cue], (320, 192)), encoding="utf-8", newline="\n")
    words = ["-f", "lavfi", "-i", "color=black:s=320x192:d=1:r=1", "-vf", f"subtitles={SCRIPT},format=gray"]
    said = ffmpeg.run(
        [*words, "-frames:v", "1", "-f", "rawvideo", ffmpeg.file_url(folder / "gray")], cwd=folder, level="warning"
    )
    missing = "".join(dict.fromkeys(chr(int(found, 16)) for found in _MISSING.findall(said)))
    if not missing and max((folder / "gray").read_bytes(), default=0) >= _INK:
        return
    raise PreflightError(
        f"this machine has no font with the characters {missing[:20]}, so they cannot be drawn into the picture"
        if missing
        else "this machine has no font, so text cannot be drawn into the picture",
        next_step="install a font that has them, such as Debian's fonts-dejavu-core or fonts-noto-cjk; nothing was charged",
        check="media",
        step="draw text",
    )


def _literal(text: str) -> str:
    """Text as a script shows it letter for letter: braces hold commands there, and a backslash begins one."""
    text = text.replace("\\", "\\" + _JOINER).replace("{", "\\{").replace("}", "\\}")
    return "\\N".join(text.splitlines())


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest // 10:02}"
