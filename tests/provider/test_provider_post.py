"""The one paid POST is accepted, or not sent: over real sockets. The server counts: never more than one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import pytest
from posting import BODY, ENVELOPE, ID, SIGNED, replies, submit

from longtake.errors import (
    NotSentError,
)

pytestmark = pytest.mark.anyio


# ------------------------------------------------------------------------------------------------- accepted


async def test_an_acceptance_is_read_and_the_request_is_the_contracts(server, provider, key):
    seen = []

    async def handle(_, connection):
        seen.append(json.loads(await connection.body()))
        await connection.json(200, ENVELOPE)

    server.handle = handle
    accepted = await provider.submit(BODY)
    assert (accepted.task_id, accepted.status, accepted.created_at) == (ID, "processing", 1735000000)
    assert accepted.raw == {"id": ID, "model": "seedance-2.5", "status": "processing", "created_at": 1735000000}
    assert seen == [BODY]
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/api/v1/videos/generations")
    assert request.headers["authorization"] == f"Bearer {key}"
    assert request.headers["user-agent"].startswith("longtake/")
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("told", "status"), [({"status": "queued"}, "queued"), ({}, "processing")])
async def test_an_acceptance_has_the_status_and_the_credits_it_was_told(server, provider, told, status):
    server.handle = replies(200, {"id": ID, "usage": {"credits": 479}, **told})
    accepted = await provider.submit(BODY)
    assert accepted.status == status
    assert accepted.raw == {"id": ID, "status": status, "created_at": None, "usage": {"credits": 479}}


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    "answer",
    [
        {"task_id": ID},
        {"id": None, "task_id": ID},
        {"id": 17, "task_id": ID},
        {"id": ID, "status": 5, "created_at": "soon", "usage": "much", "error": {"code": 1}},
        {"id": ID, "status": "failed"},
        {"id": ID, "created_at": 1e400},
    ],
)
async def test_an_id_is_an_acceptance_whatever_else_is_odd(server, provider, status, answer):
    server.handle = replies(status, answer)
    accepted = await provider.submit(BODY)
    assert accepted.task_id == ID
    assert accepted.created_at is None
    json.dumps(accepted.raw, allow_nan=False).encode()
    assert server.posts == 1


async def test_hostile_words_in_an_acceptance_can_still_be_written_down(server, provider, key):
    text = f"\ud800\x1b[31m{key}" + "x" * 5000
    server.handle = replies(200, {"id": ID, "status": text, "model": text, "output": {"video_urls": [SIGNED]}})
    accepted = await provider.submit(BODY)
    kept = json.dumps(accepted.raw, ensure_ascii=False).encode()
    assert len(kept) < 1000
    for part in (key.encode(), b"\x1b", b"Signature"):
        assert part not in kept


async def test_an_acceptance_that_is_whole_before_the_connection_breaks_counts(server, provider):
    async def handle(_, connection):
        await connection.body()
        await connection.head(200, {"content-length": "5000"})
        await connection.send(json.dumps(ENVELOPE).encode())
        connection.close()

    server.handle = handle
    assert (await provider.submit(BODY)).task_id == ID
    assert server.posts == 1


async def test_an_acceptance_that_is_whole_before_the_deadline_counts(server, connect, pass_time):
    async def handle(_, connection):
        await connection.body()
        await connection.head(200, {"content-length": "5000"})
        await connection.send(json.dumps(ENVELOPE).encode())
        await pass_time(60, connection)
        await asyncio.Event().wait()

    server.handle = handle
    async with connect(server.base_url, post_timeout=60) as provider:
        assert (await provider.submit(BODY)).task_id == ID
    assert server.posts == 1


# ------------------------------------------------------------------------------------------------- not sent


async def test_a_refused_port_is_not_sent(connect):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        async with connect(f"http://127.0.0.1:{taken.getsockname()[1]}/api/v1") as provider:
            with pytest.raises(NotSentError, match=r"seedance-2\.5 was not sent: Connect"):
                await provider.submit(BODY)


async def test_an_unknown_host_is_not_sent(connect, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with connect("https://provider.example/api/v1") as provider:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(NotSentError):
            await provider.submit(BODY)


async def test_a_connection_that_never_stands_is_not_sent(connect):
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # fills the backlog: further handshakes stay unanswered
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with connect(f"http://127.0.0.1:{full.getsockname()[1]}/api/v1", connect_timeout=0.3) as provider:
            with pytest.raises(NotSentError, match="ConnectTimeout"):
                await provider.submit(BODY)


async def test_an_untrusted_certificate_is_not_sent(make_server, server_tls, connect):
    async with make_server(tls=server_tls) as server, connect(server.base_url) as provider:
        with pytest.raises(NotSentError, match=r"(?i)certificate"):
            await provider.submit(BODY)
        assert server.requests == []


@pytest.mark.parametrize(
    "greet",
    [
        pytest.param(lambda writer: writer.transport.abort(), id="cut"),
        pytest.param(lambda writer: writer.write(b"HTTP/1.1 200 OK\r\n\r\n"), id="plain http"),
        pytest.param(lambda _: None, id="silent"),
    ],
)
async def test_a_tls_handshake_that_does_not_end_well_is_not_sent(raw_server, connect, greet):
    port = await raw_server(greet)
    async with connect(f"https://127.0.0.1:{port}/api/v1", connect_timeout=0.3) as provider:
        with pytest.raises(NotSentError, match="Connect"):
            await provider.submit(BODY)


async def test_a_trusted_certificate_works(make_server, server_tls, connect, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with make_server(handle=replies(200, ENVELOPE), tls=server_tls) as server:
        async with connect(server.base_url) as provider:
            assert (await provider.submit(BODY)).task_id == ID
        assert server.posts == 1


async def test_a_proxy_that_refuses_the_tunnel_means_not_sent(server, connect, monkeypatch, key):
    monkeypatch.setenv("https_proxy", server.origin)
    server.handle = replies(502)
    async with connect("https://provider.example/api/v1") as provider:
        with pytest.raises(NotSentError, match="ProxyError"):
            await provider.submit(BODY)
    assert [request.method for request in server.requests] == ["CONNECT"]
    assert "authorization" not in server.requests[0].headers


async def test_a_proxy_that_had_the_request_leaves_a_doubt(server, connect, monkeypatch):
    monkeypatch.setenv("http_proxy", server.origin)
    server.handle = replies(502)
    async with connect("http://provider.example/api/v1") as provider:
        assert (await submit(provider, server)).reason == "HTTP 502"


async def test_a_body_that_is_no_json_is_not_sent(server, provider):
    for prompt in (float("nan"), "\ud800", object()):
        with pytest.raises(NotSentError, match="cannot be written as JSON"):
            await provider.submit({**BODY, "prompt": prompt})
    assert server.connections == 0
