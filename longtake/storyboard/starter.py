"""The storyboard that `longtake new` writes: it plans clean as it is and says in comments what can be changed."""

from __future__ import annotations

from pathlib import Path


def starter() -> str:
    """The text of a commented storyboard that needs no other files."""
    return Path(__file__).with_name("starter.yaml").read_text(encoding="utf-8")
