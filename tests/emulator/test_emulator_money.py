from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from longtake.catalog import Catalog


def price(model="seedance-2.5", resolution="480p", seconds=4):
    return Catalog.load().price(model, resolution=resolution, seconds=seconds).credits


def test_charged_before_the_answer_and_settled_at_the_catalogs_price(stand):
    here = stand()
    answer = here.post(return_last_frame=True).json()
    assert answer == {**answer, "status": "processing", "output": None, "error": None, "model": "seedance-2.5"}
    assert answer["id"].startswith("task_")
    assert len(answer["id"]) == 37
    assert here.balance() == 100_000 - price()
    assert here.finish() == 1
    done = here.poll(answer["id"])
    assert done["status"] == "completed"
    assert done["usage"] == {"credits": price()}
    assert here.balance() == 100_000 - price()


def test_equal_posts_are_not_deduplicated(stand):
    here = stand()
    url = f"{here.base}/videos/generations"
    ids = {here.http.post(url, json=here.body(), headers={"Idempotency-Key": "same"}).json()["id"] for _ in range(3)}
    assert len(ids) == 3
    assert here.balance() == 100_000 - 3 * price()


@pytest.mark.parametrize("code", [80003, 80006, 80007])
def test_failed_tasks_are_refunded_before_they_show(stand, code):
    here = stand({"where": "submit", "what": f"fail-{code}"})
    task_id = here.submit()
    assert here.balance() == 100_000 - price()
    here.finish()
    assert here.balance() == 100_000
    failed = here.poll(task_id)
    assert failed["status"] == "failed"
    assert failed["error"]["code"] == code
    assert failed["output"] is None
    assert "usage" not in failed
    assert [entry["kind"] for entry in here.books()["entries"]] == ["debit", "refund"]


def test_no_refund_leaves_a_failed_task_paid(stand):
    here = stand({"where": "submit", "what": "no-refund", "match": "rocks"})
    failed = here.made()
    assert failed["status"] == "failed"
    assert here.balance() == 100_000 - price()
    assert here.books()["tasks"][0]["refunded"] == 0


def test_402_when_short_and_nothing_is_kept_of_it(stand):
    here = stand({"where": "submit", "what": "fail-80003", "times": 1}, balance=price() - 1)
    answer = here.post()
    assert answer.status_code == 402
    assert here.books()["entries"] == []
    assert here.books()["posts"] == {"received": 1, "charged": 0, "answered": 0}
    here.http.post(f"{here.admin}/balance", json={"add": 1})
    here.submit()  # the fault is still there: a refused request does not use it up
    here.finish()
    assert here.books()["tasks"][0]["status"] == "failed"


def test_concurrent_posts_never_overdraw(stand):
    here = stand({"where": "submit", "what": "fail-80003", "share": 0.5}, balance=10 * price() + 5)
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: here.post().status_code, range(40)))
    assert sorted(set(codes)) == [200, 402]
    assert codes.count(200) == 10
    assert here.balance() == 5
    books = here.books()
    assert sum(books["accounts"].values()) == books["opening"]
    assert len({entry["task"] for entry in books["entries"]}) == 10


@pytest.mark.slow
def test_open_length_holds_thirty_seconds_and_gives_the_rest_back(stand):
    here = stand({"where": "submit", "what": "slow"})
    model = "doubao-seedance-2.5-face"
    task_id = here.submit(model=model, duration=-1, resolution="720p")
    assert 100_000 - here.balance() == 8005  # provider-contract.md §2
    here.finish()
    used = here.poll(task_id)["usage"]["credits"]
    seconds = here.books()["tasks"][0]["seconds"]
    assert used == price(model, "720p", seconds)
    assert here.balance() == 100_000 - used


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, 10001), ("Basic dGVzdA==", 10002), ("Bearer", 10002), ("Bearer two words", 10002), ("Bearer other", 10003)],
)
@pytest.mark.parametrize("path", ["balance", "tasks/task_x", "videos/generations"])
def test_a_missing_or_a_wrong_key_is_refused(shared, header, code, path):
    headers = {"Authorization": header} if header else {}
    method = "POST" if path.startswith("videos") else "GET"
    answer = httpx.request(method, f"{shared.base}/{path}", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == code


def test_unknown_task_and_balance_not_offered(stand):
    here = stand(offers_balance=False)
    assert here.http.get(f"{here.base}/tasks/task_{'0' * 32}").status_code == 404
    assert here.http.get(f"{here.base}/balance").status_code == 404


def test_a_key_that_asks_too_often_is_told_when_to_ask_again(stand):
    here = stand(rate_limit=0.001)
    assert here.http.get(f"{here.base}/balance").status_code == 200
    limited = here.http.get(f"{here.base}/balance")
    assert limited.status_code == 429
    assert limited.json()["error"]["code"] == 50001
    assert int(limited.headers["retry-after"]) >= 1


@pytest.mark.slow
def test_a_submit_above_the_tasks_at_once_is_limited_and_free(stand):
    here = stand(max_in_flight=2)
    assert [here.post().status_code for _ in range(3)] == [200, 200, 429]
    assert here.books()["limits"] == {"refused": 1, "most_in_flight": 2}
    assert here.books()["posts"]["charged"] == 2
    here.finish()
    assert here.post().status_code == 200


def test_submits_above_the_rate_are_limited_and_polls_are_not(stand):
    here = stand(submits_per_second=0.001)
    task = here.submit()
    limited = here.post()
    assert (limited.status_code, limited.json()["error"]["code"], limited.headers["retry-after"]) == (429, 50001, "1")
    assert here.poll(task)["status"] == "processing"
    assert here.books()["limits"]["refused"] == 1


def test_external_moves_show_in_the_balance(stand):
    here = stand(balance=100)
    assert here.http.post(f"{here.admin}/balance", json={"add": -30}).json() == {"balance": 70}
    assert here.http.post(f"{here.admin}/balance", json={"add": -71}).status_code == 400
    assert here.http.post(f"{here.admin}/balance", json={"add": "1"}).status_code == 400
    assert here.balance() == 70
