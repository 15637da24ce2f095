"""An emulator, a store, and a board of shots that cost what a test asks for; S3 as a strict server speaks it."""

from __future__ import annotations

import asyncio
import copy
import json
import secrets
from dataclasses import dataclass, field

import pytest
from emulators import Emulator, running_emulator
from leaving import left_behind

from longtake import request, storyboard
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.errors import LongtakeError
from longtake.ledger import check_balance
from longtake.ledger.reconcile import reconcile
from longtake.provider import Provider, failure
from longtake.provider.polling import PollCadence
from longtake.settings import Settings
from longtake.take import TakeSpec, ensure_take, ledger_of, open_session

KEY = "key-of-the-ledger-tests"
FILM = "a-film"

# Money is the matter here: pictures of 64 by 36 pixels cost little to make. Prices are the shipped ones.
SMALL = {
    "inputs": {"image": {"side": {"min": 16}}},
    "models": {
        "seedance-2.5": {"duration": {"min": 1}, "pixels": {"480p": {"16:9": [64, 36]}}},
        "doubao-seedance-2.5-face": {"pixels": {"480p": {"16:9": [64, 36]}}},
    },
}
DEARER = {"usd": "0.1", "usd_with_video": "0.1", "as_of": "2026-11-01", "source": "a test"}
QUICK = PollCadence(shortest=0.05, longest=0.3, longest_fault=0.5)


@dataclass
class Desk:
    """One account at one emulator. A shot is named and has a length in seconds; at 480p a second costs 80 credits, in whole
    credits rounded up: 1 s 80, 2 s 160, 3 s 240, 4 s 320, 5 s 400, 6 s 479."""

    settings: Settings
    catalog: Catalog
    emulator: Emulator
    base: object
    seconds: dict[str, int] = field(default_factory=dict)

    @property
    def ledger(self):
        """As a process that has just started sees it."""
        return ledger_of(self.settings, stores.open(self.settings.store))

    def shots(self, model="seedance-2.5", **seconds):
        lines = [
            f'  - {{id: {name}, prompt: "a picture of {name}.", duration: {length}}}'
            for name, length in seconds.items()
        ]
        board = (
            f"schema: longtake/1\ntitle: A film\nmodel: {model}\n"
            'defaults: {resolution: 480p, size: "16:9", generate_audio: false}\nscenes:\n'
            "- id: s\n  shots:\n" + "\n".join(line.replace("}", ", continue_from: null}") for line in lines)
        )
        loaded = storyboard.draft_text(board, name="board.yaml", base=self.base)
        return request.resolve(loaded, self.catalog).shots

    async def buy(self, *, model="seedance-2.5", film=FILM, run=None, budget=None, **seconds):
        """Try to get every shot, side by side; gives what came of each: an `EnsuredTake` or the error."""
        given = {"catalog": self.catalog, "film": film, "budget": budget, "run": run, "cadence": QUICK}
        async with open_session(self.settings, **given) as session:
            await session.account.balance(session.store)
            results = await asyncio.gather(
                *(self._one(session, shot) for shot in self.shots(model, **seconds)),
            )
            await session.account.balance(session.store)
        return dict(zip(seconds, results, strict=True))

    @staticmethod
    async def _one(session, shot):
        try:
            return await ensure_take(session, TakeSpec(shot, 1, None))
        except LongtakeError as error:
            return error

    def provider(self):
        return Provider(base_url=self.settings.base_url, key=self.settings.key(), cadence=QUICK)

    async def reconcile(self, *, ledger=None, teller=None, **options):
        given = {"quiet": 0, **options}
        async with self.provider() as provider:
            return await reconcile(
                ledger or self.ledger, teller or provider, retryable=lambda task: failure(task).retryable, **given
            )

    async def check(self):
        async with self.provider() as provider:
            return await check_balance(self.ledger, provider)

    # -- the provider's side -----------------------------------------------------------------------------------------

    def faults(self, *rules):
        self.emulator.fault(*({"where": "submit", **rule} for rule in rules))

    def lose(self, *names, charged):
        """Let the answers for these shots be lost, after or before they are charged."""
        what = "drop-after" if charged else "drop-before"
        self.faults(*({"what": what, "match": f"of {name}.", "times": 1} for name in names))

    def finish(self):
        return self.emulator.advance()

    def top_up(self, credits):
        self.emulator.top_up(credits)

    def books(self):
        return self.emulator.books()

    def balance(self):
        return self.books()["balance"]

    def task_of(self, name):
        return next(task["id"] for task in self.books()["tasks"] if f"of {name}." in task["prompt"])

    # -- our side ----------------------------------------------------------------------------------------------------

    def attempts(self):
        """Shot id -> the open attempt."""
        return {a.order.shot: a for a in self.ledger.read().attempts.values()}

    def phases(self):
        return {name: attempt.phase for name, attempt in self.attempts().items()}

    def names(self, ids):
        """The shots of attempts, by the intents in the log."""
        ledger = self.ledger
        return {ledger.log.entry(int(each[1:])).order.shot for each in ids}

    def kinds(self):
        return [entry.kind for _, entry in self.ledger.log.entries()]

    def times(self):
        """When each intent was written."""
        return [entry.at for _, entry in self.ledger.log.entries() if entry.kind == "intent"]

    def environment(self):
        """The variables of a shell that works with this account."""
        return {
            "LONGTAKE_API_KEY": KEY,
            "LONGTAKE_BASE_URL": self.settings.base_url,
            "LONGTAKE_STORE": self.settings.store,
            "LONGTAKE_CATALOG": str(self.settings.catalog),
        }


@pytest.fixture
def desk(tmp_path):
    """Start an emulator with fault rules and options; tasks end at once. A dearer one charges 100 credits a second."""
    with left_behind() as stack:

        def start(*rules, dearer=False, **options):
            folder = tmp_path / f"desk-{secrets.token_hex(4)}"
            (folder / "store").mkdir(parents=True)
            ours, theirs = folder / "ours.json", folder / "theirs.json"
            ours.write_text(json.dumps(SMALL))
            their_own = copy.deepcopy(SMALL)
            if dearer:
                their_own["models"]["seedance-2.5"]["rates"] = {"480p": DEARER}
            theirs.write_text(json.dumps(their_own))
            given = {"processing": 0, "balance": 50_000, "copies": True, "catalog": theirs, **options}
            place = stack.enter_context(running_emulator(folder / "store", *rules, key=KEY, **given))
            settings = Settings(
                api_key=KEY,
                base_url=place.base_url,
                store=str(folder / "store"),
                public_url=place.store_url,
                catalog=ours,
                longest_wait=120,
            )
            return Desk(settings, Catalog.load(ours), place, folder)

        yield start


@pytest.fixture
def s3_store(strict_bucket):
    """A new bucket of a server on this machine, as a store."""
    return stores.open(f"s3://{strict_bucket}/films")
