"""A small storyboard as a script builds it."""

from __future__ import annotations

from pathlib import Path

from longtake.storyboard import Scene, Shot, Storyboard


def lighthouse(**more):
    return Storyboard(
        title="The Lighthouse",
        model="seedance-2.5",
        defaults={"resolution": "480p", "size": "16:9"},
        references={"keeper": Path("refs/keeper.png")},
        scenes=[
            Scene("dawn", [Shot("rocks", "Waves break on black rocks"), Shot("wakes", "The keeper wakes", duration=8)]),
            Scene(
                "storm",
                [
                    Shot("lamp", "@keeper lights the lamp", references=["keeper"], takes=2),
                    Shot("sea", "The sea, calm: no wind", continue_from=None),
                ],
                transition={"kind": "crossfade", "seconds": 0.5},
            ),
        ],
        sound={"loudness": -16},
        **more,
    )
