"""A film's edit for other tools, by its name or its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from longtake import export as exports
from longtake import film as films
from longtake.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from longtake.export import Exported, ExportForm
    from longtake.settings import Settings


def export(
    place: str | None,
    to: ExportForm,
    out: str | PathLike[str] | None,
    *,
    settings: Settings,
    on_progress: Callable[[float], None] | None = None,
) -> Exported:
    """See `Studio.export`; `place` is what `longtake.film.locate` takes, None of a film that is not joined."""
    if place is None:
        raise SettingsError("the film is not whole yet", next_step="make what is missing of it with `longtake run`")
    manifest, store = films.locate(place, settings)
    out = out or f"{manifest.film}{'-edit' if to == 'folder' else f'.{to}'}"
    return exports.export(manifest, store, to, Path(out), public_url=settings.public_url, on_progress=on_progress)
