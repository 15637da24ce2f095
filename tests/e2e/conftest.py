"""Providers over real HTTP, and the `longtake` command in processes of its own."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import backdoor
import pytest
from asking import the_answer, the_api, the_asked  # noqa: F401 - fixtures
from emulators import Emulator, running_emulator, small_catalog
from gate import gated
from processes import PATIENCE, clean_environment, process, until

from longtake.cli.run import AT_A_TERMINAL

if TYPE_CHECKING:
    from collections.abc import Mapping

NURSERY = Path(__file__).with_name("nursery.py")


def pytest_collection_modifyitems(items):
    """What uses the server may wait longer."""
    for item in items:
        if "prefect_api" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.prefect)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(name="until", scope="session")
def until_fixture():
    """`until(what, why=...)`: wait for a condition."""
    return until


# -- Prefect -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def prefect_env(prefect_api, tmp_path_factory):
    """What a process needs to talk to the server, and to nothing else of Prefect; and a catalog of small clips."""
    folder = tmp_path_factory.mktemp("prefect-client")
    # The seconds of a clip and its price are the real ones.
    catalog = small_catalog(folder / "few-pixels.json", pixels=(160, 90), shortest=None)
    return clean_environment(
        PREFECT_API_URL=prefect_api, PREFECT_HOME=str(folder / "home"), LONGTAKE_CATALOG=str(catalog)
    )


@pytest.fixture(scope="session")
def prefect_client(prefect_api):
    """Prefect's own client of the server, the synchronous one."""
    from prefect.client.orchestration import SyncPrefectClient

    with SyncPrefectClient(api=prefect_api) as client:
        yield client


@pytest.fixture(scope="session")
def events(prefect_api):
    """`events(name, film, count)`: wait until the server has `count` events of this name about a film, and return all it has."""

    def find(name: str, film: str) -> list[dict[str, Any]]:
        wanted = {"event": {"name": [name]}, "resource": {"id": [f"longtake.film.{film}"]}}
        answer = backdoor.http.post(f"{prefect_api}/events/filter", json={"filter": wanted})
        answer.raise_for_status()
        return list(answer.json()["events"])

    def wait(name: str, film: str, count: int = 1) -> list[dict[str, Any]]:
        def enough() -> list[dict[str, Any]] | None:
            found = find(name, film)
            return found if len(found) >= count else None

        return until(enough, why=f"{count} events {name} of {film}")

    return wait


# -- the provider --------------------------------------------------------------------------------------------------------


@pytest.fixture
def emulator():
    """Start providers: `emulator(store_folder, *faults, **options)`."""
    with _several(running_emulator) as start:
        yield start


@pytest.fixture
def gate():
    """Gates before providers: `gate(base_url)`."""
    with _several(gated) as start:
        yield start


# -- the command ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """What a `longtake` process said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def states(self) -> dict[str, str]:
        """The state of each shot."""
        return {shot["id"]: shot["state"] for shot in self.answer["shots"]}


class Nursery:
    """Starts processes of the command that have loaded already (see nursery.py), one at a time."""

    def __init__(self, running: subprocess.Popen, env: Mapping[str, str], folder: Path) -> None:
        self._running = running
        self._prefect = _of_prefect(env)
        self._folder = folder
        self._numbers = itertools.count(1)

    def suits(self, env: Mapping[str, str]) -> bool:
        """Whether Prefect would be loaded with the same settings."""
        return _of_prefect(env) == self._prefect

    def run(self, *words: str | Path, env: Mapping[str, str], cwd: Path) -> Ran:
        number = next(self._numbers)
        out, err = (self._folder / f"{number}.{kind}" for kind in ("out", "err"))
        order = {"words": [*map(str, words)], "env": dict(env), "cwd": str(cwd), "out": str(out), "err": str(err)}
        print(json.dumps(order), file=self._running.stdin, flush=True)
        code = self._running.stdout.readline()
        assert code, "the nursery has ended"
        return Ran(int(code), out.read_text(), err.read_text())


def _of_prefect(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith("PREFECT_")}


@pytest.fixture(scope="session")
def nursery(prefect_env, tmp_path_factory):
    """The one nursery of the session."""
    folder = tmp_path_factory.mktemp("nursery")
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    env = {**AT_A_TERMINAL, **prefect_env}
    with (
        (folder / "log").open("wb") as log,
        process(sys.executable, "-P", str(NURSERY), env=env, stderr=log, **pipes) as running,
    ):
        yield Nursery(running, prefect_env, folder)


@dataclass
class Stage:
    """A store, a provider and an environment: where one film is made."""

    folder: Path
    provider: Emulator
    env: dict[str, str]
    nursery: Nursery
    secrets: list[str] = field(default_factory=list)

    process = staticmethod(process)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def board(self, title: str, scenes: Mapping[str, list[dict[str, Any]]], **keys: Any) -> Path:
        """Write a storyboard of short, small, silent shots."""
        small = {"resolution": "480p", "size": "16:9", "duration": 4, "generate_audio": False}
        path = self.folder / f"{title.lower().replace(' ', '-')}.json"
        whole = {
            "schema": "longtake/1",
            "title": title,
            "model": "seedance-2.5",
            "defaults": small,
            "scenes": [{"id": scene, "shots": shots} for scene, shots in scenes.items()],
            **keys,
        }
        path.write_text(json.dumps(whole, indent=1))
        return path

    @contextmanager
    def started(self, *words: str | Path, **env: str):
        """A `longtake` process; `finished` reads it to its end."""
        command = (sys.executable, "-m", "longtake.cli", *map(str, words))
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with process(*command, env={**self.env, **env}, cwd=self.folder, text=True, **pipes) as running:
            yield running

    def finished(self, running: subprocess.Popen) -> Ran:
        """What a process said; whatever happened, no traceback and no key."""
        out, err = running.communicate(timeout=PATIENCE)
        return self._looked_at(Ran(running.returncode, out, err))

    def _looked_at(self, ran: Ran) -> Ran:
        for text in (ran.out, ran.err):
            assert "Traceback" not in text, text
            assert not [s for s in (self.provider.key, *self.secrets) if s in text], "a key was shown"
        return ran

    def longtake(self, *words: str | Path, **env: str) -> Ran:
        """Run a command to its end, in a process that is forked; with Prefect's settings changed, in a new one."""
        whole = {**self.env, **env}
        if self.nursery.suits(whole):
            return self._looked_at(self.nursery.run(*words, env=whole, cwd=self.folder))
        with self.started(*words, **env) as running:
            return self.finished(running)

    def run(self, board: Path, *options: str, code: int = 0, **env: str) -> Ran:
        """`longtake run --json`, which must end with this exit code."""
        ran = self.longtake("run", board, "--json", *options, **env)
        assert ran.code == code, f"exit code {ran.code}\n{ran.out}\n{ran.err}"
        assert isinstance(ran.answer, dict)
        return ran

    def credits(self, *options: str) -> dict[str, Any]:
        """What the ledger says, as `longtake credits --json`."""
        return self.longtake("credits", "--json", *options).answer


@contextmanager
def _several(context):
    """Enter any number of a kind of context, and leave all of them."""
    open_ones: list[Any] = []

    def start(*given: Any, **options: Any) -> Any:
        one = context(*given, **options)
        entered = one.__enter__()
        open_ones.append(one)
        return entered

    try:
        yield start
    finally:
        for one in reversed(open_ones):
            one.__exit__(None, None, None)


def _stages(prefect_env, nursery, tmp_path_factory):
    @contextmanager
    def staged(*faults: Mapping[str, Any], **options: Any):
        folder = tmp_path_factory.mktemp("stage")
        store = folder / "store"
        store.mkdir()
        shipped = "catalog" in options
        # With a catalog of its own, or with None, the clips have the real size, and who buys them expects that.
        given = {"catalog": prefect_env["LONGTAKE_CATALOG"], **options}
        with running_emulator(store, *faults, **given) as provider:
            env = {
                **{name: value for name, value in prefect_env.items() if not (shipped and name == "LONGTAKE_CATALOG")},
                "LONGTAKE_API_KEY": provider.key,
                "LONGTAKE_BASE_URL": provider.base_url,
                "LONGTAKE_STORE": store.as_uri(),
                "LONGTAKE_PUBLIC_URL": provider.store_url,
            }
            yield Stage(folder, provider, env, nursery)

    return _several(staged)


@pytest.fixture
def stage(prefect_env, nursery, tmp_path_factory):
    """Set stages: `stage(*faults, **options of the emulator)`."""
    with _stages(prefect_env, nursery, tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="module")
def shared_stage(prefect_env, nursery, tmp_path_factory):
    """The same for tests of one module that build on one another."""
    with _stages(prefect_env, nursery, tmp_path_factory) as start:
        yield start
