"""Show how a run of a film set goes, as an observer of it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from longtake.cli.progress import time_left
from longtake.observer import Event, Observer

if TYPE_CHECKING:
    from collections.abc import Callable


class SetLines(Observer):
    """Progress of a film set as plain lines on standard error: one for each film, with the time left.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._charged = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def notify(self, event: Event) -> None:
        """Say that a film ended."""
        if event.name != "set.film":
            return
        done, films = int(event.data["done"]), int(event.data["films"])
        self._charged += int(event.data["charged"]) - int(event.data["refunded"])
        facts = [
            f"[{done:>{len(str(films))}}/{films}] {event.data['key']}: {event.data['state']}",
            f"{self._charged:,} credits",
        ]
        if done < films:
            facts.append(time_left((self._clock() - self._begun) / done * (films - done)))
        self.say(" · ".join(facts))
