"""`python -m flows.command BOARD`: what `longtake run` turns into. Uses the API of the active profile, or a temporary server."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import httpx
from prefect.exceptions import PrefectException

from flows.storyboard import storyboard
from longtake.errors import LongtakeError


def main() -> int:
    """Run the flow once; prints the answer; returns the exit code."""
    parser = argparse.ArgumentParser(prog="longtake run")
    parser.add_argument("board")
    parser.add_argument("--renew-stale", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    logging.getLogger("prefect.flow_runs").addFilter(_echo)
    logging.getLogger("longtake").addHandler(_warnings())
    board = options.board if "://" in options.board else str(Path(options.board).absolute())
    try:
        answer = asyncio.run(storyboard(board, renew_stale=options.renew_stale))
    except LongtakeError as error:
        _tell(getattr(error, "answer", None), error, as_json=options.json)
        return error.exit_code
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        away = LongtakeError(
            f"Prefect did not run the flow: {type(error).__name__}: {error}",
            next_step="check PREFECT_API_URL and that its server answers, or unset it for a temporary server, and run again",
        )
        _tell(None, away, as_json=options.json)
        return away.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("longtake: stopped; what was bought is in the ledger and the next run takes it up", file=sys.stderr)  # noqa: T201
        return 130
    _tell(answer, None, as_json=options.json)
    return 0


def _warnings() -> logging.Handler:
    """What the core warns of, at the terminal; the run's error itself is told once, at the end."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("longtake: %(message)s"))
    return handler


def _echo(record: logging.LogRecord) -> bool:
    """Show the progress lines of the run at the terminal too."""
    message = record.getMessage()
    if message.startswith("["):
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - people at a terminal
    return True


def _tell(answer: dict[str, Any] | None, error: LongtakeError | None, *, as_json: bool) -> None:
    if as_json:
        body = dict(answer or {})
        if error is not None:
            body["error"] = {"kind": type(error).__name__, "message": error.message, "next_step": error.next_step}
        print(json.dumps(body, indent=2))  # noqa: T201 - this is the command's output
    elif answer is not None:
        credits = answer["credits"]
        print(f"film: {answer['film'] or 'not whole yet'}")  # noqa: T201
        print(  # noqa: T201
            f"credits: planned {credits['planned']}, charged {credits['charged']}, refunded {credits['refunded']}, "
            f"in doubt {credits['in_doubt']}"
        )
    if error is not None:
        print(f"longtake: {error}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
