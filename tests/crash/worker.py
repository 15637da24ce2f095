"""A process that makes a small film, reconciles, or writes a person's verdict down, and may kill itself on the way.

It uses the product as it is. What it adds is around it: a store and a transport that pass everything on and send SIGKILL to this
process at a named moment, for example "before accepted" (the ledger entry), "after POST" or "before film". The key and
the places come from the environment, as in a shell.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import httpx

from longtake import film as films
from longtake import request, settings, storyboard
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.errors import LongtakeError, StoreError
from longtake.ledger import reconcile
from longtake.provider import Provider, failure
from longtake.provider.cadence import Cadence
from longtake.report import Outcome
from longtake.take import Session, Wanted, book_of, obtain

QUICK = Cadence(shortest=0.05, longest=0.3, longest_fault=0.5)


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
    """A store that names what it is told to keep. `broken`, while that file exists, fails writes of task ids."""

    def __init__(self, inner: stores.Store, moments: Moments, broken: Path | None) -> None:
        self._inner = inner
        self._moments = moments
        self._broken = broken

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def put_if_absent(self, key, data, *, content_type="application/json"):
        name = self._object(key, data)
        if name == "accepted" and self._broken is not None and self._broken.exists():
            raise StoreError(f"{key} could not be written: no space left on device", key=key)
        self._moments.pass_by(f"before {name}")
        created = self._inner.put_if_absent(key, data, content_type=content_type)
        if created:
            self._moments.pass_by(f"after {name}")
        return created

    def put_file(self, key, path, *, content_type):
        name = {"mp4": "clip", "png": "frame"}.get(key.rpartition(".")[2]) if key.startswith("media/") else "film"
        self._moments.pass_by(f"before {name}")
        self._inner.put_file(key, path, content_type=content_type)
        self._moments.pass_by(f"after {name}")

    @staticmethod
    def _object(key, data):
        if key.startswith("ledger/") and "/checkpoints/" not in key:
            return json.loads(data)["kind"]
        if key.endswith("/manifest.json"):
            return "manifest"
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
        watching = asyncio.create_task(self._watch()) if "during POST" in self._moments else None
        try:
            return await self._inner.handle_async_request(request)
        finally:
            if watching is not None:
                await watching
            self._moments.pass_by("after POST")

    async def _watch(self):
        """Wait until the provider has charged for a request that it has not answered."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            charged = None
            while True:
                found = (await http.get(f"{self._admin}/books")).json()["posts"]["charged"]
                charged = found if charged is None else charged
                if found > charged:
                    self._moments.pass_by("during POST")
                await asyncio.sleep(0.02)

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


class Worker:
    """What one process of the suite has open."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.moments = Moments(options.kill, options.count)
        self.settings = settings.from_environment()
        inner = stores.open(self.settings.store, public_url=self.settings.public_url)
        self.store = KillingStore(inner, self.moments, options.broken)
        self.book = book_of(self.settings, self.store)
        root = self.settings.base_url.removesuffix("/api/v1")
        self.provider = KillingProvider(
            self.moments,
            base_url=self.settings.base_url,
            key=self.settings.key(),
            cadence=QUICK,
            transport=KillingTransport(self.moments, admin=f"{root}/admin", deaf=options.deaf),
        )

    async def run(self):
        async with self.provider:
            return await getattr(self, self.options.verb)()

    async def make(self):
        """The flow's own steps without Prefect: plan, shoot, join, account. A shot's error stays with the shot."""
        catalog = Catalog.load()
        loaded = storyboard.load(self.options.board)
        resolved = await asyncio.to_thread(request.resolve, loaded, catalog)
        session = Session(
            settings=self.settings,
            catalog=catalog,
            provider=self.provider,
            store=self.store,
            book=self.book,
            film=storyboard.slug(loaded.board.title),
            budget=loaded.board.budget,
        )
        await session.balance()
        outcomes = {}
        starts = [shot for shot in resolved.shots if shot.parent is None]
        await asyncio.gather(*(self._chain(session, resolved, shot, outcomes) for shot in starts))
        ordered = [outcomes[shot.id] for shot in resolved.shots if shot.id in outcomes]
        errors = [outcome.error for outcome in ordered if outcome.error is not None]
        answer = {"film": None, "states": {outcome.shot.id: outcome.state for outcome in ordered}}
        if not errors:
            found = await asyncio.to_thread(
                films.join,
                resolved,
                ordered,
                store=self.store,
                film=session.film,
                state=self.book.read(),
                on_progress=lambda _share: self.moments.pass_by("in joining"),
            )
            answer["film"] = found.place(self.store)
            answer["manifest"] = found.manifest.model_dump(mode="json")
        checked = await session.balance()
        answer["drift"] = checked.drift if checked is not None else None
        return answer, errors

    async def _chain(self, session, resolved, shot, outcomes):
        frame = None
        while shot is not None:
            try:
                got = await obtain(session, Wanted(shot, 1, frame))
            except LongtakeError as error:
                outcomes[shot.id] = Outcome(shot, "failed", error=error)
                return
            outcomes[shot.id] = Outcome(shot, got.state, got.take, (got.take,))
            frame = got.take.last_frame
            shot = next((s for s in resolved.shots if s.parent == shot.id), None)

    async def reconcile(self):
        report = await reconcile(
            self.book, self.provider, retryable=lambda task: failure(task).retryable, quiet=0, longest=0
        )
        return asdict(report), []

    async def verdict(self):
        words = {"who": "somebody", "why": "the provider's own list says so"}
        attempt, verdict = self.options.attempt, self.options.verdict
        if verdict in {"not_charged", "written_off"}:
            await asyncio.to_thread(self.book.resolve, attempt, verdict, **words)
        else:
            await asyncio.to_thread(self.book.adopt, attempt, verdict, **words)
        return {}, []


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("make", "reconcile", "verdict"))
    parser.add_argument("--board", type=Path)
    parser.add_argument("--attempt")
    parser.add_argument("--verdict", help="not_charged, written_off, or the id of a task")
    parser.add_argument("--kill", metavar="MOMENT")
    parser.add_argument("--count", type=int, default=1, help="the how-maniest such moment")
    parser.add_argument("--broken", type=Path, help="task ids cannot be written while this file exists")
    parser.add_argument("--deaf", type=int, metavar="PORT", help="a port nobody listens on, for POSTs")
    try:
        answer, errors = asyncio.run(Worker(parser.parse_args()).run())
    except LongtakeError as error:
        answer, errors = {}, [error]
    answer["errors"] = [
        {"kind": type(e).__name__, "message": e.message, "next_step": e.next_step, "attempt": getattr(e, "attempt", None)}
        for e in errors
    ]
    print(json.dumps(answer))  # noqa: T201 - the answer of this process
    return max((error.exit_code for error in errors), default=0)


if __name__ == "__main__":
    sys.exit(main())
