"""A progress bar for long work of a command, on standard error, if that is a terminal."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID


class Waiting:
    """Show a bar while the block runs; without a terminal, do nothing.

    Args:
        what: what is being done.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = self._stack.enter_context(Progress(console=Console(stderr=True), transient=True))
            self._task = self._bar.add_task(self._what, total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def share(self, done: float) -> None:
        """Set how much is done, 0 to 1."""
        self.step(self._what, done, 1.0)

    def step(self, what: str, done: float, total: float | None = None) -> None:
        """Name the current step and how much of it is done; `total` is None if unknown."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=what, completed=done, total=total)
