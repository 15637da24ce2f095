"""Inputs as the provider reads them: put once, called what they are, looked at once, handed on while they live."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from boards import HEAD
from input_host import PINS, chain, first_url, prepared, run, sent, with_pins
from pictures import png

from longtake.assets import can_host, needs_host, read_inputs, remember_frame
from longtake.errors import MediaError, StoreError, StoryboardError, UrlRefusedError
from longtake.media import ffmpeg
from longtake.take import TakeSpec, ensure_take

# -- put once, under the right name --------------------------------------------------------------------------------------


def test_an_object_is_put_and_looked_at_once_however_many_shots_use_it(hosted, tmp_path) -> None:
    account, host = hosted
    for name in ("a.png", "b.jpeg"):
        (tmp_path / name).write_bytes(png())
    shots = account.resolve(HEAD + PINS, base=tmp_path).shots

    async def work(session):
        takes = [TakeSpec(shot, take, None) for shot in shots for take in (1, 2)]
        return await asyncio.gather(*(prepared(session, take) for take in takes))

    urls = {first_url(one.body) for one in run(account, work)}
    (key,) = account.store.list("media/")
    assert urls == {f"{host.url}/{key}"}
    assert key.endswith(".png"), "the name said jpeg"
    assert (host.asked("GET"), host.asked("HEAD")) == ([f"/{key}"], [f"/{key}"])


def test_a_jpeg_that_is_called_png_is_hosted_as_what_it_is(hosted, tmp_path) -> None:
    account, host = hosted
    command = [ffmpeg.binary(), "-v", "error", "-f", "lavfi", "-i", "color=c=gray:s=64x36"]
    subprocess.run([*command, "-frames:v", "1", "-c:v", "mjpeg", "-f", "image2", str(tmp_path / "a.png")], check=True)
    shot = account.resolve(HEAD + PINS.splitlines()[0], base=tmp_path).shots[0]
    assert run(account, lambda session: ensure_take(session, TakeSpec(shot, 1, None))).state == "bought"
    assert sent(account) == [f"{host.url}/media/{shot.inputs[0].sha256}.jpg"]


@pytest.mark.parametrize(("there", "used"), [("jpeg", "jpeg"), ("png", "jpg")])
def test_what_lies_there_is_used_when_its_name_says_the_right_type(hosted, tmp_path, there, used) -> None:
    account, _ = hosted
    shot = account.resolve(HEAD + PINS, base=with_pins(tmp_path)).shots[0]
    shot = dataclasses.replace(shot, inputs=(dataclasses.replace(shot.inputs[0], format="jpeg"),))
    digest = shot.inputs[0].sha256
    account.store.put_file(f"media/{digest}.{there}", tmp_path / "a.png", content_type="image/jpeg")
    body = run(account, lambda session: prepared(session, TakeSpec(shot, 1, None))).body
    assert first_url(body).endswith(f"{digest}.{used}")


def test_a_host_that_answers_no_head_is_told_of_once(hosted, tmp_path, caplog) -> None:
    account, host = hosted
    host.heads = False
    shots = account.resolve(HEAD + PINS, base=with_pins(tmp_path)).shots

    async def work(session):
        return [await prepared(session, TakeSpec(shot, 1, None)) for shot in shots]

    with caplog.at_level(logging.WARNING, "longtake.take"):
        run(account, work)
    (told,) = [record.getMessage() for record in caplog.records if record.name == "longtake.take"]
    assert "HEAD" in told
    assert "LONGTAKE_PUBLIC_URL" in told
    assert (len(host.asked("GET")), len(host.asked("HEAD"))) == (2, 1)


def test_an_object_that_cannot_be_read_stops_before_money(hosted, tmp_path) -> None:
    account, host = hosted
    shot = account.resolve(HEAD + PINS, base=with_pins(tmp_path)).shots[0]
    host.gone.add(f"/media/{shot.inputs[0].sha256}.png")
    with pytest.raises(UrlRefusedError, match="answered 403"):
        run(account, lambda session: ensure_take(session, TakeSpec(shot, 1, None)))
    assert account.posts == 0


# -- inputs given as URLs ------------------------------------------------------------------------------------------------


def by_url(account, host, *names):
    named = {f"r{number}": f"{host.url}/{name}" for number, name in enumerate(names)}
    references = f"references: {json.dumps(named)}\nscenes:"
    shot = f"      - {{id: one, prompt: p, references: [{', '.join(named)}]}}\n"
    return account.resolve(HEAD.replace("scenes:", references) + shot)


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
    assert small.posts == 0


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


def test_a_chain_needs_no_public_url_while_the_providers_frames_live(small) -> None:
    got = chain(small, public_url=None)
    (url,) = sent(small)
    assert got.state == "bought"
    assert "/cdn/tasks/" in url
    assert "http" not in got.take.model_dump_json()
    assert not any("http" in (small.store.get(key) or b"").decode("latin-1") for key in small.store.list("ledger/"))


def test_an_earlier_runs_task_is_asked_for_its_frame(small) -> None:
    one, two = small.resolve().shots
    parent = run(small, lambda session: ensure_take(session, TakeSpec(one, 1, None)), public_url=None).take
    wanted = TakeSpec(two, 1, parent.last_frame, source=parent)
    assert run(small, lambda session: ensure_take(session, wanted), public_url=None).state == "bought"
    assert "/cdn/tasks/" in sent(small)[0]


EXPIRED = {"where": "media", "what": "expired"}


def expire(account, session):
    """The provider serves nothing any more, and what was seen of it was long ago."""
    account.faults(EXPIRED)
    for known in session.assets.hosting.frames.values():
        known.seen = 0.0


def test_after_its_end_our_kept_copy_is_sent(small) -> None:
    one, two = small.resolve().shots
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
    assert small.posts == 1


def test_what_the_provider_cannot_serve_any_more_is_not_asked_for(small) -> None:
    one, two = small.resolve().shots

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
    one, two = small.resolve().shots

    async def work(session):
        take = (await ensure_take(session, TakeSpec(one, 1, None))).take
        for url in ("http://192.168.1.7/0.png", "file:///etc/passwd", f"{small.emulator.admin_url}/nothing.png"):
            remember_frame(session.assets, take.last_frame, url)
            body = (await prepared(session, TakeSpec(two, 1, take.last_frame))).body
            assert first_url(body).startswith(small.settings.public_url)
        session.assets.hosting.frames.clear()
        (small.folder / take.last_frame.key).unlink()
        session.assets.hosting.addresses.clear()
        with pytest.raises(StoreError, match="not in the store any more"):
            await prepared(session, TakeSpec(two, 1, take.last_frame))

    run(small, work)
