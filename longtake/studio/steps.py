"""A user's own steps: functions that see each take before it is used, and may replace its clip or refuse it.

A step is `step(take, clip, folder) -> Path | None`, sync or async: `clip` is the take's clip as a file, `folder` a place for its
own files. It returns the path of another clip (H.264 in MP4, with as many frames: else a frame that two shots share is
shown twice), or None to leave the clip alone, or raises `TakeRefusedError`. What it did is recorded once: a run that comes back
does not call it again, and the original stays in the store. A `version` attribute of the function that changes makes it run again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import inspect
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake import library, media
from longtake import store as stores
from longtake.errors import LongtakeError, MediaError, SettingsError, TakeRefusedError
from longtake.library import ClipFile, Edit, Take
from longtake.observer import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.plan import Comparison
    from longtake.store import Store
    from longtake.take import Session

StepFunction = Callable[[Take, Path, Path], "Path | Awaitable[Path | None] | None"]


@dataclass(frozen=True, slots=True)
class ClipStep:
    """A step and its name in records: `module:function`, with `@version` where it has one."""

    name: str
    function: StepFunction


def load_steps(given: Sequence[str | StepFunction]) -> tuple[ClipStep, ...]:
    """Load steps given as functions or as `module:function`.

    Raises:
        SettingsError: a module or a function is not there, or it cannot be called.
    """
    return tuple(_loaded(one) for one in given)


def _loaded(given: str | StepFunction) -> ClipStep:
    function: Any = given
    path = (
        given
        if isinstance(given, str)
        else f"{given.__module__}:{getattr(given, '__qualname__', type(given).__name__)}"
    )
    if isinstance(given, str):
        module, _, name = given.partition(":")
        try:
            function = importlib.import_module(module)
            for part in name.split("."):
                function = getattr(function, part)
        except (ImportError, AttributeError, ValueError) as error:
            raise SettingsError(
                f"the step {given!r} cannot be loaded: {error}",
                next_step="give it as `module:function`, importable where the run is made",
            ) from None
    if not callable(function):
        raise SettingsError(f"the step {path!r} is not a function", next_step="give it as `module:function`")
    version = getattr(function, "version", None)
    return ClipStep(path if version is None else f"{path}@{version}", function)


def refusal(comparison: Comparison, take: Take | None) -> TakeRefusedError | None:
    """The error of a take that a step refused; None if the take may be used."""
    # Records hold takes as they were ingested; the one at hand may carry an edited clip.
    original = comparison.take_library.original(take.fingerprint) if take is not None else None
    reason = comparison.take_library.edits.refusal(original) if original is not None else None
    if reason is None or original is None:
        return None
    return TakeRefusedError(f"{original.shot} · take {original.take} was {reason}", reason=reason)


async def apply_steps(session: Session, comparison: Comparison, take: Take, steps: Sequence[ClipStep]) -> None:
    """Run the steps on a take that have not run on it yet, and record what they did.

    Raises:
        MediaError: a step gave something that is not a clip.
        LongtakeError: a step failed; the take is kept, and the next run calls the step again.
        StoreError: the store is away.
    """
    edits, clip = comparison.take_library.edits, take.clip
    for step in steps:
        edit = edits.get(take.fingerprint, step.name, clip.sha256)
        if edit is None:
            shown, given = Step("edit", f"{take.shot} · take {take.take} · {step.name}"), clip

            async def call(step: ClipStep = step, given: ClipFile = given) -> Edit:
                async with session.keeping:
                    return await _run(session, take, given, step)

            edit = await session.events.observer.around(shown, call)
            edits.add(edit)
            _report(session, take, edit)
        if edit.refused is not None:
            return
        clip = edit.clip or clip


async def _run(session: Session, take: Take, clip: ClipFile, step: ClipStep) -> Edit:
    store, about = session.store, f"the step {step.name} on {take.shot} · take {take.take}"
    new: ClipFile | None = None
    refused: str | None = None
    with tempfile.TemporaryDirectory(prefix="longtake-") as name:
        folder = Path(name)
        with contextlib.ExitStack() as stack:
            path = await asyncio.to_thread(stack.enter_context, stores.local_copy(store, clip.key))
            try:
                found = await _called(step, take, path, folder)
            except TakeRefusedError as error:
                found, refused = None, error.message
            except LongtakeError:
                raise
            except Exception as error:
                raise LongtakeError(
                    f"{about} failed: {type(error).__name__}: {error}", next_step="correct the step and run again"
                ) from error
        if found is not None:
            try:
                new = await asyncio.to_thread(_keep, store, Path(found))
            except (MediaError, OSError) as error:
                raise MediaError(
                    f"{about} gave what is not a clip: {error}", next_step="correct the step and run again"
                ) from error
    edit = Edit(film=session.film, take=take.fingerprint, step=step.name, of=clip.sha256, clip=new, refused=refused)
    return await asyncio.to_thread(library.write_edit, store, edit)


async def _called(step: ClipStep, take: Take, path: Path, folder: Path) -> Path | None:
    if inspect.iscoroutinefunction(step.function):
        given: Any = await step.function(take, path, folder)
    else:
        given = await asyncio.to_thread(step.function, take, path, folder)
        if inspect.isawaitable(given):
            given = await given
    return None if given is None else Path(given)


def _keep(store: Store, path: Path) -> ClipFile:
    """Put a clip into the store under its digest."""
    probe = media.check_clip(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    key = f"media/{digest}.mp4"
    store.put_file(key, path, content_type="video/mp4")
    return ClipFile(
        key=key,
        sha256=digest,
        bytes=path.stat().st_size,
        width=probe.width,
        height=probe.height,
        frames=probe.frames,
        seconds=float(probe.seconds),
        audio=probe.audio is not None,
    )


def _report(session: Session, take: Take, edit: Edit) -> None:
    label = f"{take.shot} · take {take.take}"
    if edit.refused is not None:
        session.events.event(
            "take.refused",
            f"{label}: refused by {edit.step}: {edit.refused}",
            shot=label,
            step=edit.step,
            reason=edit.refused,
        )
    elif edit.clip is not None:
        session.events.event(
            "take.edited", f"{label}: edited by {edit.step}", shot=label, step=edit.step, clip=edit.clip.key
        )
