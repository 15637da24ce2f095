"""One process of the soak, with a clock of its own. The order is JSON in the first argument; each line of output that begins with
`@` is one result.

    {"verb": "make", "boards": [...], "at_once": 4, "hours": 1.5}   make films side by side with `Studio`
    {"verb": "reconcile", "quiet": 30, "hours": -2}                 reconcile the account

The product is used as it is, but for the time that a POST may take and the pace of polls.
"""

from __future__ import annotations

import asyncio
import faulthandler
import functools
import json
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict

import time_machine

ORDER = json.loads(sys.argv[1])
if ORDER["hours"]:
    # Before anything else is loaded: every wall clock of this process is off from here on, and the monotonic ones are not.
    time_machine.travel(time.time() + 3600 * ORDER["hours"], tick=True).start()

from longtake import Studio, reconciliation, settings  # noqa: E402
from longtake.errors import FilmIncompleteError, LongtakeError  # noqa: E402
from longtake.provider import Provider  # noqa: E402
from longtake.provider.polling import PollCadence  # noqa: E402
from longtake.take import session as take_session  # noqa: E402

QUICK = PollCadence(shortest=0.1, longest=1.0, longest_fault=2.0)


def tell(**result):
    """Print a result."""
    sys.stdout.write(f"@{json.dumps(result)}\n")
    sys.stdout.flush()


def raw(error, where):
    """Tell of an exception that is not the product's own."""
    tell(raw="".join(traceback.format_exception(error)), where=where)


async def make():
    """Make every film of the order; tell what became of each."""
    studio, turns = Studio.from_env(), asyncio.Semaphore(ORDER["at_once"])

    async def one(board):
        async with turns:
            try:
                film = await studio.make(board)
            except LongtakeError as error:
                shots = error.film.shots if isinstance(error, FilmIncompleteError) and error.film else {}
                said = {shot.id: f"{shot.state}: {shot.error}" for shot in shots.values() if shot.error}
                tell(board=board, error=type(error).__name__, message=str(error), shots=said)
            except Exception as error:  # noqa: BLE001 - what the soak looks for
                raw(error, board)
            else:
                states = {shot.id: shot.state for shot in film.shots.values()}
                # An extra take that is missing, or not fetched yet, is a note of a whole film.
                left = film.would_cost > 0 or any(shot.error for shot in film.shots.values())
                tell(board=board, place=film.place, states=states, charged=film.cost.charged, left=left)

    await asyncio.gather(*map(one, ORDER["boards"]))


async def reconcile():
    """Reconcile the account; tell what was found."""
    try:
        _, report = await reconciliation.run(settings.from_environment(), quiet=ORDER["quiet"], longest=0)
    except LongtakeError as error:
        tell(error=type(error).__name__, message=str(error))
    else:
        tell(report=asdict(report))


async def main():
    """Do what was ordered, with every loose exception told."""
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: raw(
            context.get("exception") or RuntimeError(context["message"]), f"the loop: {context['message']}"
        )
    )
    await {"make": make, "reconcile": reconcile}[ORDER["verb"]]()


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    threading.excepthook = lambda args: raw(args.exc_value, f"thread {args.thread}")
    sys.unraisablehook = lambda args: raw(args.exc_value, f"{args.err_msg} {args.object!r}")
    quick = functools.partial(Provider, post_timeout=ORDER["post_timeout"])
    take_session.Provider = lambda **options: quick(**{**options, "cadence": QUICK})
    tell(begun=True)
    asyncio.run(main())
    tell(ended=True)
