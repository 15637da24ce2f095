"""The one paid POST is refused: nothing was charged. Over real sockets; the server counts: never more than one."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils

import pytest
from posting import SIGNED, replies, submit

from longtake.errors import (
    KeyRefusedError,
    NoCreditsError,
    RateLimitedError,
    RefusedError,
    UnknownModelError,
)
from longtake.provider.error_codes import CODES

pytestmark = pytest.mark.anyio


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
    server.handle = replies(status, {"error": {"code": 30002, "message": "no such size", "request_id": "req_1"}})
    raised = await submit(provider, server)
    assert type(raised) is error
    assert (raised.status, raised.code, raised.request_id) == (status, 30002, "req_1")
    assert raised.next_step == CODES[30002].step
    assert "no such size" in str(raised)


async def test_a_refusal_without_words_names_the_model_and_the_place_to_look(server, provider):
    server.handle = replies(404, b"not here")
    raised = await submit(provider, server)
    assert "the request for seedance-2.5 with 404" in raised.message
    assert raised.next_step.startswith("check LONGTAKE_BASE_URL: ")


async def test_the_id_of_a_refused_request_is_kept_within_bounds(server, provider):
    server.handle = replies(400, {"error": {"message": "no", "request_id": "r" * 500}})
    assert (await submit(provider, server)).request_id == "r" * 127 + "…"


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
        await pass_time(60, connection)
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
        ("Wed, 21 Oct 2026 07:28:30 -0000", 30.0),
        ("Wed, 21 Oct 2026 09:28:30 +0200", 30.0),
        ("Wed, 21 Oct 2026 07:00:00 GMT", 0.0),
        ("Wed, 21 Oct 2037 07:00:00 GMT", 3600.0),
        ("Wed, 99 Oct 2026 99:99:99 GMT", None),
    ],
)
async def test_a_429_says_when_to_come_back(server, provider, value, seconds):
    server.handle = replies(429, {"error": {"code": 50001}}, retry_after=value, date="Wed, 21 Oct 2026 07:28:00 GMT")
    raised = await submit(provider, server)
    assert type(raised) is RateLimitedError
    assert (raised.retry_after, raised.code, raised.status) == (seconds, 50001, 429)


async def test_a_429_with_a_date_and_no_clock_of_its_own(server, provider):
    later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
    server.handle = replies(429, retry_after=email.utils.format_datetime(later, usegmt=True))
    assert 500 < (await submit(provider, server)).retry_after <= 600


async def test_a_429_without_a_word(server, provider):
    server.handle = replies(429)
    assert (await submit(provider, server)).retry_after is None
