"""Every way the one paid POST can end, over real sockets. The server counts: never more than one."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import email.utils
import json
import pickle
import socket

import httpx
import pytest

from longtake.errors import (
    DoubtfulAnswerError,
    KeyRefusedError,
    NoCreditsError,
    NotSentError,
    RateLimitedError,
    RefusedError,
    UnknownModelError,
)

pytestmark = pytest.mark.anyio

BODY = {"model": "seedance-2.5", "prompt": "Waves break on black rocks – dawn", "duration": 5}
ID = "task_018f5a3a1b6e7d9f8c2b4d6e8f0a2c4e"
ENVELOPE = {"id": ID, "model": "seedance-2.5", "status": "processing", "created_at": 1735000000, "output": None}
SIGNED = "https://bucket.example/in.png?X-Amz-Signature=deadbeef"


def replies(status, body=b"", **headers):
    async def handle(_, connection):
        await connection.body()
        await connection.answer(status, body if isinstance(body, bytes) else json.dumps(body).encode(), **headers)

    return handle


async def submit(provider, server):
    """Submit once; the error it ends in holds no secret and survives pickling."""
    with pytest.raises((DoubtfulAnswerError, RefusedError, RateLimitedError, NotSentError)) as caught:
        await provider.submit(BODY)
    assert server.posts == 1
    error = caught.value
    assert "sk-test" not in repr(error.__dict__)
    assert "Signature" not in repr(error.__dict__)
    assert error.__cause__ is None
    assert error.__context__ is None, "httpx errors hold the request, and the request holds the key"
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy)) == (type(error), str(error))
    return error


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
        await pass_time(60)
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
        with pytest.raises(NotSentError, match="no JSON"):
            await provider.submit({**BODY, "prompt": prompt})
    assert server.connections == 0


# ------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RefusedError),
        (401, KeyRefusedError),
        (402, NoCreditsError),
        (403, KeyRefusedError),
        (404, UnknownModelError),
        (405, RefusedError),
        (413, RefusedError),
        (422, RefusedError),
    ],
)
async def test_a_4xx_is_refused_by_kind(server, provider, status, error):
    server.handle = replies(status, {"error": {"code": 20002, "message": "no such size", "request_id": "req_1"}})
    raised = await submit(provider, server)
    assert type(raised) is error
    assert (raised.status, raised.code, raised.request_id) == (status, 20002, "req_1")
    assert "no such size" in str(raised)


async def test_a_refusal_in_hostile_words(server, provider, key):
    message = f"\x1b[2Jcould not\u202e read {SIGNED}&b=1 with {key}\r\n" + "long " * 9000
    server.handle = replies(400, {"error": {"code": "20002", "message": message, "request_id": {"a": 1}}})
    raised = await submit(provider, server)
    assert raised.code == 20002
    assert raised.request_id is None
    assert "could not read https://bucket.example/in.png?… with ***" in raised.message
    assert len(raised.message) < 700
    assert raised.message.isprintable()


@pytest.mark.parametrize(
    "body", [b"<html>no</html>", b"", b"[" * 300_000, b"\xff\xfe", b'{"error": 5}', b"x" * 3_000_000]
)
async def test_a_4xx_is_refused_whatever_its_body(server, provider, body):
    server.handle = replies(404, body)
    raised = await submit(provider, server)
    assert type(raised) is UnknownModelError
    assert "LONGTAKE_BASE_URL" in raised.next_step


async def test_a_4xx_whose_body_never_ends_is_refused(server, connect, pass_time):
    async def handle(_, connection):
        await connection.body()
        await connection.head(402, {"content-length": "100"})
        await pass_time(60)
        await asyncio.Event().wait()

    server.handle = handle
    async with connect(server.base_url, post_timeout=60) as provider:
        assert type(await submit(provider, server)) is NoCreditsError


async def test_a_4xx_followed_by_a_reset_is_refused(server, provider):
    async def handle(_, connection):
        await connection.body()
        await connection.head(400, {"content-length": "100"})
        connection.close()

    server.handle = handle
    assert type(await submit(provider, server)) is RefusedError


async def test_a_4xx_before_the_body_was_read_is_refused(server, provider):
    async def handle(_, connection):
        await connection.answer(413, connection="close")  # the body is read and thrown away afterwards

    server.handle = handle
    assert (await submit(provider, server)).status == 413


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("86400000", 3600.0),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:00:00 GMT", 0.0),
        ("Wed, 21 Oct 2037 07:00:00 GMT", 3600.0),
        ("Wed, 99 Oct 2026 99:99:99 GMT", None),
    ],
)
async def test_a_429_says_when_to_come_back(server, provider, value, seconds):
    server.handle = replies(429, {"error": {"code": 50001}}, retry_after=value, date="Wed, 21 Oct 2026 07:28:00 GMT")
    raised = await submit(provider, server)
    assert type(raised) is RateLimitedError
    assert raised.retry_after == seconds


async def test_a_429_with_a_date_and_no_clock_of_its_own(server, provider):
    later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
    server.handle = replies(429, retry_after=email.utils.format_datetime(later, usegmt=True))
    assert 500 < (await submit(provider, server)).retry_after <= 600


async def test_a_429_without_a_word(server, provider):
    server.handle = replies(429)
    assert (await submit(provider, server)).retry_after is None


# ------------------------------------------------------------------------------------------------- in doubt


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
async def test_a_stall(server, connect, read):
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


async def test_an_answer_without_end_is_not_read_to_it(server, provider):
    async def handle(_, connection):
        await connection.body()
        await connection.head(200, {"transfer-encoding": "chunked"})
        while True:
            await connection.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    server.handle = handle
    assert "over 1048576 bytes" in (await submit(provider, server)).reason


async def test_an_answer_cut_short(server, provider):
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
