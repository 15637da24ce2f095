"""`longtake run`: check everything that can be checked for free, then load Prefect and run the flow."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import film_set, settings
from longtake.catalog import Catalog
from longtake.cli import board
from longtake.errors import SettingsError
from longtake.storyboard import labels_of

if TYPE_CHECKING:
    import argparse

    from longtake.cli.board import CheckedStoryboard


AT_A_TERMINAL = {
    # Only where the profile names no server does Prefect start its own, for as long as the process lives.
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The log goes to the API, for the UI; at the terminal the flow shows its own lines.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "longtake",
    # The flow reports once what could not be sent to an API that went away.
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
}
"""Settings of Prefect for a run at a terminal, read when it is imported; what is set in the shell goes before them."""

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})
"""What stops a run. They wait while the flow is being loaded and are taken when it can be stopped in good order."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("board", metavar="BOARD", nargs="?", help="a storyboard or a film set, YAML or JSON")
    board.add_choices(parser)
    parser.add_argument(
        "--from-manifest",
        metavar="PLACE",
        help="join a film again from its manifest and the store alone; costs nothing",
    )
    parser.add_argument(
        "--progress",
        choices=("bar", "lines"),
        help="how progress is shown on standard error (a bar on a terminal, lines elsewhere, with --json and in CI)",
    )
    parser.add_argument(
        "--skip-bad-rows", action="store_true", help="of a film set: make the other films where rows cannot be used"
    )
    parser.add_argument(
        "--on",
        metavar="DEPLOYMENT",
        help="make a set's films on other workers, by this deployment of the flow `film` (a film's scenes: of `scene`)",
    )
    parser.add_argument(
        "--label",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="what this run's credits can be summed by (`longtake credits --by NAME`); may be given again",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def main(options: argparse.Namespace) -> int:
    """Run the flow, or join a film from its manifest; return the exit code.

    Raises:
        SettingsError, StoryboardError, CatalogError: the storyboard, the options or the settings are unusable.
    """
    if options.from_manifest is not None and not (
        options.board or options.retake or options.downstream or options.label
    ):
        from longtake.cli import rebuild

        return rebuild.main(options.from_manifest, as_json=options.json)
    if options.board is None or options.from_manifest is not None:
        raise SettingsError(
            "run takes either a storyboard or --from-manifest, which takes no other options",
            next_step="`longtake run film.yaml`, or `longtake run --from-manifest FILM/DIGEST`",
        )
    if film_set.is_film_set(options.board):
        return _run_set(options)
    labels = labels_of(options.label)
    found = board.read(options.board)
    found.settings.key()
    if not options.retake and _is_unchanged(found, options, labels):
        return 0
    _before_prefect()
    from longtake.cli import flow_run, progress

    shown = progress.Bar if (options.progress or progress.style(as_json=options.json)) == "bar" else progress.Lines
    return flow_run.main(
        options.board,
        progress=shown(progress.parents_of(found.resolved)),
        retake=options.retake,
        downstream=options.downstream,
        labels=labels,
        on=_deployment("scene", options.on),
        as_json=options.json,
        signals=SIGNALS,
    )


def _is_unchanged(found: CheckedStoryboard, options: argparse.Namespace, labels: dict[str, str]) -> bool:
    """Print the film if a run would have nothing to do; whether it was printed. No engine is loaded for that.

    Where runs belong to a Prefect API, this one is recorded there.
    """
    from longtake import store as stores
    from longtake.cli import answer
    from longtake.prefect import recorded
    from longtake.report import many
    from longtake.studio.unchanged import unchanged

    api = recorded.plain_api() if (recording := has_api()) else None
    if recording and api is None:
        return False
    there = unchanged(
        found.resolved,
        catalog=found.catalog,
        settings=found.settings,
        film=found.film,
        downstream=options.downstream,
    )
    film = there.film if there is not None else None
    if there is not None and api is not None:
        given = {
            "board": board.place(options.board),
            "downstream": options.downstream,
            "labels": labels,
            "scenes": _deployment("scene", options.on),
        }
        both = {**(found.resolved.loaded.board.labels or {}), **labels}
        store = stores.of(found.settings).uri
        film = recorded.record(there, api, store=store, parameters=given, labels=both)
    if film is None:
        return False
    print(f"nothing to do: {many(len(film.shots), 'shot')}, none to buy, and the film is there", file=sys.stderr)
    answer.show(film, None, as_json=options.json)
    return True


def has_api() -> bool:
    """Whether runs may be recorded by a Prefect API; True also where only Prefect itself could tell.

    Prefect reads its settings from the environment, the working folder, and the active profile. To ask it takes a second.
    """
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    if os.environ.get("PREFECT_API_URL") or Path("prefect.toml").exists():
        return True
    files = {Path(".env"): "prefect_", Path("pyproject.toml"): "tool.prefect", profiles: "prefect_api_url"}
    try:
        return any(word in path.read_text(errors="replace").lower() for path, word in files.items() if path.exists())
    except OSError:
        return True


def _run_set(options: argparse.Namespace) -> int:
    """Run the flow `film_set`. Problems of the set are reported before Prefect is loaded.

    Raises:
        SettingsError, StoryboardError, CatalogError: the set, the options or the settings are unusable.
    """
    if options.retake or options.downstream:
        raise SettingsError("--retake and --downstream are for one film", next_step="run that film's storyboard")
    labels = labels_of(options.label)
    current = settings.from_environment()
    current.key()
    admission = film_set.admit(
        film_set.load(options.board, s3=current.s3), Catalog.load(current.catalog), s3=current.s3
    )
    if not options.skip_bad_rows:
        admission.raise_problems(options.board)
    _before_prefect()
    from longtake.cli import flow_run
    from longtake.cli.set_progress import SetLines

    return flow_run.main_set(
        options.board,
        progress=SetLines(),
        skip_bad_rows=options.skip_bad_rows,
        labels=labels,
        on=_deployment("film", options.on),
        as_json=options.json,
        signals=SIGNALS,
    )


def _deployment(flow: str, on: str | None) -> str | None:
    return on if on is None or "/" in on else f"{flow}/{on}"


def _before_prefect() -> None:
    """Set what Prefect reads when it is imported. Signals wait until the flow can stop without losing an answer."""
    for name, value in AT_A_TERMINAL.items():
        os.environ.setdefault(name, value)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
