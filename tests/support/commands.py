"""What tests of the `longtake` command plan."""

from __future__ import annotations

PRICE = 320
KEY = "a-key-for-these-tests"
BOARD = """\
schema: longtake/1
title: The Pier
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 4}
budget: 1000
scenes:
  - id: one
    shots:
      - {id: pier, prompt: "A pier"}
      - {id: boat, prompt: "A boat", takes: 2}
  - id: two
    shots:
      - {id: gull, prompt: "A gull"}
"""
