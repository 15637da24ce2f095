"""What goes wrong, through the command: one clear message, the right exit code, and nothing that was paid for is lost."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from longtake import media
from longtake.ledger import account_of

PRICE = 320


def shot(name, **keys):
    return {"id": name, "prompt": f"The {name} by the sea", **keys}


def told(ran):
    """What a person reads on standard error, without the line that leads to the run in the Prefect UI."""
    return [line for line in ran.err.splitlines() if "/runs/flow-run/" not in line and not line.startswith("[")]


# -- the surroundings are wrong ------------------------------------------------------------------------------------------


def test_a_wrong_key_ends_the_run_before_anything_is_sent(stage):
    here = stage()
    here.secrets.append("a-key-nobody-knows")
    board = here.board("Wrong key", {"one": [shot("pier")]})
    ran = here.run(board, code=2, LONGTAKE_API_KEY="a-key-nobody-knows")
    assert ran.answer["error"]["kind"] == "KeyRefusedError"
    assert len(told(ran)) == 1
    assert "401" in ran.err
    assert "LONGTAKE_API_KEY" in ran.err
    assert here.provider.posts == 0


@pytest.mark.slow
def test_no_credits_stops_the_run_and_keeps_what_was_bought(stage):
    here = stage(balance=PRICE + 10)
    board = here.board("No credits", {"one": [shot("pier"), shot("boat"), shot("gull")]})
    ran = here.run(board, code=3)
    assert ran.states == {"pier": "bought", "boat": "failed", "gull": "blocked"}
    assert ran.answer["film"] is None
    assert "402" in ran.answer["shots"][1]["error"]
    assert "add credits to the account" in ran.err
    assert here.provider.posts == 2
    assert here.credits()["total"]["settled"] == PRICE


def test_a_model_the_provider_does_not_offer(stage, tmp_path):
    lacking = tmp_path / "lacking.yaml"
    lacking.write_text("models: {seedance-2.5: null}\n")
    here = stage(catalog=lacking)
    ran = here.run(here.board("Not yet", {"one": [shot("pier"), shot("boat")]}), code=1)
    assert ran.states == {"pier": "failed", "boat": "blocked"}
    assert "404" in ran.err
    assert "seedance-2.5" in ran.err
    assert "choose another model" in ran.err
    assert here.provider.posts == 1
    assert here.credits()["total"]["reserved"] == 0


@pytest.mark.slow
def test_a_provider_that_is_not_there(stage):
    here = stage()
    with socket.socket() as taken:
        # Bound and not listening: connections are refused, and nobody else gets the port meanwhile.
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}/api/v1"
        ran = here.run(here.board("Dead", {"one": [shot("pier")]}), code=1, LONGTAKE_BASE_URL=dead)
    assert ran.states == {"pier": "failed"}
    assert "nothing was sent" in ran.err
    assert "LONGTAKE_BASE_URL" in ran.err
    totals = here.credits()["total"]
    assert (totals["reserved"], totals["in_doubt"], totals["settled"]) == (0, 0, 0)


# -- the provider misbehaves ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_html_instead_of_a_clip_is_fetched_again_not_bought_again(stage):
    here = stage({"where": "media", "what": "html"})
    board = here.board("Html", {"one": [shot("pier")]})
    ran = here.run(board, code=1)
    assert ran.states == {"pier": "failed"}
    assert "HTML instead of MP4" in ran.err
    assert ran.answer["credits"]["charged"] == PRICE
    here.provider.mend()
    ran = here.run(board)
    assert ran.states == {"pier": "bought"}
    assert here.provider.posts == 1
    assert media.probe(Path(ran.answer["film"])).frames == 97
    assert here.credits()["total"]["settled"] == PRICE == 100_000 - here.provider.books()["balance"]


@pytest.mark.slow
def test_failures_of_tasks_stay_where_they_belong(stage):
    """80006 blocks what hangs on it and nothing else; 80003 is refunded and asked again; a missing last frame is cut out."""
    here = stage(
        {"where": "submit", "what": "fail-80006", "match": "wreck"},
        {"where": "submit", "what": "fail-80003", "match": "pier", "times": 1},
        {"where": "submit", "what": "no-last-frame", "match": "pier"},
    )
    board = here.board("Mixed", {"one": [shot("wreck"), shot("diver")], "two": [shot("pier"), shot("boat")]})
    ran = here.run(board, code=1)
    assert ran.states == {"wreck": "failed", "diver": "blocked", "pier": "bought", "boat": "bought"}
    assert ran.answer["film"] is None
    assert ran.answer["credits"] == {
        "planned": 4 * PRICE, "charged": 4 * PRICE, "refunded": 2 * PRICE, "in_doubt": 0, "reserved": 0,
    }  # fmt: skip
    assert "2 of 4 shots are missing (640 credits to buy)" in ran.err
    assert "one/wreck" in ran.err
    assert "content policy" in ran.err
    assert "change the prompt" in ran.err
    prompts = [task["prompt"] for task in here.provider.tasks()]
    assert {name: sum(name in p for p in prompts) for name in ("wreck", "diver", "pier", "boat")} == {
        "wreck": 1, "diver": 0, "pier": 2, "boat": 1,
    }  # fmt: skip
    kept = {t["shot"]: t for t in (json.loads(p.read_text()) for p in (here.store / "takes").iterdir())}
    assert kept["two/pier"]["last_frame"]["source"] == "clip"
    assert (
        kept["two/boat"]["request"]["image_with_roles"][0]["url"]
        == f"sha256:{kept['two/pier']['last_frame']['sha256']}"
    )
    assert here.credits()["total"]["settled"] == 100_000 - here.provider.books()["balance"]


# -- money ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_budget_too_small_is_said_before_the_first_post(stage, events):
    here = stage()
    board = here.board("Too dear", {"one": [shot("pier"), shot("boat")]}, budget=2 * PRICE - 1)
    ran = here.run(board, code=3)
    assert ran.answer["error"]["kind"] == "BudgetError"
    assert told(ran) == [f"longtake: {ran.answer['error']['message']}. Next: {ran.answer['error']['next_step']}"]
    assert "640 credits" in ran.err
    assert "film budget of 639" in ran.err
    assert here.provider.posts == 0
    refused = events("longtake.budget.refused", "too-dear")[0]["payload"]
    assert (refused["scope"], refused["budget"], refused["needed"], refused["available"]) == ("film", 639, 640, 639)


@pytest.mark.slow
def test_a_budget_that_ends_in_mid_run_keeps_what_is_there(stage, tmp_path):
    """The provider charges twice the planned price, so that the plan fits and the film does not."""
    dearer = tmp_path / "dearer.yaml"
    rate = '{usd: "0.159632", as_of: 2026-11-01, source: "the provider, all of a sudden"}'
    dearer.write_text(f"models: {{seedance-2.5: {{rates: {{480p: {rate}}}}}}}\n")
    here = stage(catalog=dearer)
    board = here.board("Drift", {"one": [shot("pier"), shot("boat")]}, budget=2 * PRICE + 100)
    ran = here.run(board, code=3)
    assert ran.states == {"pier": "bought", "boat": "failed"}
    assert ran.answer["credits"]["charged"] > PRICE
    assert "1 of 2 shots are missing (320 credits to buy)" in ran.err
    assert "raise the budget" in ran.err
    assert here.provider.posts == 1
    assert here.credits()["total"]["settled"] == 100_000 - here.provider.books()["balance"]


@pytest.mark.slow
def test_a_lost_answer_is_in_doubt_and_never_bought_again(stage, events):
    here = stage({"where": "submit", "what": "drop-after", "match": "pier"})
    board = here.board("Doubt", {"one": [shot("pier")], "two": [shot("boat")]})
    ran = here.run(board, code=4)
    assert ran.states == {"pier": "in doubt", "boat": "bought"}
    assert ran.answer["credits"]["in_doubt"] == PRICE
    assert "longtake credits reconcile" in ran.err
    event = events("longtake.attempt.in-doubt", "doubt")[0]["payload"]
    assert event["shot"] == "one/pier · take 1"
    here.provider.mend()
    again = here.run(board, code=4)
    assert again.states == {"pier": "in doubt", "boat": "current"}
    assert here.provider.posts == 2
    # A person finds the task at the provider: it is taken up, not bought.
    lost = next(task["id"] for task in here.provider.tasks() if not task["told"])
    resolved = here.longtake("credits", "resolve", event["attempt"], "--adopt", lost, "--why", "seen at the provider")
    assert resolved.code == 0
    whole = here.run(board)
    assert whole.states == {"pier": "bought", "boat": "current"}
    assert here.provider.posts == 2


@pytest.mark.slow
def test_a_refund_that_does_not_come_is_told(stage, events):
    here = stage({"where": "submit", "what": "no-refund", "times": 1})
    ran = here.run(here.board("Unrefunded", {"one": [shot("pier")]}))
    assert ran.states == {"pier": "bought"}
    event = events("longtake.refund.missing", "unrefunded")[0]
    assert event["payload"]["attempt"]
    assert event["resource"]["longtake.account"] == account_of("127.0.0.1", here.provider.key)
    # Nothing is called refunded that did not come back: not in the answer, not in the accounts, not in the table.
    assert (ran.answer["credits"]["charged"], ran.answer["credits"]["refunded"]) == (2 * PRICE, 0)
    told = here.credits()
    assert told["total"] == {
        "attempts": 2, "estimate": PRICE, "settled": PRICE, "refunded": 0, "reserved": 0, "in_doubt": 0, "written_off": PRICE,
    }  # fmt: skip
    assert told["balance"]["expected"] == here.provider.books()["balance"] == 100_000 - 2 * PRICE
