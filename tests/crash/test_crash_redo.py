"""SIGKILL while a shot in the middle of a chain is bought again: it is bought once more and once only, and nothing after it."""

from __future__ import annotations

import signal

import pytest

from longtake import library
from longtake import store as stores

MOMENTS = [
    f"{when} {what}"
    for what in ("redo", "frame", "lead", "intent", "accepted", "completed", "clip", "record")
    for when in ("before", "after")
]
QUICK = {"after accepted"}


def debits(cell):
    kinds = [(entry["shot"], entry["kind"]) for entry in cell.books()["entries"]]
    return {shot: kinds.count((shot, "debit")) - kinds.count((shot, "refund")) for shot in ("first", "second", "third")}


@pytest.fixture
def made(stage):
    cell = stage.cell(third=True)
    assert cell.make().code == 0
    assert debits(cell) == {"first": 1, "second": 1, "third": 1}
    return cell


def decisions(cell):
    take_library = library.read_holdings(stores.open(str(cell.stage.store)), f"cell-{cell.number}")
    return [revision for group in take_library.revisions.values() for revision in group]


@pytest.mark.parametrize("moment", [pytest.param(m, marks=() if m in QUICK else pytest.mark.slow) for m in MOMENTS])
def test_a_redo_that_dies_is_carried_out_once(made, moment):
    ended = made.make("--redo", "second", "--kill", moment)
    assert ended.code == -signal.SIGKILL, (ended.code, ended.out, ended.err)
    ended = made.make("--redo", "second")
    if ended.code == 4:  # the intent is there, and nobody knows whether its POST left
        made.reconcile()
        if made.state().doubts():
            task = next(t for t in made.books()["tasks"][::-1] if t["shot"] == "second")
            made.command("resolve", made.state().doubts()[0].id, "--adopt", task["id"], "--why", "found")
        ended = made.make("--redo", "second")
    assert ended.code == 0, (ended.out, ended.err)
    assert debits(made) == {"first": 1, "second": 2, "third": 1}
    again = made.make()
    assert again.code == 0
    assert debits(made) == {"first": 1, "second": 2, "third": 1}
    assert again.answer["states"] == {"first": "current", "second": "current", "third": "current"}
    assert again.answer["manifest"]["digest"] == ended.answer["manifest"]["digest"]
    last = decisions(made)[-1]
    assert (last.follow, last.end is not None) == ("bridge", True)
