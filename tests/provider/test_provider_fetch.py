"""Copying results over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket

import pytest

from longtake.errors import MediaError, ProviderUnavailableError, StoreError, UrlRefusedError

pytestmark = pytest.mark.anyio

MP4 = b"\x00\x00\x00\x20ftypisom" + random.Random(1).randbytes(3_000_000)
PNG = b"\x89PNG\r\n\x1a\n" + random.Random(2).randbytes(5000)
LIMIT = 10_000_000


def serves(data, status=200, **headers):
    async def handle(_, connection):
        await connection.answer(status, data, **headers)

    return handle


@pytest.fixture
def into(tmp_path):
    return tmp_path / "clip.mp4"


def left_over(into):
    return sorted(path.name for path in into.parent.iterdir())


async def test_a_clip_is_copied_whole_and_without_the_key(cdn, provider, into):
    cdn.handle = serves(MP4, content_type="video/mp4; charset=x")
    fetched = await provider.fetch(f"{cdn.origin}/a.mp4?sig=1", into, limit=LIMIT, kind="video")
    assert into.read_bytes() == MP4
    assert (fetched.sha256, fetched.bytes) == (hashlib.sha256(MP4).hexdigest(), len(MP4))
    assert fetched.content_type == "video/mp4"
    assert left_over(into) == ["clip.mp4"]
    (request,) = cdn.requests
    assert request.target == "/a.mp4?sig=1"
    assert "authorization" not in request.headers
    assert request.headers["accept-encoding"] == "identity"


async def test_the_key_stays_home_even_on_the_providers_own_host(server, provider, into):
    server.handle = serves(PNG)
    await provider.fetch(f"{server.origin}/media/0.png", into, limit=LIMIT, kind="image")
    assert "authorization" not in server.requests[0].headers


async def test_a_clip_of_unknown_length(cdn, provider, into):
    async def handle(_, connection):
        await connection.head(200, {"transfer-encoding": "chunked"})
        for start in range(0, len(MP4), 100_000):
            piece = MP4[start : start + 100_000]
            await connection.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        await connection.send(b"0\r\n\r\n")

    cdn.handle = handle
    assert (await provider.fetch(cdn.origin, into, limit=LIMIT, kind="video")).bytes == len(MP4)


async def test_tiny_chunks_are_still_sniffed(cdn, provider, into):
    async def handle(_, connection):
        await connection.head(200, {"content-length": str(len(PNG))})
        for byte in PNG[:20]:
            await connection.send(bytes([byte]))
            await asyncio.sleep(0)
        await connection.send(PNG[20:])

    cdn.handle = handle
    assert (await provider.fetch(cdn.origin, into, limit=LIMIT, kind="image")).sha256 == hashlib.sha256(PNG).hexdigest()


@pytest.mark.parametrize(
    ("kind", "data", "content_type", "told"),
    [
        ("video", b"<!DOCTYPE html><title>x</title>", "text/html", "the provider sent HTML instead of MP4"),
        ("video", b"\xef\xbb\xbf\n <html>", "video/mp4", "the provider sent HTML instead of MP4"),
        ("video", b"expired", "text/html; charset=utf-8", "the provider sent HTML instead of MP4"),
        ("video", b'{"error": 1}', "application/json", r"something else \(application/json\) instead of MP4"),
        ("video", PNG, "video/mp4", "instead of MP4"),
        ("image", MP4, "image/png", "instead of PNG"),
        ("image", b"\x89PNG", "image/png", "instead of PNG"),
        ("image", b"<html><body>no</body></html>", "image/png", "HTML instead of PNG"),
        ("video", b"", "video/mp4", "is empty"),
        ("any", b"", "video/mp4", "is empty"),
    ],
)
async def test_bytes_that_are_something_else(cdn, provider, into, kind, data, content_type, told):  # noqa: PLR0917
    cdn.handle = serves(data, content_type=content_type)
    with pytest.raises(MediaError, match=told) as caught:
        await provider.fetch(f"{cdn.origin}/a?sig=secret", into, limit=LIMIT, kind=kind)
    assert "secret" not in str(caught.value)
    assert left_over(into) == []
    assert len(cdn.requests) == 1


async def test_a_file_that_says_it_is_too_long_is_not_read(cdn, provider, into):
    async def handle(_, connection):
        await connection.head(200, {"content-length": str(LIMIT + 1)})
        await connection.reader.read()

    cdn.handle = handle
    with pytest.raises(MediaError, match="10000001 bytes"):
        await provider.fetch(cdn.origin, into, limit=LIMIT, kind="any")
    assert left_over(into) == []


async def test_a_file_that_does_not_say_it_is_too_long(cdn, provider, into):
    async def handle(_, connection):
        await connection.head(200, {"transfer-encoding": "chunked"})
        while True:
            await connection.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    cdn.handle = handle
    with pytest.raises(MediaError, match="longer than"):
        await provider.fetch(cdn.origin, into, limit=2_000_000, kind="any")
    assert left_over(into) == []


async def test_a_content_encoding_is_refused(cdn, provider, into):
    cdn.handle = serves(PNG, content_encoding="gzip")
    with pytest.raises(MediaError, match="content encoding gzip"):
        await provider.fetch(cdn.origin, into, limit=LIMIT, kind="any")


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_expired_url_says_so(cdn, provider, into, status):
    cdn.handle = serves(b"<html>", status)
    with pytest.raises(MediaError, match="expired") as caught:
        await provider.fetch(f"{cdn.origin}/a.mp4?sig=secret", into, limit=LIMIT, kind="video")
    assert caught.value.expired
    assert "secret" not in str(caught.value)


# ------------------------------------------------------------------------------------------------- transient


def breaks_after(count, data, *, tag='"v1"', ranges=True, reset=False):
    """Break the first answer after so many bytes; then serve, by range when asked and able."""
    broken = []

    async def handle(request, connection):
        asked = request.headers.get("range")
        start = int(asked[6:-1]) if asked and ranges else 0
        same = request.headers.get("if-range") in (None, tag)
        headers = {"content-length": str(len(data) - start), **({"etag": tag} if tag else {})}
        if start and same:
            headers["content-range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        await connection.head(206 if start and same else 200, headers)
        if not broken:
            broken.append(1)
            await connection.send(data[:count])
            if reset:
                connection.reset()
            else:
                connection.close()
            return
        await connection.send(data[start:])

    return handle


async def test_a_broken_download_goes_on_where_it_was(cdn, provider, into):
    cdn.handle = breaks_after(2_500_000, MP4)
    fetched = await provider.fetch(cdn.origin, into, limit=LIMIT, kind="video")
    assert into.read_bytes() == MP4
    assert fetched.sha256 == hashlib.sha256(MP4).hexdigest()
    first, second = cdn.requests
    assert "range" not in first.headers
    assert int(second.headers["range"][6:-1]) > 1_000_000
    assert second.headers["if-range"] == '"v1"'


@pytest.mark.parametrize(
    "options",
    [
        {"tag": None},
        {"tag": 'W/"weak"'},
        {"ranges": False},
        {"reset": True},
    ],
)
async def test_a_broken_download_that_cannot_go_on_starts_over(cdn, provider, into, options):
    cdn.handle = breaks_after(2_500_000, MP4, **options)
    fetched = await provider.fetch(cdn.origin, into, limit=LIMIT, kind="video")
    assert into.read_bytes() == MP4
    assert fetched.sha256 == hashlib.sha256(MP4).hexdigest()
    if "tag" in options:
        assert "range" not in cdn.requests[1].headers, "without a strong tag it may be another file by now"


async def test_a_wrong_range_is_not_glued_on(cdn, provider, into):
    calls = []

    async def handle(request, connection):
        calls.append(request.headers.get("range"))
        headers = {"content-length": str(len(MP4)), "etag": '"v1"'}
        if len(calls) == 1:
            await connection.head(200, headers)
            await connection.send(MP4[:2_500_000])
            connection.close()
        elif len(calls) == 2:
            await connection.answer(206, MP4[5:], content_range=f"bytes 5-{len(MP4) - 1}/{len(MP4)}")
        else:
            await connection.answer(200, MP4)

    cdn.handle = handle
    await provider.fetch(cdn.origin, into, limit=LIMIT, kind="video")
    assert into.read_bytes() == MP4
    assert calls[1] is not None
    assert calls[2] is None


@pytest.mark.parametrize("status", [429, 500, 503, 206, 416, 304])
async def test_a_passing_fault_is_asked_again(cdn, provider, into, status):
    calls = []

    async def handle(_, connection):
        calls.append(1)
        await connection.answer(200 if len(calls) > 2 else status, b"" if status == 304 and len(calls) < 3 else PNG)

    cdn.handle = handle
    await provider.fetch(cdn.origin, into, limit=LIMIT, kind="image")
    assert into.read_bytes() == PNG
    assert len(calls) == 3


@pytest.mark.parametrize("status", [503, None])
async def test_a_fault_that_stays_is_told_after_a_few_tries(cdn, provider, into, status):
    async def handle(_, connection):
        if status is None:
            connection.reset()
        else:
            await connection.answer(status)

    cdn.handle = handle
    with pytest.raises(ProviderUnavailableError):
        await provider.fetch(f"{cdn.origin}/a?sig=secret", into, limit=LIMIT, kind="any")
    assert len(cdn.requests) == 4
    assert left_over(into) == []


async def test_a_drip_without_end_ends_at_the_deadline(server, connect, into):
    async def handle(_, connection):
        await connection.head(200, {"content-length": "1000000"})
        while True:
            await connection.send(b"x")
            await asyncio.sleep(0.02)

    server.handle = handle
    async with connect(server.base_url, fetch_timeout=0.4) as provider:
        with pytest.raises(ProviderUnavailableError, match="longer than"):
            await provider.fetch(server.origin, into, limit=LIMIT, kind="any")
    assert left_over(into) == []


async def test_cancelling_a_download_leaves_nothing(cdn, provider, into):
    async def handle(_, connection):
        await connection.head(200, {"content-length": "1000000"})
        await connection.reader.read()

    cdn.handle = handle
    fetching = asyncio.create_task(provider.fetch(cdn.origin, into, limit=LIMIT, kind="any"))
    await cdn.arrived.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert left_over(into) == []


async def test_what_was_there_stays_until_the_new_is_whole(cdn, provider, into):
    into.write_bytes(b"old")
    cdn.handle = serves(b"<html>")
    with pytest.raises(MediaError):
        await provider.fetch(cdn.origin, into, limit=LIMIT, kind="video")
    assert into.read_bytes() == b"old"


async def test_a_file_that_cannot_be_written_is_an_error_of_the_store(cdn, provider, tmp_path):
    cdn.handle = serves(MP4)
    with pytest.raises(StoreError, match="could not be written: No such file"):
        await provider.fetch(f"{cdn.origin}/a.mp4?sig=1", tmp_path / "missing" / "a.mp4", limit=LIMIT, kind="video")


# ------------------------------------------------------------------------------------------------- where to


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(cdn, server, provider, into, status):
    server.handle = serves(b"", status, location=f"{cdn.origin}/real.png?sig=1")
    cdn.handle = serves(PNG)
    await provider.fetch(f"{server.origin}/a", into, limit=LIMIT, kind="image")
    assert into.read_bytes() == PNG
    assert "authorization" not in cdn.requests[0].headers | server.requests[0].headers


async def test_a_relative_redirect_is_followed(cdn, provider, into):
    async def handle(request, connection):
        if request.target == "/x/a":
            await connection.answer(302, location="../b.png")
        else:
            await connection.answer(200, PNG)

    cdn.handle = handle
    await provider.fetch(f"{cdn.origin}/x/a", into, limit=LIMIT, kind="image")
    assert cdn.requests[1].target == "/b.png"


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "http://user:pw@127.0.0.1/",
        "http://xn--/",
    ],
)
async def test_a_redirect_to_where_nobody_should_go(cdn, provider, into, location):
    cdn.handle = serves(b"", 302, location=location)
    with pytest.raises(UrlRefusedError):
        await provider.fetch(cdn.origin, into, limit=LIMIT, kind="any")
    assert len(cdn.requests) == 1
    assert left_over(into) == []


async def test_redirects_in_a_circle_end(cdn, provider, into):
    cdn.handle = serves(b"", 302, location="/again")
    with pytest.raises(UrlRefusedError, match="5 redirects"):
        await provider.fetch(cdn.origin, into, limit=LIMIT, kind="any")
    assert len(cdn.requests) == 6


@pytest.fixture
async def secure(make_server, server_tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with make_server(tls=server_tls) as running:
        yield running


async def test_a_redirect_from_https_to_http_is_refused(secure, server, provider, into):
    server.handle = serves(PNG)
    secure.handle = serves(b"", 302, location=server.origin)
    with pytest.raises(UrlRefusedError, match="from https to http"):
        await provider.fetch(secure.origin, into, limit=LIMIT, kind="any")
    assert len(secure.requests) == 1
    assert server.requests == []


async def test_a_remote_provider_may_not_name_loopback(cdn, connect, into):
    cdn.handle = serves(PNG)
    async with connect("https://provider.example/api/v1") as provider:
        with pytest.raises(UrlRefusedError, match=r"127\.0\.0\.1"):
            await provider.fetch(cdn.origin, into, limit=LIMIT, kind="any")
    assert cdn.connections == 0


async def test_a_name_that_changes_its_address_after_the_check_gets_no_request(cdn, connect, into, monkeypatch):
    """DNS rebinding: public when checked, loopback when dialled."""
    genuine = socket.getaddrinfo
    asked = []

    def rebinding(host, *args, **kwargs):
        if host not in ("cdn.example", b"cdn.example"):
            return genuine(host, *args, **kwargs)
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, cdn.port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    cdn.handle = serves(PNG)
    async with connect("https://provider.example/api/v1") as provider:
        with pytest.raises(UrlRefusedError, match=r"resolves to 127\.0\.0\.1"):
            await provider.fetch(f"http://cdn.example:{cdn.port}/a?sig=secret", into, limit=LIMIT, kind="any")
    assert len(asked) == 2
    assert cdn.connections == 1
    assert cdn.requests == []


async def test_a_proxy_of_the_environment_is_used_for_media(server, connect, into, monkeypatch):
    monkeypatch.setenv("http_proxy", server.origin)
    server.handle = serves(PNG)
    async with connect("https://provider.example/api/v1") as provider:
        await provider.fetch("http://cdn.example/a.png", into, limit=LIMIT, kind="image")
    assert server.requests[0].target == "http://cdn.example/a.png"
    assert "authorization" not in server.requests[0].headers
