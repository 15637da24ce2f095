"""Polls and the balance: a failing GET changes nothing of what is known."""

from __future__ import annotations

import asyncio
import json
import logging
import math

import pytest

from longtake.errors import (
    KeyRefusedError,
    PollTimeoutError,
    ProviderUnavailableError,
    RateLimitedError,
    UnknownTaskError,
)
from longtake.provider import PollCadence, ProviderTask, failure

pytestmark = pytest.mark.anyio

ID = "task_01jz9k3v5w7x8y9z0a1b2c3d4e"
VIDEO = "https://cdn.example/0.mp4?sig=abc"
FRAME = "https://cdn.example/0.png"
PROCESSING = {"id": ID, "model": "seedance-2.5", "status": "processing", "created_at": 1, "output": None, "error": None}
COMPLETED = {**PROCESSING, "status": "completed", "output": {"video_urls": [VIDEO], "last_frame_url": FRAME}}


def answers(*replies):
    """Give each reply once, the last one for ever. A reply is a JSON value, a status, or a thing to do."""
    left = list(replies)

    async def handle(_, connection):
        reply = left.pop(0) if len(left) > 1 else left[0]
        if callable(reply):
            await reply(connection)
        elif isinstance(reply, int):
            await connection.json(reply, {"error": {"code": 1, "message": "no"}})
        else:
            await connection.json(200, reply)

    return handle


async def drop(connection):
    connection.reset()


async def html(connection):
    await connection.answer(200, b"<html>", content_type="text/html")


async def huge(connection):
    await connection.answer(200, b" " * 2_000_000)


async def limited(connection):
    await connection.json(429, {}, retry_after="9")


async def moved(connection):
    await connection.answer(302, location="/elsewhere")


# ------------------------------------------------------------------------------------------------- one poll


async def test_a_completed_task_has_its_urls_and_its_credits(server, provider, key):
    server.handle = answers({**COMPLETED, "usage": {"credits": 1335}})
    task = await provider.poll(ID)
    assert task == ProviderTask(id=ID, status="completed", video_urls=(VIDEO,), last_frame_url=FRAME, credits=1335)
    assert task.terminal
    (request,) = server.requests
    assert (request.method, request.target) == ("GET", f"/api/v1/tasks/{ID}")
    assert request.headers["authorization"] == f"Bearer {key}"


@pytest.mark.parametrize(
    ("usage", "credits"),
    [
        ({"credits": 1335.0}, 1335),
        ({"credits": 0}, 0),
        ({"credits": -5}, None),
        ({"credits": 1.5}, None),
        ({"credits": "1335"}, None),
        ({"credits": True}, None),
        ({"credits": math.nan}, None),
        ({"credits": math.inf}, None),
        ({"credits": 10**15}, None),
        ({"credits": None}, None),
        ({}, None),
        ([], None),
        ("junk", None),
        (None, None),
    ],
)
async def test_credits_are_a_whole_amount_or_unknown(server, provider, usage, credits):
    server.handle = answers({**COMPLETED, "usage": usage})
    assert (await provider.poll(ID)).credits == credits


@pytest.mark.parametrize(
    "output",
    [
        None,
        [],
        "x",
        {},
        {"video_urls": None},
        {"video_urls": VIDEO},
        {
            "video_urls": [
                None,
                5,
                {},
                "",
                "file:///etc/passwd",
                "https://x/\n",
                "https://x/ y",
                "https://x/" + "y" * 5000,
            ]
        },
    ],
)
async def test_completed_without_a_usable_video_is_not_the_end(server, provider, output):
    server.handle = answers({**COMPLETED, "output": output})
    task = await provider.poll(ID)
    assert task.video_urls == ()
    assert task.last_frame_url is None
    assert not task.terminal


async def test_a_failed_task_says_why_in_clean_words(server, provider, key):
    text = f"\x1b[31mpolicy\n{key} {VIDEO} " + "very " * 500
    server.handle = answers({**PROCESSING, "status": "failed", "error": {"code": 80006, "message": text}})
    task = await provider.poll(ID)
    assert task.terminal
    assert task.error_code == 80006
    assert task.error_message.startswith("[31mpolicy *** https://cdn.example/0.mp4?… very")
    assert len(task.error_message) == 500
    assert task.error_message.isprintable()


@pytest.mark.parametrize("error", [None, [], 5, {}, {"code": "x", "message": 7}, {"code": True}, {"message": ""}])
async def test_a_failed_task_that_does_not_say_why(server, provider, error):
    server.handle = answers({**PROCESSING, "status": "failed", "error": error})
    task = await provider.poll(ID)
    assert (task.status, task.error_code, task.error_message) == ("failed", None, None)


@pytest.mark.parametrize(
    ("code", "retryable"), [(80003, True), (80006, False), (80007, True), (80004, False), (None, False)]
)
def test_the_code_of_a_failure_says_whether_to_try_again(code, retryable):
    error = failure(ProviderTask(id=ID, status="failed", error_code=code, error_message="it broke"))
    assert (error.task_id, error.code, error.retryable) == (ID, code, retryable)
    assert "it broke" in str(error)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (401, KeyRefusedError),
        (403, KeyRefusedError),
        (404, UnknownTaskError),
        (400, ProviderUnavailableError),
        (500, ProviderUnavailableError),
        (503, ProviderUnavailableError),
        (204, ProviderUnavailableError),
        (limited, RateLimitedError),
        (moved, ProviderUnavailableError),
        (drop, ProviderUnavailableError),
        (html, ProviderUnavailableError),
        (huge, ProviderUnavailableError),
        ([], ProviderUnavailableError),
        ({}, ProviderUnavailableError),
        ({**PROCESSING, "status": None}, ProviderUnavailableError),
        ({**COMPLETED, "id": "task_of_somebody_else"}, ProviderUnavailableError),
        ({**COMPLETED, "id": 5}, ProviderUnavailableError),
    ],
)
async def test_a_poll_that_shows_nothing(server, provider, reply, error):
    server.handle = answers(reply)
    with pytest.raises(error) as caught:
        await provider.poll(ID)
    assert type(caught.value) is error
    assert len(server.requests) == 1
    assert getattr(caught.value, "retry_after", None) == (9.0 if reply is limited else None)


@pytest.mark.parametrize("bad", ["", "short", "../balance", "task_0123456789/../x", "task_0123456789?x", "a" * 129])
async def test_an_id_that_is_none_is_not_asked_for(server, provider, bad):
    with pytest.raises(UnknownTaskError):
        await provider.poll(bad)
    assert server.connections == 0


# ------------------------------------------------------------------------------------------------- waiting


async def test_a_wait_polls_until_the_result_is_there(server, provider):
    server.handle = answers(PROCESSING, PROCESSING, {**COMPLETED, "output": None}, COMPLETED)
    task = await provider.wait(ID, longest=60)
    assert task.video_urls == (VIDEO,)
    assert len(server.requests) == 4


async def test_failing_polls_do_not_end_a_wait(server, provider):
    troubles = [500, drop, limited, html, moved, 400, huge, [], {**COMPLETED, "id": "task_of_somebody_else"}] * 2
    server.handle = answers(*troubles, COMPLETED)
    task = await provider.wait(ID, longest=60)
    assert task.status == "completed"
    assert len(server.requests) == len(troubles) + 1


@pytest.mark.parametrize(("status", "error"), [(401, KeyRefusedError), (403, KeyRefusedError), (404, UnknownTaskError)])
async def test_some_refusals_are_tolerated_and_more_are_not(server, provider, status, error):
    server.handle = answers(status, status, status, PROCESSING, status, status, status, COMPLETED)
    assert (await provider.wait(ID, longest=60)).status == "completed"
    server.requests.clear()
    server.handle = answers(PROCESSING, status)
    with pytest.raises(error):
        await provider.wait(ID, longest=60)
    assert len(server.requests) == 1 + 4


async def test_a_task_that_is_not_known_yet_is_waited_for(server, provider):
    server.handle = answers(*[404] * 12, COMPLETED)
    assert (await provider.wait(ID, longest=60)).status == "completed"
    assert len(server.requests) == 13


async def test_a_key_that_is_refused_is_not_taken_for_a_task_that_is_not_known_yet(server, provider):
    server.handle = answers(404, 404, 404, 401, COMPLETED)
    with pytest.raises(KeyRefusedError):
        await provider.wait(ID, longest=60)


async def test_a_task_that_stays_unknown_is_given_up(server, connect):
    server.handle = answers(404)
    async with connect(server.base_url, cadence=PollCadence(shortest=0.01, longest_fault=0.01, unknown=0)) as provider:
        with pytest.raises(UnknownTaskError):
            await provider.wait(ID, longest=60)
    assert len(server.requests) == 4


async def test_a_failed_task_is_returned_not_raised(server, provider):
    server.handle = answers({**PROCESSING, "status": "failed", "error": {"code": 80003, "message": "x"}})
    assert failure(await provider.wait(ID, longest=60)).retryable


async def test_a_wait_that_is_over_asks_once_more_and_names_the_task(server, provider):
    server.handle = answers(PROCESSING)
    with pytest.raises(PollTimeoutError, match=ID) as caught:
        await provider.wait(ID, longest=0)
    assert caught.value.task_id == ID
    assert len(server.requests) == 1


async def test_a_task_that_ended_is_seen_at_the_very_end_of_a_wait(server, connect):
    server.handle = answers(COMPLETED)
    async with connect(server.base_url, cadence=PollCadence(shortest=1000)) as provider:
        assert (await provider.wait(ID, longest=0.05)).status == "completed"


async def test_the_first_of_a_kind_that_ends_tells_when_to_ask_for_the_others(server, connect):
    async def ended(request, connection):
        await connection.json(200, {**COMPLETED, "id": request.target.rpartition("/")[2]})

    server.handle = ended
    first, other, stranger = (ID[:-1] + last for last in "123")
    async with connect(server.base_url, cadence=PollCadence(soonest=3600, shortest=3600, longest=3600)) as provider:
        waiting = asyncio.create_task(provider.wait(stranger, longest=7200, kind="long"))
        short = [provider.wait(first, longest=0.05, kind="short"), provider.wait(other, longest=7200, kind="short")]
        found = await asyncio.gather(*short)
        assert [task.status for task in found] == ["completed", "completed"]
        assert not waiting.done(), "how long others take says nothing of it"
        waiting.cancel()
    assert [request.target.rpartition("/")[2] for request in server.requests] == [first, other]


async def test_an_unknown_status_is_told_once_and_polled_on(server, provider, caplog):
    queued = {**PROCESSING, "status": "que\nued"}
    server.handle = answers(queued, queued, queued, COMPLETED)
    with caplog.at_level(logging.WARNING, "longtake.provider"):
        assert (await provider.wait(ID, longest=60)).status == "completed"
    assert [record.getMessage() for record in caplog.records] == [
        f"task {ID} has the status 'que ued' and no result; polling on"
    ]


async def test_cancelling_a_wait_goes_through(server, provider):
    async def stall(_, __):
        await asyncio.Event().wait()

    server.handle = stall
    waiting = asyncio.create_task(provider.wait(ID, longest=60))
    await server.arrived.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_polls_slow_down_to_the_longest_delay_and_never_beat_in_step():
    paces = PollCadence().start(), PollCadence().start()
    delays = [[pace.after_answer(60.0 * minute) for minute in range(25)] for pace in paces]
    for one in delays:
        assert 0.07 <= one[0] <= 0.13
        assert 1.1 <= one[1] <= 1.9
        assert 7.5 <= one[-1] <= 12.5
        assert sum(one[10:]) > sum(one[:10])
    assert delays[0] != delays[1]


def test_faults_back_off_until_an_answer_comes():
    cadence = PollCadence(shortest=1, jitter=0, longest_fault=60)
    pace = cadence.start()
    assert [pace.after_fault() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    pace.after_answer()
    assert pace.after_fault() == 1
    assert pace.after_fault(retry_after=7) == 7
    assert pace.after_fault(retry_after=3600) == 60


# ------------------------------------------------------------------------------------------------- the balance


@pytest.mark.parametrize(("balance", "expected"), [(12500, 12500), (12500.0, 12500), (0, 0), (-3, -3)])
async def test_a_balance_is_read_in_each_of_its_forms(server, provider, balance, expected):
    server.handle = answers({"balance": balance})
    assert await provider.balance() == expected
    assert server.requests[0].target == "/api/v1/balance"


async def test_a_balance_that_is_not_offered(server, provider):
    server.handle = answers(404)
    assert await provider.balance() is None


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"balance": None},
        {"balance": "5"},
        {"balance": True},
        {"balance": 1.5},
        {"balance": math.nan},
        [],
        html,
        drop,
        500,
    ],
)
async def test_a_balance_is_never_guessed(server, provider, reply):
    server.handle = answers(reply)
    with pytest.raises(ProviderUnavailableError):
        await provider.balance()


async def test_the_other_ways_a_balance_is_refused(server, provider):
    server.handle = answers(401)
    with pytest.raises(KeyRefusedError):
        await provider.balance()
    server.handle = answers(limited)
    with pytest.raises(RateLimitedError):
        await provider.balance()


# ------------------------------------------------------------------------------------------------- secrets


async def test_nothing_logged_holds_the_key_or_a_query_string(  # noqa: PLR0917 - fixtures
    server, cdn, provider, key, caplog, tmp_path
):
    async def serve(_, connection):
        await connection.answer(200, b"\x89PNG\r\n\x1a\n1234")

    async def handle(request, connection):
        body = {"error": {"code": 1, "message": f"{key} https://a.example/b?X-Amz-Signature=c"}}
        await connection.answer(500 if request.method == "GET" else 400, json.dumps(body).encode())

    cdn.handle, server.handle = serve, handle
    # httpx by name too: a command run in this process has quietened it.
    with caplog.at_level(logging.INFO), caplog.at_level(logging.INFO, logger="httpx"):
        await provider.fetch(f"{cdn.origin}/a.png?X-Amz-Signature=c", tmp_path / "a.png", limit=100, kind="image")
        with pytest.raises(ProviderUnavailableError) as caught:
            await provider.balance()
    assert any(record.name == "httpx" for record in caplog.records)
    everything = caplog.text + str(caught.value)
    assert key not in everything
    assert "Signature" not in everything
