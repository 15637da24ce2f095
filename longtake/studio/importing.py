"""An edit that comes back from an editing program, as decisions in the storyboard's file."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import film as films
from longtake import plan as plans
from longtake import request, storyboard
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.errors import SettingsError
from longtake.export import decisions, edit
from longtake.media.files import replacing
from longtake.storyboard.rewriting import rewritten

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from longtake.plan import Plan
    from longtake.settings import Settings
    from longtake.storyboard import Loaded

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ImportedEdit:
    """What an edit changes in a storyboard.

    Attributes:
        path: the storyboard's file.
        changes: what is decided, one line each; none where the edit is as it was exported.
        left_out: what a storyboard cannot say, one line each with the clip and its place.
        text: the changed file.
        written: whether the file was written.
        plan: what a run of the changed storyboard would buy.
    """

    path: Path
    changes: tuple[str, ...]
    left_out: tuple[str, ...]
    text: str
    written: bool
    plan: Plan


def import_edit(
    source: str | PathLike[str],
    into: str | PathLike[str],
    *,
    settings: Settings,
    steps: Sequence[str] = (),
    dry_run: bool = False,
) -> ImportedEdit:
    """See `Studio.import_edit`; `steps` are the names of the user's own steps, as for `longtake.plan.make`."""
    path = Path(into)
    loaded = storyboard.load(path)
    line = edit.load(Path(source))
    film = storyboard.slug(loaded.board.title)
    place = edit.film_of(line) or film
    if place.partition("/")[0] != film:
        raise SettingsError(
            f"{source} is an edit of the film {place.partition('/')[0][:64]!r}, and {path} is {film!r}",
            next_step="give the storyboard of that film",
        )
    manifest, _ = films.locate(place, settings)
    found = decisions.decide(loaded.board, manifest, edit.read(line, manifest))
    text = rewritten(loaded, found.board)
    # Before anything is written: another take may make the shots that continue it be bought again.
    plan = _plan(storyboard.draft_text(text, name=str(path), base=loaded.base), film, settings, steps)
    written = not dry_run and text != loaded.text
    if written:
        _write(path, text, was=loaded.text)
    return ImportedEdit(path, found.changes, found.left_out, text, written, plan)


def _plan(loaded: Loaded, film: str, settings: Settings, steps: Sequence[str]) -> Plan:
    catalog = Catalog.load(settings.catalog)
    resolved = request.resolve(loaded, catalog)
    return plans.make(resolved, catalog=catalog, store=stores.of(settings), settings=settings, film=film, steps=steps)


def _write(path: Path, text: str, *, was: str) -> None:
    try:
        before = path.read_bytes()
        if before.removeprefix(_BOM) != was.encode():
            raise SettingsError(
                f"{path} changed while the edit was read; nothing is written",
                next_step="import the edit again",
            )
        with replacing(path) as unfinished:
            unfinished.write_bytes((_BOM if before.startswith(_BOM) else b"") + text.encode())
            shutil.copymode(path, unfinished)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}", next_step="give a file that can be"
        ) from None
