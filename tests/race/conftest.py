"""A provider in a process of its own, processes that race for its money, and S3 as moto speaks it over the wire."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
from emulators import emulator_process, small_catalog
from processes import clean_environment

from longtake import settings
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.take import ledger_of, open_session

WORKER = Path(__file__).with_name("worker.py")
KEY = "key-of-the-races"


class Arena:
    """One provider, one store, and the film that everybody wants."""

    def __init__(self, folder, provider, environment):
        self.folder = folder
        self.provider = provider
        self.environment = environment
        self._races = 0

    def board(self, scenes, *, title="The Race", name="board"):
        """A storyboard file: scenes of {shot id: its other fields}."""
        path = self.folder / f"{name}.json"
        listed = [
            {
                "id": name,
                "shots": [{"id": shot, "prompt": f"a picture of {shot}.", **more} for shot, more in shots.items()],
            }
            for name, shots in scenes.items()
        ]
        defaults = {"resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}
        board = {
            "schema": "longtake/1",
            "title": title,
            "model": "seedance-2.5",
            "defaults": defaults,
            "scenes": listed,
        }
        path.write_text(json.dumps(board))
        return path

    def race(self, *words, processes):
        """Let processes loose; gives what each of them came to."""
        self._races += 1
        results = self.folder / f"race-{self._races}"
        environment = clean_environment(**self.environment)
        command = [sys.executable, "-P", WORKER, *map(str, words), results, "--processes", str(processes)]
        with subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                _, told = process.communicate()
            except BaseException:
                # Nobody of a race that was given up goes on.
                os.killpg(process.pid, signal.SIGKILL)
                raise
        assert process.returncode == 0, told[-4000:]
        return [json.loads((results / f"{number}.json").read_text()) for number in range(processes)]

    def open_account(self):
        """The first session of an account tries the store out and reads the balance."""

        async def work():
            async with open_session(
                self.settings, catalog=Catalog.load(self.settings.catalog), film="none", budget=None
            ) as session:
                assert await session.account.balance(session.store)

        asyncio.run(work())

    def books(self):
        return self.provider.books()

    @property
    def settings(self):
        return settings.from_environment(self.environment)

    @property
    def ledger(self):
        return ledger_of(self.settings, stores.open(self.settings.store))


@pytest.fixture
def arena(tmp_path):
    """Start a provider; takes its further options, and the environment of a store that is not the folder it serves."""
    with ExitStack() as stack:

        def start(*options, environment=None):
            catalog = small_catalog(tmp_path / "small.json")
            (folder := tmp_path / "store").mkdir()
            words = ["--balance", "100000", "--copies", "--catalog", catalog, "--public", folder, *options]
            provider = stack.enter_context(emulator_process(tmp_path, *words, keys=(KEY,)))
            place = {"LONGTAKE_STORE": str(folder), "LONGTAKE_PUBLIC_URL": provider.store_url}
            given = {
                "LONGTAKE_API_KEY": KEY,
                "LONGTAKE_BASE_URL": provider.base_url,
                "LONGTAKE_CATALOG": str(catalog),
                "LONGTAKE_LONGEST_WAIT": "300",
                "LONGTAKE_MAX_ATTEMPTS": "12",
                # Whoever is to race must not be held back.
                "LONGTAKE_SUBMITS_PER_SECOND": "1000",
            }
            return Arena(tmp_path, provider, {**given, **(environment or place)})

        yield start


@pytest.fixture
def bucket(tmp_path):
    """The environment of a store in a new bucket of a server on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    name = f"race-{secrets.token_hex(6)}"
    with urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/{name}", method="PUT")) as answer:
        assert answer.status == 200
    yield {
        "LONGTAKE_STORE": f"s3://{name}/films",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "a-secret-for-tests",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server.stop()
