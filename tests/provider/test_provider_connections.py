"""Connections of the client and the settings it refuses."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from longtake.errors import SettingsError
from longtake.provider import Provider

pytestmark = pytest.mark.anyio

BODY = {"model": "seedance-2.5", "prompt": "Waves break on black rocks – dawn", "duration": 5}
ID = "task_018f5a3a1b6e7d9f8c2b4d6e8f0a2c4e"
ENVELOPE = {"id": ID, "model": "seedance-2.5", "status": "processing", "created_at": 1735000000, "output": None}


# ------------------------------------------------------------------------------------------------- connections


async def test_a_post_never_travels_on_a_kept_connection(server, provider):
    async def handle(request, connection):
        await connection.body()
        await connection.json(200, ENVELOPE | {"balance": 5})

    server.handle = handle
    for _ in range(2):
        await provider.balance()
        await provider.submit(BODY)
        await provider.poll(ID)
    of_posts = [request.connection for request in server.requests if request.method == "POST"]
    of_gets = [request.connection for request in server.requests if request.method == "GET"]
    assert len(set(of_posts)) == len(of_posts) == 2
    assert len(set(of_gets)) == 1, "polls are to keep theirs"
    assert not set(of_posts) & set(of_gets)


async def test_a_kept_connection_that_went_stale_does_not_touch_a_post(server, provider):
    async def handle(request, connection):
        await connection.body()
        await connection.json(200, ENVELOPE | {"balance": 5})
        if request.method == "GET":
            connection.reset()

    server.handle = handle
    await provider.balance()
    await server.gone.wait()
    assert (await provider.submit(BODY)).task_id == ID
    assert server.posts == 1


async def test_cancelling_in_mid_post_goes_through(server, provider):
    async def handle(_, connection):
        await connection.body()
        await connection.reader.read()  # until the client hangs up

    server.handle = handle
    sending = asyncio.create_task(provider.submit(BODY))
    await server.arrived.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.wait_for(server.gone.wait(), 10)
    assert server.posts == 1


async def test_many_posts_at_once_are_each_sent_once(server, provider):
    everyone = asyncio.Barrier(60)

    async def handle(_, connection):
        await connection.body()
        await everyone.wait()  # answers only when all are here: no pool makes one wait for another
        await connection.json(200, ENVELOPE)

    server.handle = handle
    results = await asyncio.gather(*(provider.submit(BODY) for _ in range(60)))
    assert len(results) == server.posts == 60


# ------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "reapi.ai/api",
        "ftp://reapi.ai",
        "https://user:pw@reapi.ai/api",
        "https://reapi.ai/?a=b",
        "https://reapi.ai/#a",
        "https://",
    ],
)
def test_a_base_url_that_cannot_be_one(base_url):
    with pytest.raises(SettingsError) as caught:
        Provider(base_url=base_url, key=SecretStr("abc"))
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_one_is_not_shown(key):
    with pytest.raises(SettingsError) as caught:
        Provider(base_url="https://reapi.ai/api/v1", key=SecretStr(key))
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "realm"),
    [
        ("https://reapi.ai/api/v1", "provider"),
        ("http://127.0.0.1:8000/api/v1", "loopback"),
        ("http://127.9.9.9", "loopback"),
        ("http://localhost:1/", "loopback"),
        ("http://[::1]:8000", "loopback"),
        ("https://localhost.example.com", "provider"),
        ("https://127.0.0.1.example.com", "provider"),
        ("http://10.0.0.1", "provider"),
    ],
)
def test_a_loopback_address_is_a_realm_of_its_own(base_url, realm):
    assert Provider(base_url=base_url, key=SecretStr("abc")).realm == realm


async def test_a_closed_provider_sends_nothing(connect, server):
    provider = connect(server.base_url)
    with pytest.raises(RuntimeError):
        await provider.submit(BODY)
    assert server.connections == 0
