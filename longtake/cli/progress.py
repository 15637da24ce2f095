"""Observers that show the progress of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import math
import os
import statistics
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from longtake.observer import Event, Observer, Step
from longtake.report import many

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from rich.console import Console, RenderableType
    from rich.live import Live

    from longtake.request import Resolved

_Result = TypeVar("_Result")

Style = Literal["bar", "lines"]

_REMEMBERED = 32
"""Generation times that count for the estimate."""
_JOIN = 10.0
"""Percent of the bar that joining the film takes."""
_LINES_OF_JOIN = 5


def style(*, as_json: bool) -> Style:
    """Choose the progress to show: a bar only for a person at a terminal."""
    plain = as_json or os.environ.get("TERM") == "dumb" or os.environ.get("CI", "") not in {"", "0", "false"}
    return "bar" if sys.stderr.isatty() and not plain else "lines"


def parents_of(resolved: Resolved) -> dict[str, str | None]:
    """The label of the shot that each shot continues, by label; a shot comes after the one it continues."""
    labels = {shot.id: shot.label for shot in resolved.shots}
    return {shot.label: labels[shot.parent] if shot.parent else None for shot in resolved.parents_first()}


class Lines(Observer):
    """Progress as plain lines on standard error: one for each shot that is not current, and some for the join.

    Args:
        parents: the label of the shot that each shot continues, by label, parents first.
        clock: seconds.
    """

    def __init__(self, parents: Mapping[str, str | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._parents = parents
        self._clock = clock
        self.shots = self.to_buy = self.planned = self.done = self.bought = 0
        self.joined: float | None = None
        """How far the join is, 0 to 1; None before it begins."""
        self.in_flight: dict[str, float] = {}
        """When the provider began on each take that is being generated, by label."""
        self._most_in_flight = 0
        self._took: deque[float] = deque(maxlen=_REMEMBERED)
        self._spent: dict[str, int] = {}
        self._open = dict(parents)
        self._current = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._say_current()

    @property
    def percent(self) -> float:
        """0 to 100; the shots are nine tenths, joining them is the rest."""
        return (100.0 - _JOIN) * self.done / max(self.shots, 1) + _JOIN * (self.joined or 0.0)

    @property
    def credits(self) -> int:
        """What this run has cost so far: charged or reserved, without refunds."""
        return sum(self._spent.values())

    @property
    def seconds_left(self) -> float | None:
        """Estimate when the last take is there; None while no generation time is known, or where none is awaited.

        Rounds of generation are still to come: as many as the longest chain has open shots, or as it takes to buy what is missing
        with as many takes at once as this run has had in flight. A round takes as long as the takes of this run took so far.
        """
        missing = max(self.to_buy - self.bought, len(self.in_flight))
        if not missing or not self._open or not self._took or self.joined is not None:
            return None
        rounds = max(min(self._longest_open_chain(), missing), math.ceil(missing / max(self._most_in_flight, 1)))
        usual = statistics.median(self._took)
        begun = min(self._clock() - min(self.in_flight.values(), default=self._clock()), usual)
        return rounds * usual - begun

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def notify(self, event: Event) -> None:
        """Count an event, and print a line for the important ones."""
        data = event.data
        match event.name:
            case "film.started":
                self.shots, self.to_buy = max(int(data["shots"]), 1), int(data["to_buy"])
                self.planned = int(data["planned"])
            case "attempt.accepted":
                self._spent[data["attempt"]] = int(data["credits"])
            case "attempt.refunded":
                self._spent.pop(data["attempt"], None)
            case "take.kept" if data["attempt"] in self._spent:
                self.bought += 1
                self._spent[data["attempt"]] = int(data["credits"])
            case "shot.done":
                self._shot_done(str(data["shot"]), str(data["state"]))
            case "film.joining":
                self._join(float(data["share"]))
            case "film.cancelled":
                self.say(event.text)

    async def around(self, step: Step, call: Callable[[], Awaitable[_Result]]) -> _Result:
        """Measure how long the provider takes: a take is in flight while it is polled."""
        if step.name != "poll":
            return await call()
        self.in_flight[step.label] = begun = self._clock()
        self._most_in_flight = max(self._most_in_flight, len(self.in_flight))
        try:
            found = await call()
        finally:
            self.in_flight.pop(step.label, None)
        self._took.append(self._clock() - begun)
        return found

    def _shot_done(self, label: str, state: str) -> None:
        self._open.pop(label, None)
        if state == "current":
            # Shots that needed nothing share one line.
            self.done += 1
            self._current += 1
            return
        self._say_current()
        self.done += 1
        self.say(f"[{self.percent:5.1f} %] {label}: {state}")

    def _join(self, share: float) -> None:
        self._say_current()
        before, self.joined = self.joined or 0.0, share
        if int(share * _LINES_OF_JOIN) > int(before * _LINES_OF_JOIN):
            self.say(f"[{self.percent:5.1f} %] joining, {share * 100:.0f} %")

    def _say_current(self) -> None:
        if self._current:
            are = "is" if self._current == 1 else "are"
            self.say(f"[{self.percent:5.1f} %] {many(self._current, 'shot')} {are} current")
            self._current = 0

    def _longest_open_chain(self) -> int:
        depth: dict[str, int] = {}
        for label, parent in self._open.items():
            depth[label] = depth.get(parent or "", 0) + 1
        return max(depth.values(), default=0)


class Bar(Lines):
    """Progress as a bar on a terminal, with credits, time left and what is in flight; lines for shots scroll above it.

    Args:
        parents: as of `Lines`.
        clock: seconds.
        console: where it is shown; by default standard error.
    """

    def __init__(
        self,
        parents: Mapping[str, str | None],
        clock: Callable[[], float] = time.monotonic,
        *,
        console: Console | None = None,
    ) -> None:
        from rich.console import Console

        super().__init__(parents, clock)
        self._console = console or Console(stderr=True)
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = Live(get_renderable=self.render, console=self._console, transient=True, redirect_stdout=False)
        self._live.start()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def render(self) -> RenderableType:
        """The bar as it stands now, at most two lines high."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        if not self.shots:
            return Text("starting: reading the storyboard and the store", style="dim")
        facts = [f"{self.done}/{self.shots} shots", f"{self.credits:,} of {self.planned:,} credits"]
        if self.joined is not None:
            facts.append("joining")
        elif (left := self.seconds_left) is not None:
            facts.append(time_left(left))
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True)
        line.add_row(ProgressBar(total=100.0, completed=self.percent), " · ".join(facts))
        # A copy: takes come and go in the thread of the run.
        labels = list(self.in_flight)
        if not labels:
            return line
        text = f"{len(labels)} in flight: {', '.join(labels)}"
        return Group(line, Text(text, style="dim", no_wrap=True, overflow="ellipsis"))


def time_left(seconds: float) -> str:
    """An estimate in words, no finer than it can be known."""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 90:
        return f"about {round(seconds, -1):.0f} s left"
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min left"


def warnings(say: Callable[[str], None]) -> logging.Handler:
    """A log handler that prints warnings next to the progress."""
    handler = _Warnings(say)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("longtake: %(message)s"))
    return handler


class _Warnings(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._say(self.format(record))
        except Exception:  # noqa: BLE001 - as logging's own handlers
            self.handleError(record)
