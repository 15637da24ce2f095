"""Storyboards of small shots, as text: a head, and a line for each shot."""

from __future__ import annotations

FILM = "a-film"
"""The slug of their title."""
HEAD = """\
schema: longtake/1
title: A Film
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 1, generate_audio: false}
scenes:
  - id: s
    shots:
"""
"""A scene whose shots are silent and last one second: 80 credits each."""


def shot(name: str, prompt: str, more: str = "") -> str:
    """The line of a shot; `more` are further fields, as YAML."""
    return f'      - {{id: {name}, prompt: "{prompt}"{more and f", {more}"}}}\n'


def apart(*shots: str) -> str:
    """The lines of shots, so that none continues the one before it."""
    return "".join(line.replace("}\n", ", continue_from: null}\n") for line in shots)


_TWO = (shot("one", "A harbor at night"), shot("two", "A boat leaves"))
CHAIN = HEAD + "".join(_TWO)
"""Two shots, the second from the last frame of the first."""
APART = HEAD + apart(*_TWO)
"""The same two, each for itself."""
LONG_HEAD = HEAD.replace("duration: 1, generate_audio: false", "duration: 4")
"""The same for shots of four seconds with sound, which the shipped catalog allows: 320 credits each."""
LONG = LONG_HEAD + "".join(_TWO)
