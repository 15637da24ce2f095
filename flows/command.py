"""`python -m flows.command BOARD`: what `longtake run` turns into. Uses the API of the active profile, or a temporary server."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from longtake.errors import LongtakeError


def main() -> int:
    """Run the flow once; prints the answer; returns the exit code."""
    parser = argparse.ArgumentParser(prog="longtake run")
    parser.add_argument("board")
    parser.add_argument("--renew-stale", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # Only where the profile names no server does Prefect start its own, for as long as this process lives.
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "true")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")

    from flows.storyboard import storyboard

    # The run's error is told once, below; Prefect would print its traceback on the way.
    logging.getLogger("prefect.flow_runs").setLevel(logging.CRITICAL)
    logging.getLogger("prefect.task_runs").setLevel(logging.CRITICAL)
    board = options.board if "://" in options.board else str(Path(options.board).absolute())
    try:
        answer = asyncio.run(storyboard(board, renew_stale=options.renew_stale))
    except LongtakeError as error:
        _tell(getattr(error, "answer", None), error, as_json=options.json)
        return error.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("longtake: stopped; what was bought is in the ledger and the next run takes it up", file=sys.stderr)  # noqa: T201
        return 130
    _tell(answer, None, as_json=options.json)
    return 0


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
