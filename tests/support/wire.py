"""A run of one film in memory: a real client whose wire is a list of answers, over a store in this process."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

import httpx
from boards import FILM, LONG
from pydantic import SecretStr

from longtake import request, storyboard
from longtake.catalog import Catalog
from longtake.ledger import account_of
from longtake.provider import Provider
from longtake.settings import Settings
from longtake.take import Session, SetTag, TakeSpec, identify, upload

KEY, HOST = "sk-test-0123456789abcdef", "provider.example"
ACCOUNT = account_of(HOST, KEY)
CATALOG = Catalog.load()
PRICE = 320
"""Credits of one take of the board's first shot."""


class Wire(httpx.AsyncBaseTransport):
    """Answers each POST with the next of a list: a status, JSON and perhaps headers; an error; or what a call gives.

    A poll is answered as `tasks` says by task id, or that the task is under way; the balance is `credits`, or an error.
    """

    def __init__(self, *answers: Any) -> None:
        self.answers, self.bodies, self.polls = list(answers), [], []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.credits: int | tuple[int, dict] | Exception = 1000

    @property
    def posts(self) -> int:
        return len(self.bodies)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return self._get(request.url.path.rpartition("/")[2])
        self.bodies.append(await request.aread())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, *headers = await answer() if callable(answer) else answer
        return httpx.Response(status, json=body, headers=headers[0] if headers else {})

    def _get(self, name: str) -> httpx.Response:
        if name.startswith("task_"):
            self.polls.append(name)
            return httpx.Response(200, json={"id": name, "status": "processing", **self.tasks.get(name, {})})
        if isinstance(self.credits, Exception):
            raise self.credits
        status, body = self.credits if isinstance(self.credits, tuple) else (200, {"balance": self.credits})
        return httpx.Response(status, json=body)


def accepted(number: int = 1) -> tuple[int, dict]:
    return 200, {"id": f"task_{number:08d}", "status": "processing"}


@asynccontextmanager
async def run_on(wire, ledger, *, budget=None, run="this", tag=None, cadence=None, **changes):
    """A session of a run whose client is on a wire; the ledger's store is the run's. `changes` are of the settings."""
    given = {"api_key": SecretStr(KEY), "base_url": f"https://{HOST}/api/v1", "store": "/nowhere", **changes}
    settings = Settings(**{"submits_per_second": None, **given})
    client = Provider(base_url=settings.base_url, key=settings.key(), transport=wire, cadence=cadence)
    async with client as provider:
        fields = {"film": FILM, "budget": budget, "run": run, "tag": tag or SetTag()}
        yield Session(
            settings=settings, catalog=CATALOG, provider=provider, store=ledger.log.store, ledger=ledger, **fields
        )


async def wanted(session, *, take=1):
    """The request for a take of the board's first shot: words alone, so nothing is uploaded."""
    shot = request.resolve(storyboard.draft_text(LONG, name="b.yaml", base="."), CATALOG).shots[0]
    return await upload(session.assets, await identify(session.assets, TakeSpec(shot, take, None)))
