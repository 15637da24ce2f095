"""A provider in a process of its own, a nursery of processes that may die, and a film of two shots for each cell."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from emulators import emulator_process, small_catalog
from processes import clean_environment, process

from longtake import store as stores
from longtake.cli.run import AT_A_TERMINAL
from longtake.ledger import EntryLog, account_of

WORKER = Path(__file__).with_name("worker.py")
SUPPORT = Path(__file__).parents[1] / "support"
KEYS = 400


@dataclass
class Ended:
    """How a process ended: its exit code (negative: the signal), what it printed, and the JSON in that."""

    code: int
    out: str
    err: str
    answer: dict = field(default_factory=dict)


class Stage:
    """One emulator and one nursery for all cells of a test process. The cells come one after another, each with its own key.

    Processes of another nursery have loaded Prefect and talk to a server; it and the server are started when they are first used.
    """

    def __init__(self, folder, provider, nursery, with_prefect) -> None:
        self.folder = folder
        self.provider = provider
        self.store = folder / "store"
        self.catalog = folder / "small.json"
        self._nursery = nursery
        self._with_prefect = with_prefect
        self._cells = 0
        self._made = None

    def cell(self, *, chained=True, like=None, third=False, door="make", then=None):
        """A film nobody has made yet; `like` another cell's: its shots, which lie in the store, under another title and key.

        Its film is made through a `door` of worker.py, and after the first process through the door `then`.
        """
        self.provider.mend()
        self.provider.advance()
        self._cells += 1
        marker = f"cell {self._cells}:" if like is None else like.marker
        cell = Cell(self, self._cells, marker=marker, chained=chained, buys=like is None, third=third)
        cell.doors = [door, then or door]
        return cell

    def made(self):
        """A cell with a whole film."""
        if self._made is None:
            self._made = self.cell()
            assert self._made.make().code == 0
        return self._made

    def process(self, words, *, env, name, prefect=False):
        nursery = self._with_prefect() if prefect else self._nursery
        out, err = (self.folder / f"{name}.{kind}" for kind in ("out", "err"))
        order = {"words": [str(word) for word in words], "env": env, "out": str(out), "err": str(err)}
        nursery.stdin.write(json.dumps(order) + "\n")
        nursery.stdin.flush()
        ended = json.loads(nursery.stdout.readline())
        text = out.read_text()
        return Ended(ended["code"], text, err.read_text(), json.loads(text) if text.startswith("{") else {})


class Cell:
    """One film of two shots, or three, its account, and every process that works on it."""

    def __init__(self, stage, number, *, marker, chained, buys, third) -> None:
        self.stage = stage
        self.number = number
        self.marker = marker
        self.buys = buys
        self.chained = chained
        self.key = f"key-{number}"
        self.board = stage.folder / f"board-{number}.yaml"
        apart = "" if chained else ", continue_from: null"
        self.board.write_text(
            f"schema: longtake/1\ntitle: Cell {number}\nmodel: seedance-2.5\n"
            'defaults: {resolution: 480p, size: "16:9", duration: 1, generate_audio: false}\n'
            "scenes:\n- id: s\n  shots:\n"
            f'  - {{id: first, prompt: "{marker} first, waves"}}\n'
            f'  - {{id: second, prompt: "{marker} second, hills"{apart}}}\n'
            + f'  - {{id: third, prompt: "{marker} third, stars"}}\n'
            * third
        )
        self.env = {
            "LONGTAKE_API_KEY": self.key,
            "LONGTAKE_BASE_URL": stage.provider.base_url,
            "LONGTAKE_CATALOG": str(stage.catalog),
            "LONGTAKE_STORE": stage.store.as_uri(),
            "LONGTAKE_PUBLIC_URL": stage.provider.store_url,
        }
        self._processes = 0

    # -- processes ---------------------------------------------------------------------------------------------------

    def process(self, *words, prefect=False):
        self._processes += 1
        return self.stage.process(words, env=self.env, name=f"{self.number}-{self._processes}", prefect=prefect)

    def make(self, *words):
        door = self.doors[0]
        self.doors = self.doors[1:] or self.doors
        if door == "run":
            return self._run()
        return self.process(door, "--board", self.board, *words, prefect=door not in {"make", "studio"})

    def _run(self):
        """`longtake run`, told as the other doors tell it."""
        ended = self.process("longtake", "run", self.board, "--json", prefect=True)
        doubts = {attempt.order.shot: attempt.id for attempt in self.state().doubts()}
        said = ended.answer
        errors = [
            {"kind": "InDoubtError", "next_step": shot["error"], "attempt": doubts[shot["id"]]}
            for shot in said["shots"]
            if shot["state"] == "in doubt"
        ]
        manifest = json.loads(Path(said["manifest"]).read_text()) if said["film"] else None
        drift = self.reconcile().answer["drift"] if said["film"] else None
        answer = {"film": said["film"], "manifest": manifest, "drift": drift, "errors": errors}
        return Ended(ended.code, ended.out, ended.err, answer)

    def command(self, *words):
        return self.process("longtake", "credits", *words)

    def reconcile(self):
        return self.command("reconcile", "--quiet", "0", "--longest", "0", "--json")

    # -- the provider ------------------------------------------------------------------------------------------------

    def faults(self, *rules, shot="first"):
        """Let the provider fail once for a shot, in each of these ways."""
        match = f"{self.marker} {shot}".strip()
        self.stage.provider.fault(*({"where": "submit", "times": 1, "match": match, **rule} for rule in rules))

    def advance(self):
        return self.stage.provider.advance()

    def books(self):
        """The provider's balance, and this film's entries and tasks, of which each says what shot it is."""
        books = self.stage.provider.books()
        mine = {
            task["id"]: {**task, "shot": task["prompt"].removeprefix(self.marker).split(",")[0].strip()}
            for task in books["tasks"]
            if task["prompt"].startswith(self.marker)
        }
        entries = [{**e, "shot": mine[e["task"]]["shot"]} for e in books["entries"] if e["task"] in mine]
        return {"balance": books["balance"], "tasks": list(mine.values()), "entries": entries, "posts": books["posts"]}

    # -- the ledger --------------------------------------------------------------------------------------------------

    @property
    def log(self):
        return EntryLog(stores.open(str(self.stage.store)), account_of("127.0.0.1", self.key))

    def state(self):
        return self.log.read()

    def kinds(self):
        return [entry.kind for _, entry in self.log.entries()]


@pytest.fixture(scope="session")
def stage(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("crash")
    for name in ("store", "tmp"):
        (folder / name).mkdir()
    small = small_catalog(folder / "small.json")
    keys = tuple(f"key-{number}" for number in range(1, KEYS + 1))
    options = ("--balance", "1000000", "--copies", "--catalog", small, "--public", folder / "store")
    # What the killed leave behind is ours.
    env = clean_environment(TMPDIR=str(folder / "tmp"))
    stack = ExitStack()

    def start(name, *words, **options):
        log = stack.enter_context((folder / f"{name}.log").open("wb"))
        given = {"env": env, "stdout": subprocess.PIPE, "stderr": log, "text": True, **options}
        return stack.enter_context(process(*words, **given))

    def nursery(name, **more):
        return start(name, sys.executable, "-P", WORKER, "serve", stdin=subprocess.PIPE, env=env | more)

    @functools.cache
    def with_prefect():
        """The nursery that has loaded Prefect and talks to its server."""
        api = request.getfixturevalue("prefect_api")
        home = {"PREFECT_API_URL": api, "PREFECT_HOME": str(folder / "prefect"), "PYTHONPATH": str(SUPPORT)}
        return nursery("nursery-prefect", **AT_A_TERMINAL, **home)

    with stack:
        provider = stack.enter_context(emulator_process(folder, *options, keys=keys))
        yield Stage(folder, provider, nursery("nursery"), with_prefect)
    # The logs and the ledgers stay for whoever looks into a failure; the clips would fill the disk.
    for name in ("store/media", "store/films", "tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)
