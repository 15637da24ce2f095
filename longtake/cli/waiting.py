"""A progress bar for long work of a command, on standard error, if that is a terminal."""

from __future__ import annotations

from typing import Self


class Waiting:
    """Show a bar while the block runs; without a terminal, show nothing.

    Args:
        what: what is being done.
    """

    def __init__(self, what: str) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._what = what
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def share(self, done: float) -> None:
        """Set how much is done, 0 to 1."""
        self.step(self._what, done, 1.0)

    def step(self, what: str, done: float, total: float | None = None) -> None:
        """Show the current step and its progress; `total` is None if unknown."""
        self._bar.update(self._task, description=what, completed=done, total=total)
