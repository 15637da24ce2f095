from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from processes import until


def cut_short(here, url):
    """What arrives of a transfer that breaks, and the length that was promised."""
    got = b""
    with here.http.stream("GET", url) as answer:
        try:
            for chunk in answer.iter_bytes():
                got += chunk
        except (httpx.RemoteProtocolError, httpx.ReadError):
            return got, answer.headers["content-length"]
    raise AssertionError("the transfer did not break")


@pytest.mark.parametrize(
    ("what", "status"),
    [("429", 429), ("500", 500), ("503-before", 503), ("redirect", 307), ("refuse-30002", 400)],
)
def test_a_fault_before_charging_leaves_no_entry_and_no_task(stand, what, status):
    here = stand({"where": "submit", "what": what, "times": 1})
    assert here.post().status_code == status
    assert here.books()["entries"] == []
    assert here.books()["tasks"] == []
    assert here.post().status_code == 200


@pytest.mark.parametrize("what", ["500-after", "garbage", "html", "no-id"])
def test_after_charging_a_task_runs_that_nobody_was_told_of(stand, what):
    # Its fate is to fail, which spares the render.
    here = stand({"where": "submit", "what": what, "times": 1}, {"where": "submit", "what": "fail-80003"})
    answer = here.post()
    books = here.books()
    [task] = books["tasks"]
    assert task["id"] not in answer.text
    assert (task["status"], task["told"]) == ("processing", False)
    assert [entry["task"] for entry in books["entries"]] == [task["id"]]
    assert books["posts"] == {"received": 1, "charged": 1, "answered": 0}
    here.finish()
    assert here.poll(task["id"])["status"] == "failed"


@pytest.mark.parametrize(("what", "charged"), [("drop-before", 0), ("drop-after", 1)])
def test_a_dropped_connection_has_charged_or_not_as_its_name_says(stand, what, charged):
    here = stand({"where": "submit", "what": what, "times": 1})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        here.post()
    books = here.books()
    assert len(books["entries"]) == len(books["tasks"]) == charged
    assert all(task["status"] == "processing" and not task["told"] for task in books["tasks"])
    assert here.post().status_code == 200


def test_stall_charges_and_never_answers(stand):
    here = stand({"where": "submit", "what": "stall", "times": 1})
    with pytest.raises(httpx.ReadTimeout):
        here.http.post(f"{here.base}/videos/generations", json=here.body(), timeout=0.5)
    # A busy server may come to the request only after the client has given up.
    until(lambda: here.books()["posts"]["charged"], why="the request has arrived")
    assert here.books()["posts"] == {"received": 1, "charged": 1, "answered": 0}


def test_retry_after_in_both_forms(stand):
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    here = stand(
        {"where": "submit", "what": "429", "times": 1, "retry_after": 7},
        {"where": "submit", "what": "429", "times": 1, "retry_after": date},
        {"where": "submit", "what": "429", "times": 1},
    )
    answers = [here.post() for _ in range(3)]
    assert [answer.headers["retry-after"] for answer in answers] == ["7", date, "1"]
    assert {answer.json()["error"]["code"] for answer in answers} == {50001}


def test_polls_and_balance_fail_without_changing_anything(stand):
    here = stand({"where": "submit", "what": "fail-80003"})
    task_id = here.submit()
    kinds = ["429", "500", "503-before", "garbage", "html", "redirect"]
    rules = [{"where": where, "what": what, "times": 1} for where in ("poll", "balance") for what in kinds]
    assert len(here.http.post(f"{here.admin}/faults", json=rules).json()) == 1 + len(rules)
    statuses = [here.http.get(f"{here.base}/tasks/{task_id}").status_code for _ in kinds]
    assert statuses == [429, 500, 503, 200, 200, 307]
    assert [here.http.get(f"{here.base}/balance").status_code for _ in kinds] == statuses
    assert here.poll(task_id)["status"] == "processing"
    here.http.post(f"{here.admin}/faults", json=[{"where": "poll", "what": "drop-before"}])
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        here.poll(task_id)
    assert here.http.delete(f"{here.admin}/faults").json() == []
    assert here.poll(task_id)["id"] == task_id


def test_an_envelope_may_lack_usage_last_frame_or_id(stand):
    here = stand()
    task_id = here.made(return_last_frame=True)["id"]
    rules = [{"where": "poll", "what": what, "times": 1} for what in ("no-usage", "no-last-frame", "no-id")]
    here.http.post(f"{here.admin}/faults", json=rules)
    first, second, third, whole = (here.poll(task_id) for _ in range(4))
    assert "usage" not in first
    assert "last_frame_url" not in second["output"]
    assert "id" not in third
    assert {"usage", "id"} <= set(whole)
    assert "last_frame_url" in whole["output"]


def test_a_clip_may_be_expired_html_garbage_or_cut_short(stand):
    here = stand()
    url = here.made()["output"]["video_urls"][0]
    whole = here.http.get(url).content
    rules = [
        {"where": "media", "what": what, "times": 1} for what in ("expired", "html", "garbage", "500", "truncated")
    ]
    here.http.post(f"{here.admin}/faults", json=rules)
    assert here.http.get(url).status_code == 403
    assert here.http.get(url).headers["content-type"].startswith("text/html")
    garbage = here.http.get(url)
    assert garbage.headers["content-type"] == "video/mp4"
    assert garbage.content != whole
    assert here.http.get(url).status_code == 500
    got, said = cut_short(here, url)
    assert said == str(len(whole))
    assert whole.startswith(got)
    assert len(got) == len(whole) // 2
    assert here.http.get(url).content == whole


@pytest.mark.slow
def test_urls_expire_and_cannot_be_made_up(stand):
    here = stand()
    url = here.made()["output"]["video_urls"][0]
    assert here.http.get(url.partition("?")[0]).status_code == 403
    assert here.http.get(url.replace("signature=", "signature=0")).status_code == 403
    later = int(time.time()) + 10**8
    assert here.http.get(httpx.URL(url).copy_set_param("expires", str(later))).status_code == 403
    assert here.http.get(url.replace("0.mp4", "..%2f0.mp4")).status_code == 404
    short = stand(url_lifetime=0)
    assert short.http.get(short.made()["output"]["video_urls"][0]).status_code == 403
    fated = stand({"where": "submit", "what": "expired"})
    assert fated.http.get(fated.made()["output"]["video_urls"][0]).status_code == 403


def test_bad_rules_are_refused_whole(stand):
    here = stand()
    rules = [{"where": "submit", "what": "429"}, {"where": "submit", "what": "truncated"}]
    assert here.http.post(f"{here.admin}/faults", json=rules).status_code == 400
    assert here.http.get(f"{here.admin}/faults").json() == []


def test_admin_is_for_this_machine(stand):
    here = stand()
    forged = here.http.get(f"{here.admin}/books", headers={"X-Forwarded-For": "203.0.113.9"})
    assert forged.status_code == 200  # forwarded headers count for nothing, either way

    from longtake import emulator

    async def from_afar():
        app = emulator.app(emulator.Config())
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 4000))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x") as http,
        ):
            local = await http.get("/admin/books", headers={"X-Forwarded-For": "127.0.0.1"})
            return local.status_code

    assert asyncio.run(from_afar()) == 403
