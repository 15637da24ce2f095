"""Runs of a film that have asked a person about the rest of the purchases.

A run that was suspended begins again when it is answered. It must not buy, ahead of the answer, what failed before the question,
or what was in doubt or under way then and came to nothing since: that is part of what was asked. So a run that asks leaves an
object that says so, ``films/<film>/questions/<digest of the run's id>.json``; other runs leave none.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from longtake.frozen import Frozen

if TYPE_CHECKING:
    from longtake.store import Store


class _Question(Frozen):
    v: Literal[1] = 1
    run: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


def note(store: Store, film: str, run: str) -> None:
    """Record that a run asks about the rest of a film.

    Raises:
        StoreError: the store is away.
    """
    store.put_if_absent(_key(film, run), _Question(run=run).model_dump_json().encode() + b"\n")


def noted(store: Store, film: str, run: str) -> bool:
    """Return whether a run has asked before.

    Raises:
        StoreError: the store is away.
    """
    return store.head(_key(film, run)) is not None


def _key(film: str, run: str) -> str:
    return f"films/{film}/questions/{hashlib.sha256(run.encode()).hexdigest()[:32]}.json"
