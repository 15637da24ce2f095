"""Objects that come in as streams, are read as files, are looked through and deleted: on every store."""

import asyncio
import hashlib
import io
import json
import random
import re
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from moto.s3 import models as s3_models
from pydantic import SecretStr

from longtake import store
from longtake.errors import MediaError, ProviderUnavailableError, StoreError
from longtake.provider import PollCadence, Provider
from longtake.store import deleting, incoming, multipart, s3client
from longtake.store.multipart import PART

DATA = b"\x00\x00\x00\x20ftypisom" + random.Random(1).randbytes(3 * PART)
SMALL_PART = 64 * 1024
SIZES = [0, 1000, PART, PART + 1, 3 * PART + 12]
HELPER = Path(__file__).with_name("streamer.py")


def left_over(opened):
    """What is on its way in: temporary files of a folder; open uploads and unnamed objects of a bucket."""
    folder = opened.path("x")
    if folder is not None:
        return list((folder.parent / ".tmp").glob("*"))
    uploads = opened._s3().list_multipart_uploads(Bucket=opened._bucket).get("Uploads", [])
    return [upload["Key"] for upload in uploads] + list(opened.list("incoming/"))


def write(sink, data):
    for start in range(0, len(data), 3_000_001):
        sink.write(data[start : start + 3_000_001])


def read(opened, key):
    with opened.reader(key) as file:
        return file.read()


# ------------------------------------------------------------------------------------------------- coming in


@pytest.mark.parametrize("size", SIZES)
def test_bytes_come_in_and_get_their_name_last(any_store, size):
    with any_store.incoming(content_type="video/mp4") as sink:
        write(sink, DATA[:size])
        assert sink.size == size
        assert list(any_store.list("media/")) == []
        sink.commit("media/clip.mp4")
        assert any_store.head("media/clip.mp4").size == size
    assert any_store.head("media/clip.mp4").content_type == "video/mp4"
    assert read(any_store, "media/clip.mp4") == DATA[:size]
    assert list(any_store.list("")) == ["media/clip.mp4"]
    assert left_over(any_store) == []


@pytest.mark.parametrize("size", [1000, 3 * PART])
@pytest.mark.parametrize("error", [None, RuntimeError])
def test_without_a_name_nothing_stays(any_store, size, error):
    def leave():
        with any_store.incoming(content_type="video/mp4") as sink:
            write(sink, DATA[:size])
            if error:
                raise error

    if error:
        with pytest.raises(error):
            leave()
    else:
        leave()
    assert list(any_store.list("")) == []
    assert left_over(any_store) == []


@pytest.mark.parametrize("size", [1000, 3 * PART])
def test_what_was_written_is_forgotten(any_store, size):
    with any_store.incoming(content_type="video/mp4") as sink:
        sink.restart()
        write(sink, b"x" * size)
        sink.restart()
        assert sink.size == 0
        write(sink, DATA[: size + 5])
        sink.commit("media/clip.mp4")
    assert read(any_store, "media/clip.mp4") == DATA[: size + 5]
    assert left_over(any_store) == []


@pytest.mark.parametrize("size", [5, PART + 5])
def test_an_object_of_the_same_size_stays_and_a_cut_one_is_mended(any_store, size):
    any_store.put_if_absent("media/there", b"x" * size)
    any_store.put_if_absent("media/cut", b"x")
    for key in ("media/there", "media/cut"):
        with any_store.incoming(content_type="image/png") as sink:
            write(sink, DATA[:size])
            sink.commit(key)
    assert read(any_store, "media/there") == b"x" * size
    assert read(any_store, "media/cut") == DATA[:size]
    assert left_over(any_store) == []


def test_a_sink_that_is_over_takes_nothing(any_store):
    with any_store.incoming(content_type="image/png") as sink:
        sink.write(b"1")
        with pytest.raises(StoreError, match="not a key"):
            sink.commit("../outside")
        sink.commit("media/a")
        for call in (lambda: sink.write(b"2"), sink.restart, lambda: sink.commit("media/b")):
            with pytest.raises(StoreError, match="is over"):
                call()
    assert list(any_store.list("")) == ["media/a"]


def test_many_come_in_side_by_side(any_store):
    def one(number):
        with any_store.incoming(content_type="video/mp4") as sink:
            write(sink, DATA[: PART + number])
            sink.commit(f"media/{number}")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found.size for found in any_store.scan("media/")] == [PART + number for number in range(4)]
    assert left_over(any_store) == []


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    opened = store.open(str(tmp_path))

    def full(_handle):
        raise OSError(28, "No space left on device")

    with opened.incoming(content_type="video/mp4") as sink:
        sink.write(b"clip")
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(StoreError, match=r"media/a could not be written .*No space"):
            sink.commit("media/a")
        with pytest.raises(StoreError, match="failed before"):
            sink.commit("media/a")
    assert list(opened.list("")) == []
    assert left_over(opened) == []


# ------------------------------------------------------------------------------------------------- S3 in trouble


@pytest.fixture
def remote(bucket, proxy):
    return store.open(f"s3://{bucket}/films")


def test_one_part_at_a_time_is_as_much_as_is_sent_and_a_small_object_goes_in_one_piece(remote, proxy):
    with remote.incoming(content_type="video/mp4") as sink:
        write(sink, DATA)
        sink.commit("media/large")
    assert sorted(map(len, proxy.bodies("PUT"))) == [0, 12, PART, PART, PART]
    proxy.seen.clear()
    with remote.incoming(content_type="image/png") as sink:
        sink.write(DATA[:PART])
        sink.commit("media/small")
    assert [(method, path.partition("?")[0].rpartition("films/")[2]) for method, path, *_ in proxy.seen] == [
        ("HEAD", "media/small"),
        ("PUT", "media/small"),
    ]


@pytest.fixture
def clip(monkeypatch):
    """Bytes of three parts and a bit, of small parts: S3 wants 5 MiB, which moto would do for minutes."""
    for module in (multipart, incoming):
        monkeypatch.setattr(module, "PART", SMALL_PART)
    monkeypatch.setattr(s3_models, "S3_UPLOAD_PART_MIN_SIZE", SMALL_PART)
    return DATA[: 3 * SMALL_PART + 12]


@pytest.mark.parametrize(
    "faults",
    [
        [("PUT", 500, "partNumber="), ("PUT", "drop-after", "partNumber=")],
        [("POST", "drop-after", "uploadId=")],
        [("PUT", "drop-after", "media/")],
        [("DELETE", 503, "incoming/")],
        [("GET", 501, "uploads"), ("GET", 403, "list-type")],
    ],
)
def test_answers_that_are_lost_cost_a_repeat(remote, proxy, clip, faults):
    proxy.faults = list(faults)
    with remote.incoming(content_type="video/mp4") as sink:
        sink.write(clip)
        sink.commit("media/large")
    assert proxy.faults == []
    assert read(remote, "media/large") == clip
    assert left_over(remote) == []


@pytest.mark.parametrize("fault", [("PUT", 403, "partNumber=2"), ("POST", 403, "uploadId="), ("PUT", 403, "media/")])
def test_a_refusal_leaves_nothing(remote, proxy, clip, fault):
    proxy.faults = [fault]

    def come_in():
        with remote.incoming(content_type="video/mp4") as sink:
            sink.write(clip)
            sink.commit("media/large")

    with pytest.raises(StoreError, match="403"):
        come_in()
    assert proxy.faults == []
    assert list(remote.list("")) == []
    assert left_over(remote) == []


def test_after_a_failure_it_may_start_over(remote, proxy):
    proxy.faults = [("PUT", 403, "partNumber=1")]
    with remote.incoming(content_type="video/mp4") as sink:
        with pytest.raises(StoreError, match="403"):
            write(sink, DATA + DATA)
        with pytest.raises(StoreError, match="failed before"):
            sink.write(b"more")
        sink.restart()
        write(sink, DATA)
        sink.commit("media/large")
    assert read(remote, "media/large") == DATA
    assert left_over(remote) == []


def test_what_a_killed_process_left_is_swept_a_day_later(remote, proxy, bucket):
    script = (
        "import signal, sys; from longtake import store\n"
        "with store.open(sys.argv[1]).incoming(content_type='video/mp4') as sink:\n"
        f"    sink.write(bytes({3 * PART})); sink.restart(); sink.write(bytes({3 * PART}))\n"
        "    print('ready', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", script, remote.uri], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    remote.put_if_absent("incoming/unnamed", b"killed between an upload and its name")
    (upload,) = [name for name in left_over(remote) if name.startswith("films/incoming/")]

    def come():
        incoming._swept.clear()
        for _ in range(2):
            with remote.incoming(content_type="video/mp4"):
                pass

    now, old = datetime.now(UTC), datetime.now(UTC) - timedelta(hours=25)
    for when, left in ((now, [upload, "incoming/unnamed"]), (old, [])):
        # moto says that every upload began in 2010, and that every object is new.
        stamp = f"<\\1>{when:%Y-%m-%dT%H:%M:%SZ}<".encode()
        proxy.rewrite = lambda body, stamp=stamp: re.sub(rb"<(Initiated|LastModified)>.*?<", stamp, body)
        proxy.seen.clear()
        come()
        assert proxy.count("GET") == 2, "once in a process"
        proxy.rewrite = None
        assert left_over(remote) == left


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
    from longtake.store import s3

    for number in range(7):
        remote.put_if_absent(f"media/{number}", b"")
    aws.setattr(s3, "_PAGE", 3)
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
    aws.setattr(deleting, "_BATCH", 3)
    keys = [f"media/{number}" for number in range(7)]
    for key in keys:
        remote.put_if_absent(key, b"")
    remote.delete(keys)
    assert list(remote.list("")) == []
    assert (proxy.count("POST", "?delete"), proxy.count("DELETE")) == (3, 0)


def test_a_server_without_batches_is_asked_one_by_one(remote, proxy, aws):
    aws.setattr(deleting, "_BATCH", 3)
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
    with any_store.incoming(content_type="video/mp4") as sink:
        write(sink, DATA)
        sink.commit("media/clip.mp4")
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
    with any_store.incoming(content_type="video/mp4") as sink:
        sink.write(made.getvalue())
        sink.commit("media/clip.mp4")
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
        with remote.incoming(content_type="video/mp4") as sink:
            sink.write(DATA[100:2_000_000])
            sink.commit("media/x")
        file.seek(1_500_000)
        with pytest.raises(StoreError, match=r"media/x could not be read.*412"):
            file.read(100)
        remote.delete(["media/x"])
        with pytest.raises(StoreError, match="media/x went away"):
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
        with opened.incoming(content_type="video/mp4") as sink:
            fetched = await opened_provider.stream(source.url, sink, limit=limit, kind=kind)
            await asyncio.to_thread(sink.commit, f"media/{fetched.sha256}.mp4")
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


def test_a_store_that_fails_meanwhile_is_told_as_it_is(remote, proxy, source):
    proxy.faults = [("PUT", 403, "partNumber=1")]
    with pytest.raises(StoreError, match="403"):
        asyncio.run(bring(remote, source))
    assert left_over(remote) == []


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
