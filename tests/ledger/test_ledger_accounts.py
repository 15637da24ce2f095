"""Where every credit went, and the command that says so: against an emulator over HTTP and a store on disk."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading

import pytest
from purchases import claim

from longtake import cli
from longtake import store as stores
from longtake.ledger import Ledger, accounts
from longtake.ledger.attempt import day_of

run = asyncio.run
AMOUNTS = ("attempts", "estimate", "settled", "refunded", "reserved", "in_doubt", "written_off")


def amounts(line):
    return {name: getattr(line, name) for name in AMOUNTS if getattr(line, name)}


def by_shot(ledger):
    return {line.shot: amounts(line) for line in accounts.grouped(accounts.lines(ledger), ("shot",))}


# -- lines ---------------------------------------------------------------------------------------------------------------


def test_every_credit_has_a_line(buyer) -> None:
    here = buyer(
        {"what": "fail-80003", "match": "of storm.", "times": 1},
        {"what": "fail-80006", "match": "of crowd."},
        {"what": "no-refund", "match": "of fog.", "times": 1},
        dearer=True,
    )
    run(here.buy(calm=1, storm=2, crowd=3))
    here.lose("gone", charged=True)
    run(here.buy(fog=1, gone=4))
    attempt = claim(here.ledger, "open", credits=77).attempt
    assert by_shot(here.ledger) == {
        "calm": {"attempts": 1, "estimate": 80, "settled": 100},
        "storm": {"attempts": 2, "estimate": 160, "settled": 200, "refunded": 160},
        "crowd": {"attempts": 1, "refunded": 240},
        "fog": {"attempts": 2, "estimate": 80, "settled": 100, "refunded": 80},
        "gone": {"attempts": 1, "in_doubt": 320},
        "open": {"attempts": 1, "reserved": 77},
    }
    here.ledger.not_sent(attempt, "it was only a claim")
    here.ledger.resolve(here.attempts()["gone"].id, "written_off", who="me", why="not worth asking")
    lines = by_shot(here.ledger)
    assert lines["gone"] == {"attempts": 1, "written_off": 320}
    assert lines["open"] == {"attempts": 1}


def test_a_missing_refund_is_a_loss_and_no_second_attempt(buyer) -> None:
    here = buyer({"what": "no-refund", "match": "of fog.", "times": 1})
    run(here.buy(fog=1))
    assert by_shot(here.ledger) == {"fog": {"attempts": 2, "estimate": 80, "settled": 80, "written_off": 80}}
    assert 50_000 - here.balance() == 160


@pytest.mark.slow
def test_sums_agree_whatever_they_are_grouped_by(buyer) -> None:
    here = buyer({"what": "fail-80003", "times": 1, "match": "of b."})
    run(here.buy(a=1, b=2, film="one"))
    run(here.buy(c=4, film="two"))
    lines = accounts.lines(here.ledger)
    whole = accounts.total(lines)
    assert (whole.attempts, whole.settled, whole.refunded) == (4, 80 + 160 + 320, 160)
    for by in (("film",), ("scene",), ("shot",), ("day",), ("film", "scene", "shot")):
        assert amounts(accounts.total(accounts.grouped(lines, by))) == amounts(whole)
    films = {line.film: line.settled for line in accounts.grouped(lines, ("film",))}
    assert films == {"one": 240, "two": 320}
    assert films == here.ledger.read().films
    assert {line.day: line.settled for line in accounts.grouped(lines, ("day",))} == here.ledger.read().days
    assert [line.shot for line in accounts.lines(here.ledger, film="two")] == ["c"]


CLOSED = 50
"""Attempts that close while they are read: four entries each, so that two checkpoints are written on the way."""


def test_nothing_is_missed_or_counted_twice_while_attempts_close(tmp_path) -> None:
    store = stores.open(str(tmp_path))
    writer, reader = Ledger(store, "account"), Ledger(store, "account")
    done = threading.Event()

    def work():
        try:
            for number in range(CLOSED):
                attempt = claim(writer, number, credits=50).attempt
                writer.accepted(attempt, f"task_{number:08d}")
                writer.completed(attempt, 50)
                writer.settled(attempt, clip="c" * 64)
        finally:
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        before = reader.read()
        known = [line.shot for line in accounts.lines(reader)]
        assert len(known) == len(set(known))
        assert len(known) >= len(before.attempts) + before.films.get("a-film", 0) // 50
    thread.join()
    assert accounts.total(accounts.lines(reader)).settled == CLOSED * 50


# -- the command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch, capsys):
    """`longtake credits` in this process, in the surroundings of a buyer: exit code, output and errors."""

    def call(here, *words):
        for name, value in here.env.items():
            monkeypatch.setenv(name, value)
        code = cli.main(["credits", *words])
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    return call


def test_credits_of_an_account_that_bought_nothing(buyer, command) -> None:
    code, out, _ = command(buyer())
    assert code == 0
    assert "nothing was bought yet" in out
    code, out, _ = command(buyer(), "--json")
    assert json.loads(out)["total"]["settled"] == code == 0


def test_credits_for_people(buyer, command) -> None:
    here = buyer()
    here.lose("gone", charged=True)
    run(here.buy(calm=1, gone=2))
    code, out, err = command(here)
    assert (code, err) == (4, "")
    for text in ("a-film", "s/calm", "s/gone", "80", "160", "50000 opening", "in doubt: a"):
        assert text in out
    assert here.key not in out


def test_credits_for_machines(buyer, command) -> None:
    here = buyer()
    here.lose("gone", charged=True)
    run(here.buy(calm=1, film="one"))
    run(here.buy(storm=3, gone=2, film="two"))
    code, out, _ = command(here, "--json")
    found = json.loads(out)
    assert code == 4
    assert {line["film"]: line["settled"] for line in found["films"]} == {"one": 80, "two": 240}
    assert {line["shot"]: line["in_doubt"] for line in found["shots"]} == {"calm": 0, "storm": 0, "gone": 160}
    assert {(line["film"], line["scene"]): line["attempts"] for line in found["scenes"]} == {
        ("one", "s"): 1,
        ("two", "s"): 2,
    }
    begun = {day_of(entry.at) for _, entry in here.ledger.log.entries() if entry.kind == "intent"}
    assert {line["day"] for line in found["days"]} == begun
    assert (found["total"]["estimate"], found["total"]["settled"], found["total"]["in_doubt"]) == (320, 320, 160)
    (doubt,) = found["in_doubt"]
    assert (doubt["film"], doubt["shot"], doubt["credits"], doubt["phase"]) == (
        "two",
        "s/gone · take 1",
        160,
        "in_doubt",
    )
    balance = found["balance"]
    assert balance["opening"] - balance["debits"] + balance["refunds"] + balance["adjustments"] == balance["expected"]
    assert balance["expected"] - 160 == here.balance()
    assert (balance["read"], balance["drift"]) == (50_000 - 80, 0), "read when all was quiet last"
    code, out, _ = command(here, "--film", "one", "--json")
    one = json.loads(out)
    assert (one["total"]["settled"], one["in_doubt"]) == (80, [])


def test_reconcile_by_command(buyer, command) -> None:
    here = buyer()
    here.lose("gone", charged=True)
    here.lose("free", charged=False)
    run(here.buy(calm=1, gone=2, free=4))
    code, out, _ = command(here, "reconcile", "--quiet", "0")
    assert code == 4
    assert "were not charged and may be bought again" in out
    assert "their tasks are lost" in out
    code, out, _ = command(here, "reconcile", "--quiet", "0", "--longest", "0", "--json")
    report = json.loads(out)
    assert code == 4
    assert report["held"] == report["needs_person"] == [here.attempts()["gone"].id]
    assert report["balance"] == here.balance()
    assert run(here.buy(free=4))["free"].state == "bought"


def test_adopting_by_command(buyer, command) -> None:
    here = buyer()
    here.lose("gone", charged=True)
    run(here.buy(gone=2))
    (doubt,) = here.attempts().values()
    code, _, err = command(here, "resolve", doubt.id, "--adopt", "task_of_nobody", "--why", "guess")
    assert code == 1
    assert "task_of_nobody" in err
    assert here.phases() == {"gone": "in_doubt"}, "a task the provider does not know is not adopted"
    task = here.task_of("gone")
    code, out, _ = command(here, "resolve", doubt.id, "--adopt", task, "--why", "seen in the list", "--who", "kim")
    assert (code, doubt.id in out) == (0, True)
    assert run(here.buy(gone=2))["gone"].take.task_id == task
    assert here.posts == 1
    said = [entry for _, entry in here.ledger.log.entries() if entry.kind == "adopted"]
    assert [(entry.who, entry.why) for entry in said] == [("kim", "seen in the list")]
    code, _, err = command(here, "resolve", doubt.id, "--adopt", task, "--why", "once more")
    assert code == 1
    assert "closed" in err


def test_a_task_is_adopted_once(buyer, command) -> None:
    here = buyer()
    here.lose("a", "b", charged=True)
    run(here.buy(a=1, b=1))
    doubts, task = here.attempts(), here.task_of("a")
    assert command(here, "resolve", doubts["a"].id, "--adopt", task, "--why", "x")[0] == 4, (
        "the other is still in doubt"
    )
    code, _, err = command(here, "resolve", doubts["b"].id, "--adopt", task, "--why", "x")
    assert code == 1
    assert doubts["a"].id in err


@pytest.mark.parametrize(("verdict", "spent"), [("--not-charged", 0), ("--write-off", 160)])
def test_giving_a_verdict_by_command(buyer, command, verdict, spent) -> None:
    here = buyer()
    here.lose("gone", charged=verdict == "--write-off")
    run(here.buy(gone=2))
    (doubt,) = here.attempts().values()
    assert command(here, "resolve", doubt.id, verdict, "--why", "asked the provider")[0] == 0
    assert here.ledger.read().used(film="a-film").film == spent
    assert run(here.check()).drift == 0
    assert run(here.buy(gone=2))["gone"].state == "bought"
    code, _, err = command(here, "resolve", doubt.id, verdict, "--why", "again")
    assert code == 1
    assert "not in doubt but closed" in err


def test_explaining_a_drift_by_command(buyer, command) -> None:
    here = buyer()
    run(here.buy(calm=1))
    here.emulator.top_up(2500)
    code, out, _ = command(here, "reconcile")
    assert code == 0, "a drift without a doubt stops nobody"
    assert "+2500 credits are unexplained since" in out
    assert "drift +2500" in command(here)[1]
    code, out, _ = command(here, "adjust", "2500", "--why", "bought on the site")
    assert (code, out) == (0, "+2500 credits: written down\n")
    assert command(here, "reconcile")[0] == 0
    assert "no drift" in command(here)[1]
    assert command(here, "adjust", "-10", "--why", "tried the playground")[0] == 0
    assert "-10 adjustments" not in command(here)[1], "adjustments are one sum"
    assert "+2490 adjustments" in command(here)[1]


def test_mistakes_at_the_command_are_told_without_a_traceback(buyer, command, monkeypatch, capsys) -> None:
    here = buyer()
    code, _, err = command(here, "resolve", "a1", "--not-charged", "--why", "x")
    assert code == 1
    assert "attempts in doubt now: none" in err
    for words in (
        ["resolve", "a1", "--why", "x"],
        ["resolve", "a1", "--not-charged"],
        ["adjust", "some", "--why", "x"],
    ):
        assert cli.main(["credits", *words]) == 2
    for name in ("LONGTAKE_API_KEY", "REAPI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    capsys.readouterr()
    assert cli.main(["credits", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "SettingsError"


@pytest.mark.slow
def test_as_a_process_the_exit_code_says_that_a_person_must_decide(buyer) -> None:
    here = buyer()
    here.lose("gone", charged=True)
    run(here.buy(gone=2))
    environment = {**os.environ, **here.env}
    longtake = [sys.executable, "-P", "-m", "longtake.cli", "credits"]
    done = subprocess.run([*longtake, "--json"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (4, "")
    (doubt,) = json.loads(done.stdout)["in_doubt"]
    words = ["resolve", doubt["attempt"], "--write-off", "--why", "gone"]
    assert subprocess.run([*longtake, *words], env=environment, capture_output=True, check=False).returncode == 0
