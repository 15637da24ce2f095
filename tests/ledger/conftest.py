"""An account that buys shots of a length each, what the provider makes of them, and S3 as a strict server speaks it."""

from __future__ import annotations

import asyncio
import json

import pytest
from accounts import Account
from boards import FILM, HEAD, apart, shot
from emulators import small_catalog
from shooting import QUICK

from longtake import store as stores
from longtake.errors import LongtakeError
from longtake.ledger import check_balance
from longtake.ledger.reconcile import reconcile
from longtake.provider import Provider, failure
from longtake.take import TakeSpec, ensure_take

DEARER = {"usd": "0.1", "usd_with_video": "0.1", "as_of": "2026-11-01", "source": "a test"}


class Buyer(Account):
    """An account whose shots are named and have a length in seconds; at 480p a second costs 80 credits, in whole credits
    rounded up: 1 s 80, 2 s 160, 3 s 240, 4 s 320, 5 s 400, 6 s 479."""

    async def buy(self, *, model="seedance-2.5", film=FILM, budget=None, **seconds):
        """Try to get every shot, side by side; gives what came of each: an `EnsuredTake` or the error."""
        lines = [shot(name, f"a picture of {name}.", f"duration: {length}") for name, length in seconds.items()]
        wanted = self.resolve(HEAD.replace("seedance-2.5", model) + apart(*lines)).shots
        async with self.session(film=film, budget=budget) as session:
            await session.account.balance(session.store)
            results = await asyncio.gather(*(self._one(session, one) for one in wanted))
            await session.account.balance(session.store)
        return dict(zip(seconds, results, strict=True))

    @staticmethod
    async def _one(session, wanted):
        try:
            return await ensure_take(session, TakeSpec(wanted, 1, None))
        except LongtakeError as error:
            return error

    def client(self):
        return Provider(base_url=self.settings.base_url, key=self.settings.key(), cadence=QUICK)

    async def reconcile(self, *, teller=None, **options):
        async with self.client() as client:
            return await reconcile(
                self.ledger,
                teller or client,
                retryable=lambda task: failure(task).retryable,
                **{"quiet": 0, **options},
            )

    async def check(self):
        async with self.client() as client:
            return await check_balance(self.ledger, client)

    def lose(self, *names, charged):
        """Let the answers for these shots be lost, after or before they are charged."""
        what = "drop-after" if charged else "drop-before"
        rules = ({"where": "submit", "what": what, "match": f"of {name}.", "times": 1} for name in names)
        self.emulator.fault(*rules)

    def task_of(self, name):
        return next(task["id"] for task in self.books()["tasks"] if f"of {name}." in task["prompt"])

    def names(self, ids):
        """The shots of attempts, by the intents in the log."""
        log = self.ledger.log
        return {log.entry(int(each[1:])).order.shot for each in ids}


@pytest.fixture
def buyer(open_account, tmp_path):
    """`buyer(*faults, **options)`: an account at an emulator of its own. A dearer one charges 100 credits a second."""
    ours = small_catalog(tmp_path / "ours.json", "seedance-2.5", "doubao-seedance-2.5-face")
    theirs = tmp_path / "theirs.json"
    costly = json.loads(ours.read_text())
    costly["models"]["seedance-2.5"]["rates"] = {"480p": DEARER}
    theirs.write_text(json.dumps(costly))

    def start(*faults, dearer=False, **options):
        given = {"catalog": ours, "their_catalog": theirs if dearer else ours, "copies": True, **options}
        found = open_account(*faults, **given)
        return Buyer(found.settings, found.emulator)

    return start


@pytest.fixture
def s3_store(strict_bucket):
    """A new bucket of a server on this machine, as a store."""
    return stores.open(f"s3://{strict_bucket}/films")
