"""Ways to break what a run needs, as machines in the field do: PyAV, ffmpeg, the store."""

from __future__ import annotations

import os
from pathlib import Path

from longtake.media import ffmpeg

REJECTS = """
import av
_real = av.open
def _other(file, mode=None, format=None, **more):
    if "options" in more:
        raise TypeError("open() got an unexpected keyword argument 'options'")
    return _real(file, mode, format, **more)
av.open = _other
"""
"""A PyAV that takes other arguments, for `sitecustomize`; as between 18 and 19."""
LACKS = "import av\ndel av.open\n"
ABSENT = "import sys\nsys.modules['av'] = None\n"


def pyav(folder: Path, how: str = REJECTS) -> dict[str, str]:
    """The variables of a process whose PyAV is broken."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(how)
    return {"PYTHONPATH": str(folder)}


def bad_ffmpeg(path: Path) -> Path:
    """An ffmpeg that says everything of itself that a good one says, and fails when it has to work."""
    path.write_text(
        "#!/bin/sh\n"
        'case "$*" in *-progress*) echo "Illegal instruction" >&2; exit 132;; esac\n'
        f'exec "{ffmpeg.binary()}" "$@"\n'
    )
    path.chmod(0o755)
    return path


def unwritable(folder: Path) -> Path:
    """A folder that cannot be written into, not even by root."""
    if os.geteuid() == 0:
        return Path("/proc/longtake-store")
    folder.mkdir()
    folder.chmod(0o555)
    return folder
