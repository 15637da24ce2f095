"""Many films under faults and kills: each film is there, each take is paid once, and the set's budget holds at every moment.

LONGTAKE_SOAK_ROWS says how many films (100), LONGTAKE_SOAK_SEED repeats one run.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from accounts import PRICE
from processes import process, until

from longtake.errors import StoryboardError
from longtake.ledger import fold
from longtake.ledger.entries import parse
from longtake.ledger.state import LedgerState

ROWS = int(os.environ.get("LONGTAKE_SOAK_ROWS", "100"))
SEED = int(os.environ.get("LONGTAKE_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
RUN = """
import sys
from longtake import Studio
print(Studio.from_env().make_set_sync(sys.argv[1]).model_dump_json())
"""
FAULTS = [
    {"where": "submit", "what": "fail-80003", "share": 0.05},
    {"where": "submit", "what": "429", "share": 0.01},
    {"where": "poll", "what": "500", "share": 0.05},
    {"where": "media", "what": "truncated", "share": 0.02},
]


class Soak:
    """The set's files, and its processes."""

    def __init__(self, account, folder):
        self.account, self.folder = account, folder
        self.names = [f"product {number}" for number in range(ROWS)]
        self.budget = (3 * ROWS + 1) * PRICE

    def film_set(self):
        """Write the set: chains of two, one shot alone, and one that all films share."""
        shots = [
            {"id": "own", "prompt": "{{ marker }} {{ name }}, wide shot"},
            {"id": "next", "prompt": "{{ marker }} {{ name }} again, wide shot"},
            {"id": "side", "prompt": "{{ marker }} side of {{ name }}, close", "continue_from": None},
            {"id": "logo", "prompt": "{{ marker }} logo, close", "continue_from": None},
        ]
        template = {
            "schema": "longtake/1",
            "title": "Film {{ sku }}",
            "model": "seedance-2.5",
            "defaults": {"resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False},
            "scenes": [{"id": "s", "shots": shots}],
        }
        rows = [{"sku": f"k{n}", "name": name, "marker": self.account.marker} for n, name in enumerate(self.names)]
        given = {
            "schema": "longtake-set/1",
            "title": "Soak",
            "key": "sku",
            "budget": self.budget,
            "films_in_flight": 16,
        }
        (self.folder / "set.yaml").write_text(json.dumps({**given, "storyboard": template, "rows": rows}))
        return self.folder / "set.yaml"

    def started(self, stack, number):
        out = stack.enter_context((self.folder / f"{number}.out").open("w+"))
        words = (sys.executable, "-P", "-c", RUN, str(self.film_set()))
        return stack.enter_context(process(*words, stdout=out, stderr=out, env={**os.environ}, cwd=self.folder)), out

    def kept(self):
        return sum(1 for _ in (self.account.folder / "takes").glob("*.json"))

    def entries(self):
        return [
            parse(path.read_bytes(), key=path.name)
            for path in sorted((self.account.folder / "ledger").glob("*/[0-9]*.json"))
        ]

    def settle(self):
        """Do what a person does with doubts of killed processes, with the provider's answer at hand; return how many there were."""
        ledger = self.account.ledger
        entries = self.entries()
        known = {entry.task_id for entry in entries if entry.kind in {"accepted", "adopted"}}
        prompts = {f"a{at}": entry.body["prompt"] for at, entry in enumerate(entries, 1) if entry.kind == "intent"}
        doubts = ledger.read().doubts()
        for doubt in doubts:
            tasks = [t for t in self.account.tasks() if t["prompt"] == prompts[doubt.id] and t["id"] not in known]
            if tasks:
                ledger.adopt(doubt.id, tasks[0]["id"], who="soak", why="the provider has it")
                known.add(tasks[0]["id"])
            else:
                ledger.resolve(doubt.id, "not_charged", who="soak", why="the provider has no task")
        return len(doubts)

    def most_used(self):
        """The most that counted against the set's budget at any moment, in credits."""
        state, most = LedgerState(), 0
        for number, entry in enumerate(self.entries(), 1):
            fold.apply(state, number, entry)
            most = max(most, state.used(film="", run="", day="2026-01-01", film_set="soak").set)
        return most


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_a_set_under_faults_and_kills(account, studio, tmp_path):
    print(f"LONGTAKE_SOAK_SEED={SEED} LONGTAKE_SOAK_ROWS={ROWS}")  # noqa: T201 - repeats a failure
    soak, began, takes = Soak(account, tmp_path), time.monotonic(), 3 * ROWS + 1
    dice = random.Random(SEED)
    account.emulator.fault(*FAULTS)
    doubts = 0
    with ExitStack() as stack:
        worker, _ = soak.started(stack, "worker")
        for number, share in enumerate(sorted(dice.uniform(0.1, 0.85) for _ in range(3))):
            run, _ = soak.started(stack, f"killed-{number}")
            made_enough = lambda share=share: soak.kept() >= share * takes  # noqa: E731
            until(made_enough, why=f"{share:.0%} are made, see {tmp_path}", process=run, patience=1500)
            run.send_signal(signal.SIGKILL)
            run.wait()
            if number == 1:
                worker.send_signal(signal.SIGKILL)
                worker.wait()
        for number in range(20):
            run, out = soak.started(stack, f"last-{number}")
            until(lambda: run.poll() is not None, why="the set ends", patience=1500)  # noqa: B023
            out.seek(0)
            result = json.loads(out.read().splitlines()[-1])
            doubts += soak.settle()
            if all(film["state"] == "whole" for film in result["films"]):
                break
    assert [film["state"] for film in result["films"]] == ["whole"] * ROWS
    account.emulator.mend()
    made = time.monotonic() - began
    with Path(result["place"]).open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [(row["key"], row["state"]) for row in table] == [(f"k{n}", "whole") for n in range(ROWS)]
    assert len(list((account.folder / "films").glob("film-k*/*/film.mp4"))) == ROWS
    assert sum(account.bought().values()) == len(account.bought()) == soak.kept() == takes
    state = account.ledger.read()
    assert (state.attempts, state.sets) == ({}, {"soak": takes * PRICE})
    assert soak.most_used() <= soak.budget
    posts = account.received()
    said = f"{takes} takes, {posts} POSTs, {len(soak.entries())} entries, {doubts} doubts, {number + 1} last runs, {made:.0f} s"
    print(said)  # noqa: T201 - measured

    soak.names[0], soak.budget = "another product", soak.budget + 3 * PRICE
    assert studio.make_set_sync(soak.film_set()).charged == 3 * PRICE
    soak.names[-1] = ""
    posts = account.received()
    with pytest.raises(StoryboardError) as raised:
        studio.make_set_sync(soak.film_set())
    assert f"row {ROWS}" in str(raised.value)
    assert account.received() == posts
