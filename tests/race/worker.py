"""Processes that race: each is forked from one that has imported everything, waits at a gate, and starts with all the others.

    worker.py film BOARD FOLDER --processes 8     every process gets every shot of the board, in whose path `{}` is its number;
                                                  settings from the environment
    worker.py studio BOARD FOLDER --processes 2   every process makes the board's film with `longtake.Studio`
    worker.py budgets STORE FOLDER --processes 16 every process claims takes until the budgets of film and day are reached
    worker.py claim STORE                         one process claims a take, prints the attempt's id, and lives until its input ends

What each process came to lies in FOLDER as JSON, named after its number. The product is used as it is, but for the pace of polls.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import traceback
from pathlib import Path

from longtake import Studio, media, request, settings, storyboard
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.errors import BudgetError, InDoubtError, LongtakeError
from longtake.ledger import Budget, Ledger, Purchase
from longtake.provider.polling import PollCadence
from longtake.take import EnsuredTake, TakeSpec, ensure_take, open_session

QUICK = PollCadence(shortest=0.05, longest=0.3, longest_fault=0.5)
WARM = (media.probe, media.check_clip, Studio)


async def film(board):
    """Every take of every shot, each as soon as the shot it continues is there; what came of each."""
    given = settings.from_environment()
    catalog = Catalog.load(given.catalog)
    resolved = request.resolve(storyboard.draft(board), catalog)
    name = storyboard.slug(resolved.loaded.board.title)
    jobs = {}
    options = {"catalog": catalog, "film": name, "budget": resolved.loaded.board.budget, "cadence": QUICK}
    async with open_session(given, **options) as session:
        await session.account.balance(session.store)

        async def take(shot, number, frame):
            try:
                return await ensure_take(session, TakeSpec(shot, number, frame))
            except LongtakeError as error:
                return error

        async def work(shot):
            parent = await jobs[shot.parent] if shot.parent else None
            if parent is not None and not isinstance(parent[0], EnsuredTake):
                return [None]
            frame = parent[0].take.last_frame if parent else None
            return await asyncio.gather(*(take(shot, number, frame) for number in range(1, shot.takes + 1)))

        async with asyncio.TaskGroup() as group:
            for shot in resolved.shots:
                jobs[shot.id] = group.create_task(work(shot))
        await session.account.balance(session.store)
    return {
        f"{shot.id} {number}": told(result)
        for shot in resolved.shots
        for number, result in enumerate(jobs[shot.id].result(), 1)
    }


def told(result):
    if result is None:
        return {"state": "blocked"}
    if isinstance(result, LongtakeError):
        return {"state": "in doubt" if isinstance(result, InDoubtError) else "failed", "error": str(result)}
    return {"state": result.state, "take": _shown(result.take)}


def _shown(take):
    return {
        "task": take.task_id,
        "clip": take.clip.sha256,
        "frame": take.last_frame.sha256,
        "credits": take.credits,
    }


def studio(board):
    """The film by `Studio.make_sync`; what came of each shot."""
    made = Studio.from_env().make_sync(board)
    return {
        name: {"state": shot.state, "take": _shown(shot.take), "film": made.place} for name, shot in made.shots.items()
    }


def budgets(store, number, *, film_budget, day_budget):
    """Claim takes of random prices for two films until both budgets say no; what was claimed goes on in a random way."""
    ledger = Ledger(stores.open(store), "account")
    dice = random.Random(number)
    refused = {"film": 0, "day": 0}
    claimed = 0
    for turn in range(40):
        credits = dice.randint(5, 120)
        shot = f"shot-{number}-{turn}"
        order = Purchase(
            film=f"film-{turn % 2}",
            scene="s",
            shot=shot,
            take=1,
            fingerprint=f"fingerprint of {shot}",
            description=f"description of {shot}",
            model="m",
            run="run",
            expected=credits,
            reserve=credits,
        )
        try:
            attempt = ledger.claim(
                order, body={}, budget=Budget(film=film_budget, day=day_budget), kept=lambda: False
            ).attempt
        except BudgetError as error:
            refused[error.scope] += 1
            if min(refused.values()) > 1 or max(refused.values()) > 8:
                break
            continue
        claimed += 1
        match dice.randrange(5):
            case 0:
                ledger.refused(attempt, status=400, code=20002, message="no")
            case 1:
                ledger.in_doubt(attempt, "lost")
            case _:
                ledger.accepted(attempt, f"task_{number:04d}_{turn:04d}")
                if dice.random() < 0.3:
                    ledger.failed(attempt, code=80003, message="no", retryable=True)
                else:
                    ledger.completed(attempt, dice.randint(1, credits))
                    ledger.settled(attempt, clip="c" * 64)
    return {"claimed": claimed, "refused": refused}


def claim(store):
    """Claim a take, say so, and wait; the test decides whether this process lives."""
    credits = 100
    order = Purchase(
        film="film",
        scene="s",
        shot="shot",
        take=1,
        fingerprint="fingerprint",
        description="description",
        model="m",
        run="run",
        expected=credits,
        reserve=credits,
    )
    ledger = Ledger(stores.open(store), "account")
    found = ledger.claim(order, body={}, budget=Budget(), kept=lambda: False)
    print(found.attempt.id, flush=True)  # noqa: T201 - what the test waits for
    sys.stdin.read()
    ledger.not_sent(found.attempt, "told to stop")


def race(count, folder, work):
    """Fork, open the gate, and wait for all; 0 when every process came to an end by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    gate, opener = os.pipe()
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(opener)
                os.read(gate, 1)
                result = json.dumps(work(number))
                (folder / f"{number}.json").write_text(result)
                code = 0
            except BaseException:  # noqa: BLE001 - the test shows it
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    os.close(opener)
    return max(abs(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])) for child in children)


def main():
    parser = argparse.ArgumentParser()
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, first in (("film", "board"), ("studio", "board"), ("budgets", "store")):
        sub = kinds.add_parser(kind)
        sub.add_argument(first)
        sub.add_argument("folder", type=Path)
        sub.add_argument("--processes", type=int, default=1)
        if kind == "budgets":
            sub.add_argument("--film-budget", type=int)
            sub.add_argument("--day-budget", type=int)
    kinds.add_parser("claim").add_argument("store")
    options = parser.parse_args()
    if options.kind == "claim":
        return claim(options.store)
    if options.kind == "film":
        return race(options.processes, options.folder, lambda number: asyncio.run(film(options.board.format(number))))
    if options.kind == "studio":
        return race(options.processes, options.folder, lambda number: studio(options.board.format(number)))
    given = {"film_budget": options.film_budget, "day_budget": options.day_budget}
    return race(options.processes, options.folder, lambda number: budgets(options.store, number, **given))


if __name__ == "__main__":
    sys.exit(main())
