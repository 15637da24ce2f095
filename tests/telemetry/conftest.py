"""An account at a provider in a process of its own, and a collector that this process sends to."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import pytest
from accounts import PRICE, accounts
from collector import collecting

from longtake import Studio
from longtake.telemetry import exporting


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    with accounts(tmp_path_factory.mktemp("provider")) as running:
        yield running


@contextmanager
def _fresh():
    """This process, as if nothing had been sent yet; what is made meanwhile is shut down."""
    exporting.made.cache_clear()
    yield
    if exporting.made.cache_info().currsize:
        for provider in exporting.made().providers:
            provider.shutdown()
    exporting.made.cache_clear()


@pytest.fixture
def account(provider, monkeypatch):
    """An account whose variables this process and its children have."""
    found = provider.account()
    for name, value in found.env.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def unset():
    with _fresh():
        yield


@pytest.fixture
def collector(monkeypatch, unset):
    with collecting() as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def sent(provider):
    """What came of a film of a chain of three whose second shot failed once, and of a retake of its last shot.

    Gives the collector, the film and its account.
    """
    account = provider.account()
    with _fresh(), collecting() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in {**account.env, **running.env}.items():
            patch.setenv(name, value)
        account.fault({"what": "fail-80003"}, shot="second")
        studio, board = Studio.from_env(), account.board("first", "second", "third", title="Tides")

        async def main():
            await studio.make(board)
            return await studio.make(board, retake=["third"])

        film = asyncio.run(main())
    assert film.cost.charged == PRICE
    return running, film, account
