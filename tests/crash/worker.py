"""A process that makes a small film, reconciles, or writes a person's verdict down, and may kill itself on the way.

The film is made by `make` (a session and the core's own functions), by `studio` (`longtake.Studio`), or by a user's flow that calls
the tasks: `steps` (upload, submit, poll, ingest) or `generate`. Only these two load Prefect.

It uses the product as it is. What it adds is around it: a store and a transport that pass everything on and send SIGKILL to
this process at a named moment, for example "before accepted" (the ledger entry), "after POST" or "before film". The key
and the places come from the environment, as in a shell.

`serve` reads orders from standard input and forks a process for each, so that what they all import is imported once.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import httpx

from longtake import Observer, Studio, cli, library, plan, request, settings, storyboard
from longtake import film as films
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.errors import FilmIncompleteError, InDoubtError, LongtakeError, StoreError
from longtake.ledger.realm import realm_of
from longtake.ledger.reconcile import reconcile
from longtake.provider import Provider, failure
from longtake.provider.polling import PollCadence
from longtake.studio.shooting import shoot
from longtake.take import Session, decide, ledger_of
from longtake.take import session as take_session

FLOW = "crash_flow"  # in tests/support
DOORS = ("studio", "steps", "generate")
QUICK = PollCadence(shortest=0.05, longest=0.3, longest_fault=0.5)


class Moments:
    """Counts moments; at the one that was named, the process is gone before the next instruction."""

    def __init__(self, named: str | None, count: int) -> None:
        self._named = named
        self._left = count
        self._lock = threading.Lock()

    def __contains__(self, moment: str) -> bool:
        return moment == self._named

    def pass_by(self, moment: str) -> None:
        if moment != self._named:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class KillingStore:
    """A store that names what it is told to keep. The first `failures` writes of task ids fail.

    `late`: the first clip comes into it only when the second shot is accepted, bought from the first one's recorded frame.
    """

    def __init__(self, inner: stores.Store, moments: Moments, failures: int, *, late: bool) -> None:
        self._inner = inner
        self._late = late
        self._accepted = 0
        self._second = threading.Event()
        self._moments = moments
        self._failures = failures

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def put_if_absent(self, key, data, *, content_type="application/json"):
        name = self._object(key, data)
        if name == "accepted" and self._failures:
            self._failures -= 1
            raise StoreError(f"{key} could not be written: no space left on device", key=key)
        self._moments.pass_by(f"before {name}")
        created = self._inner.put_if_absent(key, data, content_type=content_type)
        if created:
            self._moments.pass_by(f"after {name}")
        self._accepted += created and name == "accepted"
        if self._accepted > 1:
            self._second.set()
        return created

    def put_file(self, key, path, *, content_type):
        name = {"media": "frame", "films": "film"}.get(key.partition("/")[0], key)
        if key.endswith(".mp4") and name != "film":
            name = "clip" if name == "frame" else "probe"
        if name == "clip" and self._late:
            self._second.wait()
        self._moments.pass_by(f"before {name}")
        self._inner.put_file(key, path, content_type=content_type)
        self._moments.pass_by(f"after {name}")

    @staticmethod
    def _object(key, data):
        if key.startswith("ledger/") and "/checkpoints/" not in key:
            return json.loads(data)["kind"]
        if key.endswith("/manifest.json"):
            return "manifest"
        if "/revisions/" in key:
            return "lead" if json.loads(data)["end"] else "redo"
        return "record" if key.startswith("takes/") else key.partition("/")[0]


class KillingTransport(httpx.AsyncBaseTransport):
    """Real connections, with a moment before and after each POST, and one while the provider holds an unanswered one."""

    def __init__(self, moments: Moments, *, admin: str, deaf: int | None) -> None:
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
        self._moments = moments
        self._admin = admin
        self._deaf = deaf

    async def handle_async_request(self, request):
        if request.method != "POST":
            return await self._inner.handle_async_request(request)
        if self._deaf is not None:
            request.url = request.url.copy_with(port=self._deaf)
        self._moments.pass_by("before POST")
        watching = asyncio.create_task(self._watch(await self._charged())) if "during POST" in self._moments else None
        try:
            return await self._inner.handle_async_request(request)
        finally:
            if watching is not None:
                await watching
            self._moments.pass_by("after POST")

    async def _watch(self, before):
        """Wait until the provider has charged for a request that it does not answer."""
        while await self._charged() == before:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.02)
        self._moments.pass_by("during POST")

    async def _charged(self):
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            return (await http.get(f"{self._admin}/books")).json()["posts"]["charged"]

    async def aclose(self):
        await self._inner.aclose()


class KillingProvider(Provider):
    """A provider client that stops to look at what each poll shows: "in processing", "in completed", "in failed"."""

    def __init__(self, moments: Moments, **options) -> None:
        super().__init__(**options)
        self._moments = moments

    async def poll(self, task_id):
        task = await super().poll(task_id)
        self._moments.pass_by(f"in {task.status}")
        return task


class Joining(Observer):
    """Names the moments of a film being concatenated."""

    def __init__(self, moments: Moments) -> None:
        self._moments = moments

    def notify(self, event):
        if event.name == "film.joining":
            self._moments.pass_by("in joining")


class Worker:
    """What one process of the suite has open."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.moments = Moments(options.kill, options.count)
        self.settings = settings.from_environment()
        inner = stores.of(self.settings)
        self.store = KillingStore(inner, self.moments, options.failures, late=options.late)
        self.ledger = ledger_of(self.settings, self.store)
        self.provider = self._provider(base_url=self.settings.base_url, key=self.settings.key())

    def run(self):
        if self.options.verb in DOORS:
            return self._through_the_door()
        return asyncio.run(self._run())

    async def _run(self):
        async with self.provider:
            return await getattr(self, self.options.verb)()

    def _through_the_door(self):
        """Make the film through the public API, whose sessions open a store and a provider that kill."""
        stores.of = lambda _settings: self.store
        take_session.Provider = self._provider
        board = storyboard.load(self.options.board)
        try:
            if self.options.verb == "studio":
                film = Studio.from_env(observers=[Joining(self.moments)]).make_sync(self.options.board)
            else:
                film = importlib.import_module(FLOW).made(self.options.verb, board.board)
        except FilmIncompleteError as error:
            return {"film": None}, self._reasons(error)
        manifest = json.loads(Path(film.manifest).read_text())
        drift = Studio.from_env().reconcile_sync().drift
        return {"film": film.place, "manifest": manifest, "drift": drift}, []

    def _provider(self, **options):
        root = self.settings.base_url.removesuffix("/api/v1")
        transport = KillingTransport(self.moments, admin=f"{root}/admin", deaf=self.options.deaf)
        return KillingProvider(self.moments, transport=transport, **{**options, "cadence": QUICK})

    def _reasons(self, error):
        """The errors of the shots, which a film shows as text."""
        doubts = {attempt.order.shot: attempt.id for attempt in self.ledger.read().doubts()}
        found = []
        for shot in error.film.shots.values():
            if shot.error is None:
                continue
            kind = InDoubtError if shot.state == "in doubt" else LongtakeError
            reason = (
                kind(shot.error, next_step=shot.error, attempt=doubts.get(shot.id))
                if kind is InDoubtError
                else kind(shot.error)
            )
            reason.exit_code = error.exit_code
            found.append(reason)
        return found

    async def make(self):
        """The flow's own steps without Prefect: plan, shoot, join, account. A shot's error stays with the shot."""
        catalog = Catalog.load(self.settings.catalog)
        loaded = storyboard.load(self.options.board)
        resolved = await asyncio.to_thread(request.resolve, loaded, catalog)
        session = Session(
            settings=self.settings,
            catalog=catalog,
            provider=self.provider,
            store=self.store,
            ledger=self.ledger,
            film=storyboard.slug(loaded.board.title),
            budget=loaded.board.budget,
        )
        await session.account.balance(session.store)
        take_library = library.read_holdings(self.store, session.film)
        comparison = plan.Comparison(
            resolved,
            take_library,
            catalog=catalog,
            realm=realm_of(self.settings.host),
            attempts=plan.read_books(self.store, self.settings.host, session.film).attempts,
        )
        for revision in comparison.retake(self.options.redo, run=session.run):
            await decide(session.store, comparison, revision)
        made = await shoot(session, comparison.running())
        ordered = [made[shot.id].outcome for shot in resolved.shots]
        used = {one.shot.id: one.take.fingerprint for one in ordered if one.take is not None}
        take_library.save(run=session.run, used=used, labels={})
        errors = [outcome.error for outcome in ordered if outcome.error is not None]
        answer = {"film": None, "states": {outcome.shot.id: outcome.state for outcome in ordered}}
        if not errors:
            found = await asyncio.to_thread(
                films.join,
                resolved,
                ordered,
                store=self.store,
                film=session.film,
                state=self.ledger.read(),
                on_progress=lambda _share: self.moments.pass_by("in joining"),
            )
            answer["film"] = found.place(self.store)
            answer["manifest"] = found.manifest.model_dump(mode="json")
        checked = await session.account.balance(session.store)
        answer["drift"] = checked.drift if checked is not None else None
        return answer, errors

    async def reconcile(self):
        report = await reconcile(
            self.ledger, self.provider, retryable=lambda task: failure(task).retryable, quiet=0, longest=0
        )
        return asdict(report), []

    async def verdict(self):
        words = {"who": "somebody", "why": "the provider's own list says so"}
        attempt, verdict = self.options.attempt, self.options.verdict
        if verdict in {"not_charged", "written_off"}:
            await asyncio.to_thread(self.ledger.resolve, attempt, verdict, **words)
        else:
            await asyncio.to_thread(self.ledger.adopt, attempt, verdict, **words)
        return {}, []


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("make", "reconcile", "verdict", *DOORS))
    parser.add_argument("--board", type=Path)
    parser.add_argument("--attempt")
    parser.add_argument("--redo", action="append", default=[])
    parser.add_argument("--verdict", help="not_charged, written_off, or the id of a task")
    parser.add_argument("--kill", metavar="MOMENT")
    parser.add_argument("--count", type=int, default=1, help="the how-maniest such moment")
    parser.add_argument("--failures", type=int, default=0, help="so many writes of task ids fail")
    parser.add_argument("--late", action="store_true", help="no clip is kept before the second shot is accepted")
    parser.add_argument("--deaf", type=int, metavar="PORT", help="a port nobody listens on, for POSTs")
    try:
        answer, errors = Worker(parser.parse_args(words)).run()
    except LongtakeError as error:
        answer, errors = {}, [error]
    answer["errors"] = [
        {
            "kind": type(e).__name__,
            "message": e.message,
            "next_step": e.next_step,
            "attempt": getattr(e, "attempt", None),
        }
        for e in errors
    ]
    print(json.dumps(answer), flush=True)  # noqa: T201 - the answer of this process
    return max((error.exit_code for error in errors), default=0)


def serve() -> None:
    """For each line `{"words", "env", "out", "err"}` run a process to its end; answer `{"pid", "code"}`, negative for a signal.

    The first word may be `longtake`: then it is the command itself that runs.
    """
    for name in (
        "cli.credits",
        "reconciliation",
        *(f"media.{part}" for part in ("measure.checks", "image.frames", "concat.joining")),
    ):
        importlib.import_module(f"longtake.{name}")
    if "PREFECT_API_URL" in os.environ:
        for name in (*("longtake.cli.flow_run", "longtake.tasks", "prefect.task_engine", "prefect.flow_engine"), FLOW):
            importlib.import_module(name)
    Catalog.load()
    while line := sys.stdin.readline():
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _be(order)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(status)}), flush=True)  # noqa: T201


def _be(order: dict) -> NoReturn:
    """Be the process that was ordered, and end with its exit code."""
    code = 70
    signal.alarm(150)  # a process that hangs fails its own test, not those after it
    try:
        for target, path in enumerate((os.devnull, order["out"], order["err"])):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.dup2(handle, target)
            os.close(handle)
        os.environ.update(order["env"])
        words = order["words"]
        code = cli.main(words[1:]) if words[0] == "longtake" else main(words)
        sys.stdout.flush()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 70
    except BaseException:  # noqa: BLE001 - told on standard error; this process must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        sys.exit(main(sys.argv[1:]))
