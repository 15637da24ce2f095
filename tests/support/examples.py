"""How many examples a property is tried with: fewer in `make test-quick`."""

from __future__ import annotations

from hypothesis import settings

FULL = 100
"""Examples of the profile that all tests have; the quick one has a part of them (tests/conftest.py)."""


def examples(most: int) -> settings:
    """A decorator for a property: `most` examples, or the share of them that the profile has."""
    return settings(max_examples=max(1, most * settings.default.max_examples // FULL))
