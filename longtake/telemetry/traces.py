"""One trace for a film: film, shot, take, attempt, and the steps of each, as they run inside one another.

Attributes are titles, ids and numbers: no URL, no text of an error, as that may quote a request, and prompts only where they are
asked for.
"""

from __future__ import annotations

import contextlib
import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import context, trace
from opentelemetry.trace import StatusCode

from longtake.errors import TaskFailedError
from longtake.ledger import Attempt
from longtake.ledger.ledger import now
from longtake.library import Take
from longtake.observer import Observer
from longtake.telemetry.attributes import (
    ACCOUNT,
    ATTEMPT,
    CHARGED,
    CODE,
    FILM,
    LABEL,
    NUMBER,
    OF_EVENTS,
    RESERVE,
    RUN_ATTRIBUTES,
    TASK,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from datetime import datetime

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from longtake.observer import Event, Part, Step
    from longtake.telemetry.exporting import Exporting

_log = logging.getLogger("longtake.telemetry")
_Result = TypeVar("_Result")

_ENDS = frozenset({"film.ready", "film.incomplete"})
"""Events whose numbers are those of the whole run."""
_FAILED = frozenset({"failed", "in doubt"})
_UNTRACED = frozenset({"", "film.joining", "shot.done"})


class _Place:
    """A part under way. A shot's span begins with the first thing that happens in it, as most shots of a film may need nothing."""

    def __init__(self, part: Part, above: _Place | None, begin: Callable[[_Place], Span]) -> None:
        self.part, self.above = part, above
        self.began = time.time_ns()
        self.around = context.get_current()
        self._begin = begin
        self._span: Span | None = None

    @property
    def begun(self) -> bool:
        """Whether it has a span."""
        return self._span is not None

    @property
    def span(self) -> Span:
        """Its span, begun now if it was not."""
        if self._span is None:
            self._span = self._begin(self)
        return self._span

    def of(self, name: str) -> _Place | None:
        """This part or the one around it with this name."""
        if self.part.name == name:
            return self
        return self.above.of(name) if self.above is not None else None


_here: ContextVar[_Place | None] = ContextVar("longtake_part", default=None)


class TraceObserver(Observer):
    """Traces one film of one run.

    Args:
        exports: where spans and counts go.
        film: the film's slug.
        run: the id of the run.
        account: the ledger's.
        prompts: whether takes get their prompts as an attribute.
    """

    def __init__(self, exports: Exporting, *, film: str, run: str, account: str, prompts: bool) -> None:
        self._tracer, self._metrics = exports.tracer, exports.metrics
        self._film, self._run, self._prompts = film, run, prompts
        self._counted = {FILM: film, ACCOUNT: account} if account else {FILM: film}
        self._ended: dict[str, datetime] = {}
        """When the last generation of a shot ended, by its id."""
        self._linked: set[str] = set()
        """Labels of takes that were submitted in this run."""

    # -- what an observer is asked ---------------------------------------------------------------------------------------

    def notify(self, event: Event) -> None:
        """Count refunds, and add the event to the span under way."""
        place = _here.get()
        if event.name == "attempt.refunded":
            self._metrics.refunds.add(1, self._counted)
        if event.name == "shot.done" and place is not None and place.begun:
            place.span.set_attribute("longtake.shot.state", str(event.data["state"]))
            if event.data["state"] in _FAILED:
                place.span.set_status(StatusCode.ERROR)
        if event.name in _UNTRACED or place is None:
            return
        found = {name: event.data[key] for key, name in OF_EVENTS.items() if event.data.get(key) is not None}
        if event.name in _ENDS and (film := place.of("film")) is not None:
            film.span.set_attributes(found)
        else:
            place.span.add_event(f"longtake.{event.name}", found)

    @contextlib.contextmanager
    def within(self, part: Part) -> Iterator[None]:
        """Open a span for a part of the film."""
        place = _Place(part, _here.get(), self._begin)
        token = _here.set(place)
        try:
            with contextlib.nullcontext() if part.name == "shot" else _current(place.span):
                yield
        except BaseException as error:
            _failed(place.span, error)
            raise
        finally:
            _here.reset(token)
            if place.begun:
                _safely(place.span.end)

    async def around(self, step: Step, call: Callable[[], Awaitable[_Result]]) -> _Result:
        """Open a span for a step."""
        place = _here.get()
        span = self._start(step.name, _inside(place) if place is not None else context.get_current(), self._of(step))
        try:
            with _current(span):
                result = await call()
        except BaseException as error:
            _failed(span, error)
            if place is not None and place.part.name == "attempt":
                # The error may end here: another attempt is made.
                _failed(place.span, error)
            raise
        else:
            _safely(lambda: self._see(step, place, result))
            return result
        finally:
            _safely(span.end)

    # -- spans -----------------------------------------------------------------------------------------------------------

    def _start(self, name: str, inside: Context, attributes: Mapping[str, Any], *, at: int | None = None) -> Span:
        try:
            return self._tracer.start_span(name, inside, attributes={FILM: self._film, **attributes}, start_time=at)
        except Exception:  # noqa: BLE001 - a processor of the program may raise, which must not cost a film
            _log.exception("no span for %s", name)
            return trace.INVALID_SPAN

    def _begin(self, place: _Place) -> Span:
        part, outer = place.part, place.above
        inside = _inside(outer) if outer is not None else place.around
        return self._start(part.name, inside, self._attributes(part), at=place.began)

    def _attributes(self, part: Part) -> dict[str, Any]:
        data = part.data
        if part.name in {"film", "scenes"}:
            run: Any = context.get_value(RUN_ATTRIBUTES) or {}
            return {**self._counted, "longtake.film.title": data["title"], "longtake.run.id": self._run, **run}
        found: dict[str, Any] = {LABEL: part.label}
        if part.name == "take":
            found |= {"longtake.take": data["take"], "gen_ai.request.model": data["model"]}
            if self._prompts:
                found["longtake.prompt"] = data["prompt"]
        return found

    @staticmethod
    def _of(step: Step) -> dict[str, Any]:
        return {} if step.name == "concatenate" else {LABEL: step.label}

    # -- what steps gave -------------------------------------------------------------------------------------------------

    def _see(self, step: Step, place: _Place | None, result: object) -> None:
        take = place.of("take") if place is not None else None
        if place is None or take is None:
            return
        if step.name == "submit" and isinstance(result, Attempt):
            place.span.set_attributes(
                {
                    ATTEMPT: result.id,
                    NUMBER: result.number,
                    TASK: result.task_id or "",
                    RESERVE: result.order.reserve,
                }
            )
            self._link(take.part, result)
        elif step.name == "poll":
            self._ended[str(take.part.data["id"])] = now()
        elif isinstance(result, Take):
            # Ingested, or kept by another run meanwhile.
            take.span.set_attribute(CHARGED, result.credits)
            if step.name == "ingest" and take.part.data["retake"]:
                self._metrics.retakes.add(1, self._counted)

    def _link(self, take: Part, attempt: Attempt) -> None:
        """Count the time since the shot that a take continues was made; further attempts have waited for other things."""
        ended = self._ended.get(str(take.data["continues"]))
        first = take.label not in self._linked
        self._linked.add(take.label)
        if ended is not None and first and attempt.order.run == self._run and attempt.at >= ended:
            self._metrics.link.record((attempt.at - ended).total_seconds(), self._counted)


def _inside(place: _Place) -> Context:
    return trace.set_span_in_context(place.span, context.get_current())


@contextlib.contextmanager
def _current(span: Span) -> Iterator[None]:
    """Make the span current: instrumented clients put their spans below it."""
    with trace.use_span(span, record_exception=False, set_status_on_exception=False):
        yield


def _failed(span: Span, error: BaseException) -> None:
    def work() -> None:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", type(error).__name__)
        if isinstance(error, TaskFailedError) and error.code is not None:
            span.set_attribute(CODE, error.code)

    _safely(work)


def _safely(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:  # noqa: BLE001 - as in `_start`
        _log.exception("a span is not whole")
