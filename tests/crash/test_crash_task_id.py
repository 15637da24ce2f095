"""A store that fails while the task id is written: what was bought must not be lost, nor bought again."""

from __future__ import annotations

import shlex

import pytest


def test_a_store_that_comes_back_is_told(stage):
    cell = stage.cell()
    ended = cell.make("--failures", "2")
    assert ended.code == 0, ended.err
    assert cell.kinds().count("accepted") == 2
    assert [entry["kind"] for entry in cell.books()["entries"]] == ["debit", "debit"]
    assert ended.answer["drift"] == 0


@pytest.mark.slow
def test_the_task_id_is_shouted_and_adopted(stage):
    cell = stage.cell()
    ended = cell.make("--failures", "1000")
    task = cell.books()["tasks"][0]["id"]
    (error,) = ended.answer["errors"]
    assert ended.code == 4
    assert error["kind"] == "TaskIdNotRecordedError"
    assert task in error["message"]
    assert task in ended.err
    assert "accepted" not in cell.kinds()

    # The words the error gives are the command that takes it back, without anything in between.
    command = shlex.split(error["next_step"].split("`")[1])
    assert command[:4] == ["longtake", "credits", "resolve", error["attempt"]]
    said = cell.process(*command)
    assert said.code == 0, said.err
    assert cell.state().doubts() == []

    ended = cell.make()
    assert ended.code == 0, ended.err
    assert ended.answer["manifest"]["shots"][0]["used"]["task_id"] == task
    assert [(e["shot"], e["kind"]) for e in cell.books()["entries"]] == [("first", "debit"), ("second", "debit")]
    assert ended.answer["drift"] == 0
    assert cell.state().attempts == {}


def test_only_tasks_that_the_provider_knows_are_adopted_and_each_once(stage):
    cell = stage.cell(chained=False)
    for shot in ("first", "second"):
        cell.faults({"what": "drop-after"}, shot=shot)
    assert cell.make().code == 4
    first, second = (attempt.id for attempt in cell.state().doubts())
    task = cell.books()["tasks"][0]["id"]
    unknown = cell.command("resolve", first, "--adopt", "task_" + "0" * 32, "--why", "typed wrongly")
    assert unknown.code == 1
    assert "does not know" in unknown.err or "404" in unknown.err
    assert cell.command("resolve", first, "--adopt", task, "--why", "found").code == 4  # the other is still in doubt
    twice = cell.command("resolve", second, "--adopt", task, "--why", "found")
    assert twice.code == 1
    assert "belongs to attempt" in twice.err
    assert [attempt.id for attempt in cell.state().doubts()] == [second]
