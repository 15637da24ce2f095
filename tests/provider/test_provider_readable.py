"""Looking at the URLs of inputs before they are sent, over real sockets."""

from __future__ import annotations

import pytest

from longtake.errors import ProviderUnavailableError, RefusedError, TaskFailedError, UrlRefusedError
from longtake.provider import Readable, wants_rehosting

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 5000


def gives(*, head=200, ranges=True, status=None):
    async def handle(request, connection):
        if request.method == "HEAD":
            await connection.head(head, {"content-length": "77"})
        elif status is not None:
            await connection.head(status, {} if status in (204, 304) else {"content-length": "0"})
        elif ranges:
            await connection.answer(
                206, PNG[:1], content_range=f"bytes 0-0/{len(PNG)}", content_type="Image/PNG; charset=x"
            )
        else:
            await connection.answer(200, PNG)

    return handle


@pytest.mark.parametrize("ranges", [True, False])
async def test_the_first_byte_is_asked_for_and_tells_the_size(cdn, provider, ranges) -> None:
    cdn.handle = gives(ranges=ranges)
    seen = await provider.check_readable(f"{cdn.origin}/in.png?sig=secret", digest_bytes=len(PNG))
    assert seen == Readable(len(PNG), "image/png" if ranges else None, head=True)
    assert [request.method for request in cdn.requests] == ["GET", "HEAD"]
    assert cdn.requests[0].headers["range"] == "bytes=0-0"
    assert not any("authorization" in request.headers for request in cdn.requests)
    with pytest.raises(UrlRefusedError, match=f"serves {len(PNG)} bytes where the file has 9") as caught:
        await provider.check_readable(f"{cdn.origin}/in.png?sig=secret", digest_bytes=9)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("status", "answers"), [(200, True), (403, False), (405, False), (501, False), (503, None)])
async def test_what_head_answers_is_told_and_decides_nothing(cdn, provider, status, answers) -> None:
    cdn.handle = gives(head=status)
    assert (await provider.check_readable(f"{cdn.origin}/in.png")).head is answers


async def test_head_is_asked_only_where_somebody_wants_to_know(cdn, provider) -> None:
    cdn.handle = gives()
    assert (await provider.check_readable(f"{cdn.origin}/in.png", head=False)).head is None
    assert [request.method for request in cdn.requests] == ["GET"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 416, 204, 304])
async def test_an_input_that_cannot_be_read_says_what_to_do(cdn, provider, status) -> None:
    cdn.handle = gives(status=status)
    with pytest.raises(UrlRefusedError, match="LONGTAKE_PUBLIC_URL") as caught:
        await provider.check_readable(f"{cdn.origin}/in.png?sig=secret", digest_bytes=5)
    assert f"answered {status}" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_an_input_host_that_is_down_for_a_moment(cdn, provider) -> None:
    calls = []

    async def handle(_, connection):
        calls.append(1)
        if len(calls) == 1:
            connection.reset()
        elif len(calls) == 2:
            await connection.head(503, {"content-length": "0"})
        else:
            await connection.answer(200, b"12345")

    cdn.handle = handle
    await provider.check_readable(cdn.origin, digest_bytes=5)

    async def down(_, connection):
        connection.reset()

    cdn.handle = down
    with pytest.raises(ProviderUnavailableError):
        await provider.check_readable(cdn.origin)


async def test_a_remote_provider_cannot_read_this_machine(cdn, connect) -> None:
    async with connect("https://provider.example/api/v1") as provider:
        for url in (cdn.origin, "http://192.168.1.5/in.png"):
            with pytest.raises(UrlRefusedError, match="set LONGTAKE_PUBLIC_URL to a public base"):
                await provider.check_readable(url)
    assert cdn.connections == 0


async def test_which_failures_want_other_urls() -> None:
    def refused(code):
        return RefusedError("no", status=400, code=code, request_id=None)

    def failed(code):
        return TaskFailedError("failed", task_id="t", code=code, retryable=True)

    assert [wants_rehosting(refused(code)) for code in (30002, 20002, None)] == [True, False, False]
    assert [wants_rehosting(failed(code)) for code in (80007, 80003, 80006, None)] == [True, False, False, False]
    assert not wants_rehosting(UrlRefusedError("no"))
