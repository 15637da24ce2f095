"""The one paid POST ends without a readable answer: it may have been charged. Over real sockets."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from posting import BODY, ENVELOPE, ID, replies, submit

from longtake.errors import (
    DoubtfulAnswerError,
)

pytestmark = pytest.mark.anyio


async def test_a_reset_after_the_headers_were_read(server, provider):
    async def handle(_, connection):
        connection.reset()

    server.handle = handle
    assert type(await submit(provider, server)) is DoubtfulAnswerError


async def test_a_reset_while_a_long_body_is_under_way(server, connect):
    async def handle(_, connection):
        await connection.reader.readexactly(1000)
        connection.reset()

    server.handle = handle
    async with connect(server.base_url) as provider:
        with pytest.raises(DoubtfulAnswerError):
            await provider.submit({**BODY, "prompt": "x" * 20_000_000})
    assert server.posts == 1


async def test_a_reset_after_the_body_was_read(server, provider):
    async def handle(_, connection):
        await connection.body()
        connection.reset()

    server.handle = handle
    raised = await submit(provider, server)
    assert type(raised) is DoubtfulAnswerError
    assert raised.reason.startswith("ReadError")


async def test_a_connection_closed_without_an_answer(server, provider):
    async def handle(_, connection):
        await connection.body()
        connection.close()

    server.handle = handle
    assert (await submit(provider, server)).reason.startswith("RemoteProtocolError")


@pytest.mark.parametrize("read", [True, False])
async def test_a_post_without_an_answer_is_in_doubt(server, connect, read):
    async def handle(_, connection):
        if read:
            await connection.body()
        await asyncio.Event().wait()

    server.handle = handle
    async with connect(server.base_url, post_timeout=2.0) as provider:
        raised = await submit(provider, server)
    assert type(raised) is DoubtfulAnswerError


@pytest.mark.parametrize("where", ["head", "body"])
async def test_a_slow_drip_ends_at_the_deadline(server, connect, where):
    async def handle(_, connection):
        await connection.body()
        await connection.send(b"HTTP/1.1 200 OK\r\n")
        if where == "body":
            await connection.send(b"content-length: 100000\r\n\r\n")
        while True:  # a byte is never late, the whole is
            await connection.send(b"x")
            await asyncio.sleep(0.02)

    server.handle = handle
    async with connect(server.base_url, post_timeout=2.0) as provider:
        raised = await submit(provider, server)
    assert type(raised) is DoubtfulAnswerError
    assert "no whole answer before the deadline" in raised.reason


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 599, 600, 999])
async def test_a_5xx_may_have_been_charged(server, provider, status):
    server.handle = replies(status, {"id": ID}, retry_after="1")
    raised = await submit(provider, server)
    assert type(raised) is DoubtfulAnswerError
    assert raised.reason == f"HTTP {status}"


@pytest.mark.parametrize("status", [408, 425, 499])
async def test_a_gateway_that_gave_up_waiting_leaves_a_doubt(server, provider, status):
    server.handle = replies(status, {"error": {"code": 20002, "message": "request timeout"}})
    raised = await submit(provider, server)
    assert type(raised) is DoubtfulAnswerError
    assert raised.reason == f"HTTP {status}"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("location", ["/api/v1/videos/generations", "ftp://x/y", "http://[", "\x01", None])
async def test_a_redirect_is_not_followed(server, provider, status, location):
    server.handle = replies(status, ENVELOPE, **({} if location is None else {"location": location}))
    assert type(await submit(provider, server)) is DoubtfulAnswerError
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!doctype html><title>Welcome</title>", "not a JSON object"),
        (b"", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'"' + ID.encode() + b'"', "not a JSON object"),
        (b'{"id": "' + ID.encode() + b'"', "not a JSON object"),
        (b"\xff\xfe\x00", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"id": ' + b"9" * 5000 + b"}", "not a JSON object"),
        (b"{}", "without a usable task id"),
        (json.dumps({**ENVELOPE, "id": None}).encode(), "without a usable task id"),
        (json.dumps({"data": ENVELOPE}).encode(), "without a usable task id"),
        (b'{"id": "short"}', "without a usable task id"),
        (b'{"id": "../../tasks/x"}', "without a usable task id"),
        (b'{"id": "task_0123456789?a=b"}', "without a usable task id"),
        (b'{"id": "task_0123456789\\n"}', "without a usable task id"),
        (b'{"id": "task_\xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3"}', "without a usable task id"),
        (b'{"id": "' + b"a" * 129 + b'"}', "without a usable task id"),
        (b'{"id": ["' + ID.encode() + b'"]}', "without a usable task id"),
        (b'{"id": 12345678, "task_id": true}', "without a usable task id"),
        (json.dumps({**ENVELOPE, "pad": "x" * 1_100_000}).encode(), "over 1048576 bytes"),
        (json.dumps(ENVELOPE).encode() + b" " * 1_100_000, "over 1048576 bytes"),
    ],
)
async def test_a_2xx_without_a_readable_id(server, provider, body, reason):
    server.handle = replies(200, body)
    raised = await submit(provider, server)
    assert type(raised) is DoubtfulAnswerError
    assert reason in raised.reason


async def test_the_type_of_an_unreadable_answer_is_said_and_holds_no_key(server, provider, key):
    server.handle = replies(200, b"hello", content_type=f"text/{key}-{'x' * 200}")
    reason = (await submit(provider, server)).reason
    assert "text/***" in reason
    assert len(reason) < 160


async def test_an_unreadable_answer_may_have_no_type(server, provider):
    server.handle = replies(200, b"hello")
    assert (await submit(provider, server)).reason.endswith("(no content type)")


async def test_an_answer_without_end_is_not_read_to_it(server, provider):
    async def handle(_, connection):
        await connection.body()
        await connection.head(200, {"transfer-encoding": "chunked"})
        while True:
            await connection.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    server.handle = handle
    assert "over 1048576 bytes" in (await submit(provider, server)).reason


async def test_an_answer_cut_short_is_in_doubt_and_says_how(server, provider):
    async def handle(_, connection):
        await connection.body()
        await connection.head(200, {"content-length": "5000"})
        await connection.send(json.dumps(ENVELOPE).encode()[:-10])
        connection.close()

    server.handle = handle
    assert "HTTP 200, then RemoteProtocolError" in (await submit(provider, server)).reason


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 200_000])
async def test_an_answer_that_is_not_http(server, provider, garbage):
    async def handle(_, connection):
        await connection.body()
        await connection.send(garbage)
        connection.close()

    server.handle = handle
    assert type(await submit(provider, server)) is DoubtfulAnswerError


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ReadError(""),
        httpx.ReadTimeout(""),
        httpx.WriteError(""),
        httpx.WriteTimeout(""),
        httpx.RemoteProtocolError(""),
        httpx.LocalProtocolError(""),
        httpx.UnsupportedProtocol(""),
        httpx.CloseError(""),
        TimeoutError(),
        ConnectionResetError(),
        OSError(),
        RuntimeError("a bug somewhere"),
        ExceptionGroup("several", [OSError()]),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_fault_is_a_doubt_by_its_kind_alone_where_nothing_tells_what_was_sent(connect, fault):
    class Broken(httpx.AsyncBaseTransport):
        calls = 0

        async def handle_async_request(self, _):
            Broken.calls += 1
            raise fault

    async with connect("https://provider.example", transport=Broken()) as provider:
        with pytest.raises(DoubtfulAnswerError) as caught:
            await provider.submit(BODY)
    assert caught.value.reason
    assert Broken.calls == 1


async def test_an_error_of_the_connecting_kind_after_the_request_began_is_a_doubt(connect):
    class Late(httpx.AsyncBaseTransport):
        calls = 0

        async def handle_async_request(self, request):
            Late.calls += 1
            await request.extensions["trace"]("http11.send_request_headers.started", {})
            raise httpx.ConnectError("a kind that must not be believed")

    async with connect("https://provider.example", transport=Late()) as provider:
        with pytest.raises(DoubtfulAnswerError):
            await provider.submit(BODY)
    assert Late.calls == 1
