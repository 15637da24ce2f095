"""The page and the table of a run: what they count, what they say to do, and that no text in them is markup."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from longtake.errors import TaskFailedError
from longtake.ledger import Attempt, Closed
from longtake.ledger.accounts import SpendLine
from longtake.ledger.purchase import Purchase
from longtake.report import Money, RunLedger, ShotOutcome, cut_short, page, rows
from longtake.report.words import link, plain

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MONEY = Money(planned=1920, charged=1600, refunded=320, in_doubt=320)
HOSTILE = (
    "<script>alert(1)</script> [x](javascript:alert(1)) ![y](https://evil.example/p.png) **b** `c` | https://evil.example "
    "www.evil.example a@evil.example\n# h\n- l\n1. n &lt;b&gt; ~~s~~"
)


def order(scene="one", shot="pier", *, run="this-run", take=1, film="a-film") -> Purchase:
    return Purchase(
        film=film, scene=scene, shot=shot, take=take, fingerprint=f"{shot}-{take}", description="d", model="m", run=run,
        expected=320, reserve=320,
    )  # fmt: skip


def attempt(name: str, phase: str, **of: str) -> Attempt:
    return Attempt(
        id=name, number=1, order=order(**of), owner="o", at=NOW, lease_until=NOW, since=NOW, phase=phase, task_id="task_1",
        reason="the connection was lost",
    )  # fmt: skip


def closed(name: str, outcome: str, *, charged: int = 0, refunded: int = 0, reason: str = "", **of: str) -> Closed:
    return Closed(
        id=name, number=1, order=order(**of), day="2026-11-22", outcome=outcome, charged=charged, refunded=refunded,
        reason=reason,
    )  # fmt: skip


def outcome(label: str, state: str = "bought", **fields) -> ShotOutcome:
    take = SimpleNamespace(take=1, credits=320, task_id="task_1", attempt="a2", checks=None)
    there = state in {"bought", "current", "stale"}
    return ShotOutcome(
        SimpleNamespace(label=label), state, take if there else None, (take,) if there else (), seconds=4.2, **fields
    )


def plan(**shots: int):
    """Scenes with shots to buy, by what each is expected to cost."""
    return SimpleNamespace(shots=[SimpleNamespace(scene=name, expected=cost) for name, cost in shots.items()])


def made(outcomes=(), *, books=None, scenes=None, title="T", notes=(), links=None) -> str:
    return page(
        title, outcomes, plan=plan(**(scenes or {})), money=MONEY, books=books or RunLedger("a-film", "this-run"),
        links=links or {}, notes=notes,
    )  # fmt: skip


def test_plan_against_actual_is_told_by_scene_for_this_run_only() -> None:
    books = RunLedger(
        "a-film",
        "this-run",
        [attempt("a9", "accepted", scene="two"), attempt("a10", "in_doubt", scene="two")],
        [
            closed("a2", "settled", charged=320),
            closed("a4", "refunded", charged=320, refunded=320),
            closed("a6", "settled", charged=320, run="another-run"),
        ],
    )
    text = made(books=books, scenes={"one": 320, "two": 640, "three": 0})
    assert "| one | 1 | 320 | 640 | 320 | 0 | 0 |" in text
    assert "| two | 1 | 640 | 0 | 0 | 320 | 320 |" in text
    assert "| three |" not in text
    assert "| **all** | 3 | 960 | 640 | 320 | 320 | 320 |" in text


def test_many_scenes_share_a_line() -> None:
    text = made(scenes={f"s{number}": 320 for number in range(100)})
    assert "| 60 more | 60 | 19,200 | 0 | 0 | 0 | 0 |" in text
    assert text.count("\n| ") < 50


def test_a_film_that_needed_nothing_says_so() -> None:
    assert "Nothing had to be bought." in made([outcome("one/pier", "current")], scenes={"one": 0})


def test_a_doubt_is_named_with_what_to_do() -> None:
    books = RunLedger("a-film", "this-run", [attempt("a7", "in_doubt"), attempt("a8", "in_doubt", film="another")])
    text = made(books=books)
    assert "* **a7** one/pier · take 1: 320 credits, may have been charged (the connection was lost)" in text
    assert "`longtake credits reconcile`" in text
    assert "`longtake credits resolve a7`" in text
    assert "a8" not in text


def test_refunds_say_what_failed_and_which_did_not_come() -> None:
    failed = closed("a4", "refunded", charged=320, refunded=320, reason="the generation service failed")
    books = RunLedger("a-film", "this-run", (), [failed, closed("a2", "settled", charged=320)], ("a4", "a1"))
    text = made(books=books)
    assert "* a4 one/pier · take 1: 320 credits, **not in the balance yet** (the generation service failed)" in text
    assert "not in the balance: a1" in text


def test_what_is_not_there_says_why() -> None:
    error = TaskFailedError("refused by policy", task_id="t", code=80006, retryable=False)
    text = made([outcome("one/pier"), outcome("one/wreck", "failed", error=error)])
    assert "1 bought in this run, 0 were there, 1 missing" in text
    assert "* **one/wreck** failed: refused by policy" in text


def test_a_cancelled_run_says_what_it_leaves_open() -> None:
    books = RunLedger("a-film", "this-run", [attempt("a7", "accepted"), attempt("a8", "accepted", shot="boat")])
    text = cut_short("a-film", books, links={"store": "s3://bucket/films"})
    assert "2 attempts are under way (640 credits); the next run takes them up" in text
    assert "| one/boat · take 1 | a8 | accepted | 320 | task\\_1 |" in text
    assert "nothing is under way" in cut_short("a-film", RunLedger("a-film", "this-run"), links={})


def test_no_text_brings_markup_into_the_page() -> None:
    error = TaskFailedError(HOSTILE, task_id="t", code=80006, retryable=False)
    books = RunLedger("a-film", "this-run", (), [closed("a4", "refunded", refunded=320, reason=HOSTILE)])
    text = made([outcome("one/wreck", "failed", error=error)], books=books, title=HOSTILE, notes=[HOSTILE])
    ours = {"# ", "## ", "* ", "| ", "**"}
    for line in text.splitlines():
        bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", line)
        assert not re.search(r"[<>\[\]`~&@]|https?:|www\.", bare), line
        assert not line or line[:2] in ours or line[:3] == "## " or line[0].isalpha(), line


@pytest.mark.parametrize("text", ["- item", "1. item", "= title", "    code", "+ item", "> quote", "* item"])
def test_text_that_would_begin_a_block_does_not(text: str) -> None:
    assert not re.match(r"[-=+>*]|\d+[.)]|\s", plain(text))


def test_a_thousand_shots_make_no_page_of_a_thousand_lines() -> None:
    error = TaskFailedError("no", task_id="t", code=80006, retryable=False)
    outcomes = [outcome(f"one/s{number}", "failed", error=error) for number in range(1000)]
    text = made(outcomes, notes=[", ".join(f"one/s{number}" for number in range(1000))])
    assert len(text.splitlines()) < 100
    assert "… and 960 more" in text
    assert len(text) < 10_000


def test_a_place_is_a_link_only_where_it_is_a_plain_address() -> None:
    assert link("https://example.com/films/a/film.mp4") == "<https://example.com/films/a/film.mp4>"
    assert link("/films/a/film.mp4") == "`/films/a/film.mp4`"
    assert "<https" not in link("https://example.com/a b><img>")
    assert "`" not in link("/films/a`b").replace("\\`", "")


# -- the table -----------------------------------------------------------------------------------------------------------


def test_one_row_for_each_shot_one_for_what_is_gone_and_the_sums() -> None:
    lines = [
        SpendLine(scene="one", shot="pier", attempts=2, settled=320, refunded=320),
        SpendLine(scene="one", shot="old", attempts=1, settled=320),
    ]
    pier, boat, old, whole = rows(
        [outcome("one/pier"), outcome("one/boat", "blocked")], lines, seams={"one/pier": 9.5}, matched={"one/pier": 1.5}
    )
    assert (pier["shot"], pier["state"], pier["take"], pier["credits"]) == ("one/pier", "bought", 1, 320)
    assert (pier["seconds"], pier["attempt"], pier["attempts"]) == (4.2, "a2", 2)
    assert (pier["seam"], pier["matched"]) == (9.5, 1.5)
    assert (pier["settled"], pier["refunded"]) == (320, 320)
    assert (boat["state"], boat["take"], boat["credits"]) == ("blocked", None, None)
    assert (old["shot"], old["state"], old["settled"]) == ("one/old", "not in the storyboard", 320)
    assert (whole["shot"], whole["credits"], whole["settled"], whole["attempts"]) == ("all", 320, 640, 3)


def test_columns_of_what_did_not_happen_are_left_out() -> None:
    first, _ = rows(
        [outcome("one/pier")], [SpendLine(scene="one", shot="pier", attempts=1, settled=320)], seams={}, matched={}
    )
    assert {"in doubt", "written off", "reserved", "refunded", "seam", "matched"}.isdisjoint(first)
    assert {"shot", "state", "take", "credits", "seconds", "attempt", "settled", "note"} <= set(first)
