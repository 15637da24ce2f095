"""Files that come in from the provider, objects that are read as files, are looked through and deleted: on every store."""

import asyncio
import contextlib
import hashlib
import io
import json
import random
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from memory_store import MemoryStore
from pydantic import SecretStr

from longtake import store
from longtake.errors import MediaError, ProviderUnavailableError, StoreError
from longtake.provider import PollCadence, Provider
from longtake.store import deleting, s3, s3client
from longtake.store.multipart import PART

DATA = b"\x00\x00\x00\x20ftypisom" + random.Random(1).randbytes(3 * PART)
HELPER = Path(__file__).with_name("streamer.py")


def left_over(opened):
    """What is on its way in: temporary files of a folder, open uploads of a bucket."""
    if isinstance(opened, MemoryStore):
        return []
    folder = opened.path("x")
    if folder is not None:
        return list((folder.parent / ".tmp").glob("*"))
    bucket = urlsplit(opened.uri).netloc
    return s3client.client(bucket).list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def put(opened, key, data):
    with opened.spool() as path:
        path.write_bytes(data)
        opened.put_file(key, path, content_type="video/mp4")


def read(opened, key):
    with opened.reader(key) as file:
        return file.read()


# ------------------------------------------------------------------------------------------------- coming in


@pytest.mark.parametrize("size", [0, 1000, len(DATA)])
def test_a_spooled_file_is_stored_and_stays_readable_until_the_block_ends(any_store, size):
    with any_store.spool() as path:
        path.write_bytes(DATA[:size])
        assert list(any_store.list("")) == []
        any_store.put_file("media/clip.mp4", path, content_type="video/mp4")
        assert path.read_bytes() == DATA[:size]
    assert not path.exists()
    assert any_store.head("media/clip.mp4").content_type == "video/mp4"
    assert read(any_store, "media/clip.mp4") == DATA[:size]
    assert list(any_store.list("")) == ["media/clip.mp4"]
    assert left_over(any_store) == []


def test_a_folder_links_a_spooled_file_and_copies_no_byte(tmp_path):
    opened = store.open(str(tmp_path))
    with opened.spool() as path:
        path.write_bytes(DATA[:1000])
        opened.put_file("media/clip.mp4", path, content_type="video/mp4")
        assert path.samefile(opened.path("media/clip.mp4"))


@pytest.mark.parametrize("error", [None, RuntimeError])
def test_a_spooled_file_without_a_key_goes_away(any_store, error):
    with contextlib.suppress(RuntimeError), any_store.spool() as path:
        path.write_bytes(DATA)
        if error:
            raise error
    assert not path.exists()
    assert list(any_store.list("")) == []
    assert left_over(any_store) == []


@pytest.mark.parametrize("size", [5, PART + 5])
def test_an_object_of_the_same_size_stays_and_a_truncated_one_is_replaced(any_store, size):
    any_store.put_if_absent("media/there", b"x" * size)
    any_store.put_if_absent("media/cut", b"x")
    for key in ("media/there", "media/cut"):
        put(any_store, key, DATA[:size])
    assert read(any_store, "media/there") == b"x" * size
    assert read(any_store, "media/cut") == DATA[:size]
    assert left_over(any_store) == []


def test_many_come_in_side_by_side(any_store):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: put(any_store, f"media/{number}", DATA[: PART + number]), range(4)))
    assert [found.size for found in any_store.scan("media/")] == [PART + number for number in range(4)]
    assert left_over(any_store) == []


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    opened = store.open(str(tmp_path))

    def full(_handle):
        raise OSError(28, "No space left on device")

    with opened.spool() as path:
        path.write_bytes(b"clip")
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(StoreError, match=r"media/a could not be written .*No space"):
            opened.put_file("media/a", path, content_type="video/mp4")
    assert list(opened.list("")) == []
    assert left_over(opened) == []


@pytest.fixture
def remote(bucket, proxy):
    return store.open(f"s3://{bucket}/films")


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_clip_goes_in_one_put_under_its_final_name_and_again_after_a_lost_answer(remote, proxy, aws, in_memory):
    if not in_memory:
        aws.setattr(s3, "IN_MEMORY", PART)
    proxy.faults = [("PUT", "drop-after")]
    put(remote, "media/clip.mp4", DATA)
    assert [(method, path.rpartition("films/")[2], len(data)) for method, path, _, data in proxy.seen] == [
        ("HEAD", "media/clip.mp4", 0),
        ("PUT", "media/clip.mp4", len(DATA)),
        ("PUT", "media/clip.mp4", len(DATA)),
    ]
    assert read(remote, "media/clip.mp4") == DATA


def test_abandoned_uploads_are_counted_on_every_page(remote, proxy, bucket):
    s3client.client(bucket).create_multipart_upload(Bucket=bucket, Key="films/media/begun")
    pages = iter([True, False])

    def rewrite(body):
        if not next(pages):
            return body
        body = re.sub(rb"<Upload>.*</Upload>", b"", body, flags=re.DOTALL)
        more = b"<NextKeyMarker>films/a</NextKeyMarker><IsTruncated>true</IsTruncated>"
        body = re.sub(rb"<(NextKeyMarker|IsTruncated)>.*?</\1>|<NextKeyMarker/>", b"", body)
        return body.replace(b"</ListMultipartUploadsResult>", more + b"</ListMultipartUploadsResult>")

    proxy.rewrite = rewrite
    assert remote.abandoned_uploads() == 1
    assert next(pages, None) is None


# ------------------------------------------------------------------------------------------------- looking through


def test_a_scan_is_a_list_with_sizes_and_times(any_store):
    for number, key in enumerate(["a-b", "a.c", "a/x", "a0", "media/1"]):
        any_store.put_if_absent(key, b"x" * number)
    for prefix in ("", "a", "a/", "media/", "nothing"):
        assert [found.key for found in any_store.scan(prefix)] == list(any_store.list(prefix))
    found = list(any_store.scan(""))
    assert [each.size for each in found] == [0, 1, 2, 3, 4]
    assert {each.content_type for each in found} == {None}
    assert all(abs(each.modified - datetime.now(UTC)) < timedelta(days=1) for each in found)
    with pytest.raises(StoreError):
        any_store.scan("../")


def test_a_scan_asks_for_pages_only(remote, proxy, aws):
    for number in range(7):
        remote.put_if_absent(f"media/{number}", b"")
    aws.setattr(s3, "PAGE", 3)
    proxy.seen.clear()
    assert len(list(remote.scan("media/"))) == 7
    assert [method for method, *_ in proxy.seen] == ["GET"] * 3


# ------------------------------------------------------------------------------------------------- deleting


def test_objects_are_deleted_and_absent_ones_are_fine(any_store):
    for key in ("media/1", "media/2", "films/a/b"):
        any_store.put_if_absent(key, b"x")
    any_store.delete(iter(["media/1", "films/a/b", "nothing", "media", "media/2/below"]))
    assert list(any_store.list("")) == ["media/2"]
    any_store.delete([])


@pytest.mark.parametrize("key", ["ledger/acc/1.json", "Ledger/acc/1.json", "ledger", "../x", ""])
def test_the_ledger_is_never_deleted_nor_anything_with_it(any_store, key):
    for there in ("media/1", "ledger/acc/1.json"):
        any_store.put_if_absent(there, b"x")
    with pytest.raises(StoreError):
        any_store.delete(["media/1", key])
    assert list(any_store.list("")) == ["ledger/acc/1.json", "media/1"]


def test_deleting_goes_by_the_batch(remote, proxy, aws):
    aws.setattr(deleting, "BATCH", 3)
    keys = [f"media/{number}" for number in range(7)]
    for key in keys:
        remote.put_if_absent(key, b"")
    remote.delete(keys)
    assert list(remote.list("")) == []
    assert (proxy.count("POST", "?delete"), proxy.count("DELETE")) == (3, 0)


def test_a_server_without_batches_is_asked_one_by_one(remote, proxy, aws):
    aws.setattr(deleting, "BATCH", 3)
    keys = [f"media/{number}" for number in range(5)]
    for key in keys:
        remote.put_if_absent(key, b"")
    proxy.faults = [("POST", 501)]
    remote.delete(keys)
    assert list(remote.list("")) == []
    assert (proxy.count("POST"), proxy.count("DELETE")) == (1, 5)


def test_a_key_that_cannot_be_deleted_is_named(remote, proxy):
    remote.put_if_absent("media/1", b"")
    proxy.faults = [("POST", 403), ("DELETE", 403)]
    with pytest.raises(StoreError, match=r"media/1 could not be deleted.*403"):
        remote.delete(["media/1"])


# ------------------------------------------------------------------------------------------------- as a file


def test_an_object_is_read_as_a_file(any_store):
    put(any_store, "media/clip.mp4", DATA)
    chance = random.Random(7)
    with any_store.reader("media/clip.mp4") as file, io.BytesIO(DATA) as same:
        assert file.readable()
        assert file.seekable()
        assert not file.writable()
        for _ in range(60):
            place, length = chance.randrange(len(DATA) + 10), chance.choice([0, 1, 100, 5000, 3_000_000])
            assert file.seek(place) == same.seek(place)
            assert file.read(length) == same.read(length)
            assert file.tell() == same.tell()
        assert file.seek(-9, io.SEEK_END) == len(DATA) - 9
        assert file.read() == DATA[-9:]


def test_reading_what_is_not_there(any_store):
    with pytest.raises(StoreError, match="the store holds no object media/x"):
        any_store.reader("media/x")
    with pytest.raises(StoreError, match="key"):
        any_store.reader("../x")


def test_pyav_opens_a_clip_in_the_store(any_store):
    import av

    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height = 64, 48
        for _ in range(48):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode(None))
    put(any_store, "media/clip.mp4", made.getvalue())
    with any_store.reader("media/clip.mp4") as file, av.open(file) as container:
        assert sum(packet.size > 0 for packet in container.demux(video=0)) == 48
        assert (container.streams.video[0].width, container.streams.video[0].height) == (64, 48)


def test_little_is_asked_of_s3_and_a_cut_answer_is_asked_again(remote, proxy):
    remote.put_if_absent("media/x", DATA[:3_000_000])
    proxy.seen.clear()
    with remote.reader("media/x") as file:
        assert file.read(100) == DATA[:100]
        assert file.read(100) == DATA[100:200]
        proxy.faults = [("GET", "half")]
        file.seek(-5, io.SEEK_END)
        assert file.read() == DATA[2_999_995:3_000_000]
    assert proxy.faults == []
    assert [method for method, *_ in proxy.seen] == ["HEAD", "GET", "GET", "GET"]


def test_two_objects_are_never_mixed(remote):
    remote.put_if_absent("media/x", DATA[:3_000_000])
    with remote.reader("media/x") as file:
        file.read(100)
        put(remote, "media/x", DATA[100:2_000_000])
        file.seek(1_500_000)
        with pytest.raises(StoreError, match=r"media/x could not be read.*412"):
            file.read(100)
        remote.delete(["media/x"])
        with pytest.raises(StoreError, match="media/x was deleted while"):
            file.read(100)


# ------------------------------------------------------------------------------------------------- from the provider


class _Source(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/generated"):
            self._generate(int(self.path.rpartition("=")[2]))
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        data = DATA[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data)))
        if self.server.resumable:
            self.send_header("ETag", '"v1"')
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        self.end_headers()
        if self.server.cuts:
            self.server.cuts -= 1
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            self.server.half.set()
            self.server.go_on.wait(30)
            self.close_connection = True
        else:
            self.wfile.write(data)

    def _generate(self, size):
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        for start in range(0, size, len(DATA)):
            self.wfile.write(DATA[: size - start])

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def source():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Source)
    server.cuts, server.resumable, server.half, server.go_on = 0, True, threading.Event(), threading.Event()
    server.go_on.set()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}/clip.mp4?sig=secret"
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()


def provider():
    quick = PollCadence(shortest=0.002, longest=0.004, longest_fault=0.01)
    return Provider(base_url="http://127.0.0.1:9/api/v1", key=SecretStr("sk-test"), cadence=quick)


async def bring(opened, source, *, limit=10**9, kind="video"):
    async with provider() as opened_provider:
        with opened.spool() as path:
            fetched = await opened_provider.fetch(source.url, path, limit=limit, kind=kind)
            key = f"media/{fetched.sha256}.mp4"
            await asyncio.to_thread(opened.put_file, key, path, content_type="video/mp4")
    return fetched


@pytest.mark.parametrize(("cuts", "resumable"), [(0, True), (3, True), (1, False)])
def test_a_clip_comes_from_the_provider_whole(any_store, source, cuts, resumable):
    source.cuts, source.resumable = cuts, resumable
    fetched = asyncio.run(bring(any_store, source))
    assert (fetched.sha256, fetched.bytes) == (hashlib.sha256(DATA).hexdigest(), len(DATA))
    assert read(any_store, f"media/{fetched.sha256}.mp4") == DATA
    assert len(list(any_store.list(""))) == 1
    assert left_over(any_store) == []


@pytest.mark.parametrize(
    ("how", "error"),
    [({}, ProviderUnavailableError), ({"limit": 2 * PART}, MediaError), ({"kind": "image"}, MediaError)],
)
def test_a_clip_that_does_not_come_whole_leaves_nothing(any_store, source, how, error):
    source.cuts, source.resumable = (0, True) if how else (9, False)
    with pytest.raises(error):
        asyncio.run(bring(any_store, source, **how))
    assert list(any_store.list("")) == []
    assert left_over(any_store) == []


def test_a_cancelled_stream_leaves_nothing(any_store, source):
    source.cuts = 1
    source.go_on.clear()

    async def cancelled():
        bringing = asyncio.create_task(bring(any_store, source))
        assert await asyncio.to_thread(source.half.wait, 30)
        bringing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bringing

    asyncio.run(cancelled())
    assert list(any_store.list("")) == []
    assert left_over(any_store) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_half_a_gigabyte_passes_through_little_memory(strict_bucket, source):
    size = 512 * 1024**2  # far more than may stay in memory
    place = f"s3://{strict_bucket}/films"
    url = f"{source.url.partition('/clip')[0]}/generated?bytes={size}"
    done = subprocess.run([sys.executable, HELPER, url, place], capture_output=True, text=True, check=True, timeout=540)
    told = json.loads(done.stdout)
    digest, left = hashlib.sha256(), size
    while left:
        digest.update(DATA[:left])
        left -= min(left, len(DATA))
    assert (told["bytes"], told["sha256"]) == (size, digest.hexdigest())
    assert told["grew"] < 200_000_000
    assert store.open(place).head(f"media/{digest.hexdigest()}.mp4").size == size
    assert left_over(store.open(place)) == []
