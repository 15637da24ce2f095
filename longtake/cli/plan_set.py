"""`longtake plan` of a film set: every row judged, every film priced."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import film_set as sets
from longtake import plan as plans
from longtake import settings
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.errors import SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

_COLUMNS = ("row", "line", "key", "columns", "problem", "allowed")


def main(options: argparse.Namespace) -> int:
    """Print the plan of a set.

    Raises:
        StoryboardError: the set, its template, its table or a row has problems.
        SettingsError, CatalogError, StoreError: an option or the surroundings are unusable.
    """
    if options.retake or options.downstream or options.join:
        raise SettingsError(
            "--retake, --downstream and --join are for one film", next_step="leave them out, or plan one storyboard"
        )
    current = settings.from_environment()
    catalog = Catalog.load(current.catalog)
    film_set = sets.load(options.board, s3=current.s3)
    admission = sets.admit(film_set, catalog, s3=current.s3)
    if options.rejects:
        _write(options.rejects, admission.problems)
    if not options.skip_bad_rows:
        admission.raise_problems(options.board)
    plan = sets.make(film_set, admission, catalog=catalog, store=stores.of(current), settings=current)
    if options.json:
        print(plan.model_dump_json(indent=2))
        return 0
    if options.markdown:
        from longtake.cli import comment

        print(
            comment.of_plan(
                plan.title, plan.to_buy, plan.expected, plan.lines(most=plans.MOST_ROWS, width=comment.WIDTH)
            )
        )
        return 0
    width = max(shutil.get_terminal_size((80, 24)).columns, 60)
    print("\n".join(plan.lines(most=None if options.all else plans.MOST_ROWS, width=width)))
    return 0


def _write(path: str, problems: Iterable[sets.RowProblem]) -> None:
    """Write a CSV file of problems.

    Raises:
        SettingsError: it cannot be written.
    """
    try:
        with Path(path).open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for one in problems:
                writer.writerow([one.row, one.line, one.key, " ".join(one.columns), one.message, one.allowed])
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", next_step="name another file") from None
