"""Watch a film being made: every step runs through an observer, and it is notified of every change.

An observer shows, counts or wraps what happens; it never decides what is bought. Prefect's task runs, events and progress are one
observer (`longtake.prefect.observer`), a progress bar is another.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

_log = logging.getLogger("longtake.studio")

_Result = TypeVar("_Result")

StepName = Literal["upload", "submit", "poll", "ingest", "edit", "concatenate"]
PartName = Literal["film", "scenes", "shot", "take", "attempt"]


@dataclass(frozen=True, slots=True)
class Step:
    """A step about to run.

    Attributes:
        name: the step.
        label: what it works on: `scene/shot · take n`, or the film.
    """

    name: StepName
    label: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a film about to be made: smaller parts and steps run inside it.

    Attributes:
        name: the film, scenes of it that another run dispatched, a shot, a take that is obtained, or one attempt for it.
        label: what it is: the film's slug, `scene/shot`, or `scene/shot · take n`.
        data: plain values: of a film its `title`; of a take `id` (the shot's), `take`, `model`, `continues` (the id of the shot it
            starts from, or None), `retake` (whether it is a take more than the shot asks for) and `prompt`.
    """

    name: PartName
    label: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        name: such as `attempt.accepted`; empty for news that only a log needs. `docs/how-to/alerts.md` lists all names.
        film: the film's slug; None for events of the account.
        account: the ledger's account.
        text: one line for a log, empty for events that need none.
        level: of that line, as in `logging`.
        data: plain values that JSON takes: credits, seconds, ids. Never a URL, never a secret.
        page: the event as a page for people, Markdown; only of a run that is cancelled and of a film of a set.
    """

    name: str
    film: str | None
    account: str
    text: str = ""
    level: int = logging.INFO
    data: Mapping[str, Any] = field(default_factory=dict)
    page: str = field(default="", repr=False)


class Observer:
    """Does nothing. Override what you need.

    An exception raised in `notify` is logged and changes nothing. `around` must call its argument exactly once per try and return
    what it returned, or raise what it raised: a purchase may have happened inside.
    """

    def notify(self, event: Event) -> None:
        """Take note of an event. Called on the event loop of the run: return quickly."""

    async def around(self, step: Step, call: Callable[[], Awaitable[_Result]]) -> _Result:
        """Run a step.

        Args:
            step: which.
            call: runs it. All but `submit` may be called again after an error.
        """
        del step
        return await call()

    def within(self, part: Part) -> AbstractContextManager[None]:
        """Give a context that is open while a part is made; it must raise nothing of its own, and let errors pass.

        Args:
            part: which.
        """
        del part
        return contextlib.nullcontext()


class Observers(Observer):
    """Several observers as one: each is notified, and the first is outermost around a step."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def notify(self, event: Event) -> None:
        """Tell all of them; an observer that fails is logged."""
        for one in self._observers:
            try:
                one.notify(event)
            except Exception:  # noqa: BLE001 - watching must not cost a film
                _log.exception("%s failed on %s", type(one).__name__, event.name or event.text)

    async def around(self, step: Step, call: Callable[[], Awaitable[_Result]]) -> _Result:
        """Wrap the step in each of them."""
        for one in reversed(self._observers):
            call = _inside(one, step, call)
        return await call()

    @contextlib.contextmanager
    def within(self, part: Part) -> Iterator[None]:
        """Open the part in each of them."""
        with contextlib.ExitStack() as stack:
            for one in self._observers:
                try:
                    stack.enter_context(one.within(part))
                except Exception:  # noqa: BLE001 - as in `notify`
                    _log.exception("%s failed on %s %s", type(one).__name__, part.name, part.label)
            yield


def _inside(one: Observer, step: Step, call: Callable[[], Awaitable[_Result]]) -> Callable[[], Awaitable[_Result]]:
    return lambda: one.around(step, call)
