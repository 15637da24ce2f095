"""`longtake credits`: where every credit went, and what a person must decide."""

from __future__ import annotations

import json

import pytest
from commands import KEY, PRICE
from purchases import claim

from longtake.ledger import Ledger, account_of
from longtake.store import open as open_store

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture
def ledger(settings, tmp_path):
    """An account with one settled take and one in doubt."""
    settings.setenv("LONGTAKE_API_KEY", KEY)
    settings.setenv("LONGTAKE_BASE_URL", "http://127.0.0.1:9/api/v1")
    found = Ledger(open_store(str(tmp_path / "store")), account_of("127.0.0.1", KEY))
    pier = claim(found, "pier", scene="one", film="the-pier", credits=PRICE).attempt
    found.accepted(pier, "task_0000000001")
    found.completed(pier, 300)
    found.settled(pier, clip="c" * 64)
    found.in_doubt(claim(found, "boat", scene="one", film="the-pier", credits=PRICE).attempt, "the answer was lost")
    return found


def doubt(ledger):
    return ledger.read().doubts()[0].id


def test_credits_say_where_everything_went_and_that_a_person_must_decide(longtake, ledger):
    code, out, _ = longtake("credits", "--json")
    told = json.loads(out)
    assert code == 4
    assert told["account"] == ledger.account
    assert told["total"] == {
        "attempts": 2, "estimate": PRICE, "settled": 300, "refunded": 0, "reserved": 0, "in_doubt": PRICE, "written_off": 0,
    }  # fmt: skip
    assert [line["shot"] for line in told["shots"]] == ["pier", "boat"]
    assert [line["film"] for line in told["films"]] == ["the-pier"]
    assert told["in_doubt"][0]["attempt"] == doubt(ledger)
    assert KEY not in out
    code, out, _ = longtake("credits")
    assert code == 4
    assert f"in doubt: {doubt(ledger)} one/boat · take 1, 320 credits: the answer was lost" in out
    code, out, _ = longtake("credits", "--json", "--film", "another")
    assert json.loads(out)["total"]["attempts"] == 0


def test_an_account_without_entries(longtake, settings):
    settings.setenv("LONGTAKE_API_KEY", KEY)
    code, out, _ = longtake("credits")
    assert code == 0
    assert "nothing was bought yet" in out


@pytest.mark.parametrize(
    ("verdict", "total"),
    [("--not-charged", {"in_doubt": 0, "written_off": 0}), ("--write-off", {"in_doubt": 0, "written_off": PRICE})],
)
def test_a_person_settles_a_doubt_and_says_why(longtake, ledger, verdict, total):
    attempt = doubt(ledger)
    code, out, _ = longtake("credits", "resolve", attempt, verdict, "--why", "looked it up", "--who", "me")
    assert code == 0
    assert attempt in out
    told = json.loads(longtake("credits", "--json")[1])["total"]
    assert {name: told[name] for name in total} == total
    *_, (_, last) = ledger.log.entries()
    assert (last.who, last.why) == ("me", "looked it up")
    code, _, err = longtake("credits", "resolve", attempt, verdict, "--why", "again")
    assert code == 1
    assert "is not in doubt" in err


def test_a_verdict_needs_a_reason(ledger, longtake):
    code, _, err = longtake("credits", "resolve", doubt(ledger), "--write-off")
    assert code == 2
    assert "--why" in err


def test_an_adjustment_is_an_entry_with_a_reason(longtake, ledger):
    code, out, _ = longtake("credits", "adjust", "5000", "--why", "bought")
    assert (code, "+5000 credits" in out) == (4, True)
    assert json.loads(longtake("credits", "--json")[1])["balance"]["adjustments"] == 5000
