"""Inputs as the provider reads them: put once, called what they are, looked at once, handed on while they live."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import struct
import subprocess
import threading
import zlib
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from changing import use
from pydantic import SecretStr

from longtake.assets import can_host, needs_host, read_inputs, remember_frame
from longtake.catalog import Catalog
from longtake.errors import MediaError, RefusedError, StoreError, StoryboardError, UrlRefusedError
from longtake.media import ffmpeg
from longtake.take import TakeSpec, ensure_take, identify, ledger_of, upload

if TYPE_CHECKING:
    from pathlib import Path

KEY, BUDGET = "key-of-the-input-tests", 50_000
SMALL = {
    "inputs": {"image": {"side": {"min": 16, "max": 200}, "bytes": 20_000}},
    "models": {"seedance-2.5": {"duration": {"min": 1}, "pixels": {"480p": {"16:9": [64, 36]}}}},
}
HEAD = """
schema: longtake/1
title: Two Takes
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 1, generate_audio: false}
scenes:
- id: s
  shots:
"""
CHAIN = HEAD + '  - {id: one, prompt: "A harbour at night"}\n  - {id: two, prompt: "A boat leaves"}\n'
PINS = "".join(
    f'  - {{id: {shot}, prompt: "{shot}", first_frame: {pin}, continue_from: null}}\n'
    for shot, pin in (("one", "a.png"), ("two", "b.jpeg"))
)


def png(shade=100, width=64, height=36):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes([shade]) * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


class Host(ThreadingHTTPServer):
    """Serves a folder, counts who asks for what, and answers HEAD only when it is told to."""

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root, self.seen, self.heads, self.gone = root, [], True, set()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """Say nothing: who looks at the first byte hangs up."""

    def asked(self, method):
        """What we asked for, not the provider."""
        return [path for verb, path, agent in self.seen if verb == method and "emulator" not in agent]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.server.seen.append((self.command, path, self.headers["User-Agent"]))
        file = self.server.root / path.lstrip("/")
        if path in self.server.gone or not file.is_file() or (self.command == "HEAD" and not self.server.heads):
            self.answer(403)
        elif self.headers["Range"] == "bytes=0-0":
            self.answer(206, file, file.read_bytes()[:1])
        else:
            self.answer(200, file, file.read_bytes())

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it

    def answer(self, status, file=None, body=b""):
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes 0-0/{file.stat().st_size}")
        types = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4", ".wav": "audio/wav"}
        self.send_header("Content-Type", types.get(file.suffix, "text/plain") if file else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def small(make_studio, tmp_path):
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    studio = make_studio(keys=(KEY,), catalog=path, balance=BUDGET)
    settings = studio.settings.model_copy(update={"api_key": SecretStr(KEY), "catalog": path})
    return dataclasses.replace(studio, settings=settings, catalog=Catalog.load(path), board=CHAIN)


@pytest.fixture
def make_host():
    hosts = []

    def make(root):
        hosts.append(Host(root))
        threading.Thread(target=hosts[-1].serve_forever, args=(0.01,), daemon=True).start()
        return hosts[-1]

    yield make
    for host in hosts:
        host.shutdown()
        host.server_close()


@pytest.fixture
def hosted(small, make_host):
    """A studio whose store is read through a server that counts."""
    host = make_host(small.folder)
    settings = small.settings.model_copy(update={"public_url": host.url})
    return dataclasses.replace(small, settings=settings), host


def run(studio, work, **changes):
    async def go():
        async with studio.session(**changes) as session:
            return await work(session)

    return asyncio.run(go())


async def prepared(session, wanted, **more):
    return await upload(session.assets, await identify(session.assets, wanted), **more)


def first_url(body):
    return body["image_with_roles"][0]["url"]


def sent(studio):
    """The URL of the first frame of every task, in order."""
    tasks = studio.provider.tasks()
    return [first_url(task["body"]) for task in tasks if "image_with_roles" in task["body"]]


# -- put once, under the right name --------------------------------------------------------------------------------------


def test_an_object_is_put_and_looked_at_once_however_many_shots_use_it(hosted, tmp_path) -> None:
    studio, host = hosted
    for name in ("a.png", "b.jpeg"):
        (tmp_path / name).write_bytes(png())
    shots = studio.resolved(HEAD + PINS, base=tmp_path).shots

    async def work(session):
        takes = [TakeSpec(shot, take, None) for shot in shots for take in (1, 2)]
        return await asyncio.gather(*(prepared(session, take) for take in takes))

    urls = {first_url(one.body) for one in run(studio, work)}
    (key,) = studio.store.list("media/")
    assert urls == {f"{host.url}/{key}"}
    assert key.endswith(".png"), "the name said jpeg"
    assert (host.asked("GET"), host.asked("HEAD")) == ([f"/{key}"], [f"/{key}"])


def test_a_jpeg_that_is_called_png_is_hosted_as_what_it_is(hosted, tmp_path) -> None:
    studio, host = hosted
    command = [ffmpeg.binary(), "-v", "error", "-f", "lavfi", "-i", "color=c=gray:s=64x36"]
    subprocess.run([*command, "-frames:v", "1", "-c:v", "mjpeg", "-f", "image2", str(tmp_path / "a.png")], check=True)
    board = HEAD + '  - {id: one, prompt: "p", first_frame: a.png}\n'
    shot = studio.resolved(board, base=tmp_path).shots[0]
    assert run(studio, lambda session: ensure_take(session, TakeSpec(shot, 1, None))).state == "bought"
    assert sent(studio) == [f"{host.url}/media/{shot.inputs[0].sha256}.jpg"]


@pytest.mark.parametrize(("there", "used"), [("jpeg", "jpeg"), ("png", "jpg")])
def test_what_lies_there_is_used_when_its_name_says_the_right_type(hosted, tmp_path, there, used) -> None:
    studio, _ = hosted
    shot = studio.resolved(HEAD + PINS, base=_with_pins(tmp_path)).shots[0]
    shot = dataclasses.replace(shot, inputs=(dataclasses.replace(shot.inputs[0], format="jpeg"),))
    digest = shot.inputs[0].sha256
    studio.store.put_file(f"media/{digest}.{there}", tmp_path / "a.png", content_type="image/jpeg")
    body = run(studio, lambda session: prepared(session, TakeSpec(shot, 1, None))).body
    assert first_url(body).endswith(f"{digest}.{used}")


def _with_pins(folder: Path) -> Path:
    (folder / "a.png").write_bytes(png(1))
    (folder / "b.jpeg").write_bytes(png(2))
    return folder


def test_a_host_that_answers_no_head_is_told_of_once(hosted, tmp_path, caplog) -> None:
    studio, host = hosted
    host.heads = False
    shots = studio.resolved(HEAD + PINS, base=_with_pins(tmp_path)).shots

    async def work(session):
        return [await prepared(session, TakeSpec(shot, 1, None)) for shot in shots]

    with caplog.at_level(logging.WARNING, "longtake.take"):
        run(studio, work)
    (told,) = [record.getMessage() for record in caplog.records if record.name == "longtake.take"]
    assert "HEAD" in told
    assert "LONGTAKE_PUBLIC_URL" in told
    assert (len(host.asked("GET")), len(host.asked("HEAD"))) == (2, 1)


def test_an_object_that_cannot_be_read_stops_before_money(hosted, tmp_path) -> None:
    studio, host = hosted
    shot = studio.resolved(HEAD + PINS, base=_with_pins(tmp_path)).shots[0]
    host.gone.add(f"/media/{shot.inputs[0].sha256}.png")
    with pytest.raises(UrlRefusedError, match="answered 403"):
        run(studio, lambda session: ensure_take(session, TakeSpec(shot, 1, None)))
    assert studio.posts() == 0


# -- inputs given as URLs ------------------------------------------------------------------------------------------------


def by_url(studio, host, *names):
    named = {f"r{number}": f"{host.url}/{name}" for number, name in enumerate(names)}
    references = f"references: {json.dumps(named)}\nscenes:"
    shot = f"  - {{id: one, prompt: p, references: [{', '.join(named)}]}}\n"
    return studio.resolved(HEAD.replace("scenes:", references) + shot)


@pytest.fixture
def web(make_host, tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    host = make_host(folder)
    (folder / "good.png").write_bytes(png())
    (folder / "tiny.png").write_bytes(png(width=8))
    (folder / "wide.png").write_bytes(png(width=300))
    (folder / "heavy.png").write_bytes(png() + bytes(20_000))
    (folder / "page.png").write_text("<!doctype html><html></html>")
    return host


@pytest.mark.parametrize(("name", "said"), [("tiny.png", "has 8 x 36 pixels"), ("wide.png", "16 to 200 pixels a side")])
def test_what_a_url_serves_is_held_against_the_same_rules_as_a_file(small, web, name, said) -> None:
    resolved = by_url(small, web, "good.png", name)
    with pytest.raises(StoryboardError) as caught:
        run(small, lambda session: read_inputs(session.assets, resolved))
    (problem,) = caught.value.problems
    assert said in str(problem)
    assert (problem.shot, problem.line) == ("one", resolved.shots[0].line)
    assert "r1" in problem.message
    with pytest.raises(MediaError, match=r"s/one: r1 .*allowed") as again:
        run(small, lambda session: ensure_take(session, TakeSpec(resolved.shots[0], 1, None)))
    assert said in again.value.message
    assert small.posts() == 0


@pytest.mark.parametrize(("name", "said"), [("heavy.png", "20000"), ("page.png", "HTML"), ("none.png", "403")])
def test_a_url_that_gives_no_input_names_shot_and_input(small, web, name, said) -> None:
    with pytest.raises(MediaError, match=f"s/one: r0 cannot be used: .*{said}"):
        run(small, lambda session: read_inputs(session.assets, by_url(small, web, name)))


def test_a_url_is_read_once_and_handed_on_itself_where_the_store_has_no_urls(small, web) -> None:
    resolved = by_url(small, web, "good.png")

    async def work(session):
        await read_inputs(session.assets, resolved)
        assert not can_host(session.assets)
        assert not needs_host(session.assets, resolved.shots[0])
        return [await prepared(session, TakeSpec(resolved.shots[0], take, None)) for take in (1, 2)]

    for one in run(small, work, public_url=None):
        assert one.body["image_urls"] == [f"{web.url}/good.png"]
    assert sum(agent is not None for _, _, agent in web.seen) == 3, "read once, looked at for each request"
    (hosted_body,) = [run(small, lambda s: prepared(s, TakeSpec(resolved.shots[0], 1, None))).body]
    assert hosted_body["image_urls"][0].startswith(small.settings.public_url), "our copy cannot change"


# -- the provider's own frames -------------------------------------------------------------------------------------------


def chain(studio, *, between=lambda _session, _take: None, **changes):
    """The two shots of the chain in one run; what a test does in between may give another parent."""
    one, two = studio.resolved().shots

    async def work(session):
        take = (await ensure_take(session, TakeSpec(one, 1, None))).take
        take = between(session, take) or take
        return await ensure_take(session, TakeSpec(two, 1, take.last_frame, source=take))

    return run(studio, work, **changes)


def test_a_chain_needs_no_public_url_while_the_providers_frames_live(small) -> None:
    got = chain(small, public_url=None)
    (url,) = sent(small)
    assert got.state == "bought"
    assert "/cdn/tasks/" in url
    assert "http" not in got.take.model_dump_json()
    assert not any("http" in (small.store.get(key) or b"").decode("latin-1") for key in small.store.list("ledger/"))


def test_an_earlier_runs_task_is_asked_for_its_frame(small) -> None:
    one, two = small.resolved().shots
    parent = run(small, lambda session: ensure_take(session, TakeSpec(one, 1, None)), public_url=None).take
    wanted = TakeSpec(two, 1, parent.last_frame, source=parent)
    assert run(small, lambda session: ensure_take(session, wanted), public_url=None).state == "bought"
    assert "/cdn/tasks/" in sent(small)[0]


EXPIRED = {"where": "media", "what": "expired"}


def expire(studio, session):
    """The provider serves nothing any more, and what was seen of it was long ago."""
    studio.faults(EXPIRED)
    for known in session.assets.hosting.frames.values():
        known.seen = 0.0


def test_after_its_end_our_kept_copy_is_sent(small) -> None:
    one, two = small.resolved().shots
    got = {}

    async def work(session):
        take = (await ensure_take(session, TakeSpec(one, 1, None))).take
        expire(small, session)
        got["body"] = (await prepared(session, TakeSpec(two, 1, take.last_frame, source=take))).body
        return take

    take = run(small, work)
    assert first_url(got["body"]) == f"{small.settings.public_url}/{take.last_frame.key}"


def test_where_neither_lives_it_is_said_before_money(small) -> None:
    with pytest.raises(UrlRefusedError, match="LONGTAKE_PUBLIC_URL"):
        chain(small, between=lambda session, _: expire(small, session), public_url=None)
    assert small.posts() == 1


def test_what_the_provider_cannot_serve_any_more_is_not_asked_for(small) -> None:
    one, two = small.resolved().shots

    async def work(session):
        take = (await ensure_take(session, TakeSpec(one, 1, None))).take
        session.assets.hosting.frames.clear()
        cut = take.last_frame.model_copy(update={"source": "clip"})
        polls = small.books()["tasks"][0]["polls"]
        for old in (
            {"kept_at": datetime.now(UTC) - timedelta(hours=25)},
            {"account": "of another key"},
            {"last_frame": cut},
        ):
            parent = take.model_copy(update=old)
            assert needs_host(session.assets, two, parent)
            wanted = TakeSpec(two, 1, parent.last_frame, source=parent)
            assert first_url((await prepared(session, wanted)).body).startswith(small.settings.public_url)
        assert small.books()["tasks"][0]["polls"] == polls

    run(small, work)


def test_a_frame_url_that_must_not_be_used_is_not_sent(small) -> None:
    one, two = small.resolved().shots

    async def work(session):
        take = (await ensure_take(session, TakeSpec(one, 1, None))).take
        for url in ("http://192.168.1.7/0.png", "file:///etc/passwd", f"{small.provider.admin_url}/nothing.png"):
            remember_frame(session.assets, take.last_frame, url)
            body = (await prepared(session, TakeSpec(two, 1, take.last_frame))).body
            assert first_url(body).startswith(small.settings.public_url)
        session.assets.hosting.frames.clear()
        (small.folder / take.last_frame.key).unlink()
        session.assets.hosting.addresses.clear()
        with pytest.raises(StoreError, match="not in the store any more"):
            await prepared(session, TakeSpec(two, 1, take.last_frame))

    run(small, work)


# -- hosting again --------------------------------------------------------------------------------------------------------

FAILED = {"where": "submit", "what": "fail-80007", "times": 1}
REFUSED = {"where": "submit", "what": "refuse-30002", "times": 1}


@pytest.fixture
def pinned(small, tmp_path):
    board = HEAD + '  - {id: one, prompt: "p", first_frame: a.png}\n'
    return TakeSpec(small.resolved(board, base=_with_pins(tmp_path)).shots[0], 1, None)


def test_a_task_that_could_not_read_its_input_is_refunded_and_bought_once_more(small, pinned) -> None:
    small.faults(FAILED)
    got = run(small, lambda session: ensure_take(session, pinned))
    books = small.books()
    assert got.state == "bought"
    assert books["posts"] == {"received": 2, "charged": 2, "answered": 2}
    assert [task["refunded"] for task in books["tasks"]] == [got.take.credits, 0]
    assert books["balance"] == BUDGET - got.take.credits
    before, after = sent(small)
    assert before.partition("?")[0] == after.partition("?")[0]
    assert before != after
    state = ledger_of(small.settings, small.store).read()
    assert (state.debits, state.refunds) == (2 * got.take.credits, got.take.credits)


def test_a_refusal_because_an_input_was_not_read_costs_nothing_and_is_tried_again(small, pinned) -> None:
    small.faults(REFUSED)
    got = run(small, lambda session: ensure_take(session, pinned))
    books = small.books()
    assert books["posts"] == {"received": 2, "charged": 1, "answered": 1}
    assert books["balance"] == BUDGET - got.take.credits
    outcomes = [c.outcome for c in ledger_of(small.settings, small.store).log.history()]
    assert outcomes == ["refused", "settled"]


def test_inputs_are_hosted_again_a_limited_number_of_times(small, pinned) -> None:
    small.faults({"where": "submit", "what": "refuse-30002"})
    with pytest.raises(RefusedError, match="where the provider can read them") as caught:
        run(small, lambda session: ensure_take(session, pinned), max_attempts=2)
    assert caught.value.code == 30002
    assert (small.posts(), small.books()["balance"]) == (2, BUDGET)


def test_after_a_frame_that_was_not_read_ours_is_sent(small) -> None:
    got = chain(small, between=lambda *_: small.faults(FAILED))
    assert got.state == "bought"
    theirs, ours = sent(small)
    assert "/cdn/tasks/" in theirs
    assert ours.startswith(small.settings.public_url)


def test_every_rehosting_gives_a_url_never_sent_before_and_reads_all_of_it(hosted, tmp_path) -> None:
    studio, _ = hosted
    shot = studio.resolved(HEAD + PINS, base=_with_pins(tmp_path)).shots[0]

    async def work(session):
        identity = await identify(session.assets, TakeSpec(shot, 1, None))
        urls = [first_url((await upload(session.assets, identity, rehost=n)).body) for n in (0, 1, 2)]
        again = first_url((await upload(session.assets, identity)).body)
        path = studio.folder / f"media/{shot.inputs[0].sha256}.png"
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(UrlRefusedError, match="other bytes"):
            await upload(session.assets, identity, rehost=1)
        path.unlink()
        await upload(session.assets, identity, rehost=1)
        return urls, again

    urls, again = run(studio, work)
    assert len(set(urls)) == 3
    assert again == urls[-1], "what was not read once is not sent to others"


# -- presigned URLs ------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_bucket(small, bucket):
    """The studio with its store in a bucket."""
    settings = small.settings.model_copy(update={"store": f"s3://{bucket}/film", "public_url": None})
    return dataclasses.replace(small, settings=settings)


def seconds_of(url):
    return int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0])


def test_presigned_urls_outlive_queue_and_generation(in_bucket, pinned) -> None:
    async def work(session):
        identity = await identify(session.assets, pinned)
        for number, (longest_wait, least) in enumerate([(60, 86_000), (50_000, 100_000), (10**6, 604_000)]):
            use(session, settings=in_bucket.settings.model_copy(update={"longest_wait": longest_wait}))
            body = (await upload(session.assets, identity, rehost=number)).body
            assert least <= seconds_of(first_url(body)) <= 7 * 86_400

    run(in_bucket, work)


def test_a_presigned_input_that_was_not_read_gets_another_signature(in_bucket, pinned, caplog) -> None:
    in_bucket.faults(FAILED)
    with caplog.at_level(logging.DEBUG):
        got = run(in_bucket, lambda session: ensure_take(session, pinned))
    before, after = sent(in_bucket)
    signatures = [parse_qs(urlsplit(url).query)["X-Amz-Signature"][0] for url in (before, after)]
    assert len(set(signatures)) == 2
    assert in_bucket.books()["balance"] == BUDGET - got.take.credits
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("longtake"))
    assert not any(signature in ours for signature in signatures)
    assert "X-Amz" not in got.take.model_dump_json()


def test_with_both_kinds_of_url_the_other_one_is_tried(in_bucket, pinned, make_host, tmp_path) -> None:
    front = make_host(tmp_path / "front")
    file = front.root / f"media/{pinned.shot.inputs[0].sha256}.png"
    file.parent.mkdir(parents=True)
    file.write_bytes((tmp_path / "a.png").read_bytes())

    async def work(session):
        identity = await identify(session.assets, pinned)
        urls = [first_url((await upload(session.assets, identity, rehost=n)).body) for n in range(3)]
        front.gone.add(f"/media/{file.name}")
        return [*urls, *[first_url((await upload(session.assets, identity, rehost=n)).body) for n in (3, 4)]]

    urls = run(in_bucket, work, public_url=front.url)
    assert ["X-Amz-Signature" in url for url in urls] == [False, True, False, True, True]
    assert len(set(urls)) == 5
