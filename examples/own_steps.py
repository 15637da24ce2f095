"""A film with a step of your own: every clip gets a frame around it before it is used.

Run it as `python examples/own_steps.py film.yaml`; in Prefect, give the flow `steps=["own_steps:framed"]`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import longtake as lt
from longtake.errors import TakeRefusedError
from longtake.media import ffmpeg


def framed(take: lt.Take, clip: Path, folder: Path) -> Path:
    """Draw a white frame around a clip. The original stays in the store."""
    if take.clip.width < 64:
        raise TakeRefusedError(f"{take.clip.width} pixels are too few for a frame")
    made = folder / "framed.mp4"
    drawing = ["-vf", "drawbox=color=white:thickness=4", "-c:v", "libx264", "-c:a", "copy"]
    subprocess.run([ffmpeg.binary(), "-nostdin", "-v", "error", "-i", str(clip), *drawing, str(made)], check=True)
    return made


framed.version = 1  # type: ignore[attr-defined]  # change it with the function, and kept takes are framed again


if __name__ == "__main__":
    film = lt.Studio.from_env(steps=[framed]).make_sync(sys.argv[1])
    print(film)
