"""SIGKILL at every arrow of the ledger's diagram, against a provider that did not accept, accepted, or accepted and refunded.

Each cell kills a real process at one point and then does what people do: run again; where that says "in doubt",
reconcile and run again; where that says that a person has to decide, look at the provider's own books and decide. What
it took is the cell's text, and docs/explanation/crash-points.md holds all of them.
"""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path

import pytest

DOCUMENT = "docs/explanation/crash-points.md"
COLUMNS = ("not accepted", "accepted", "accepted, failed, refunded")
REFUSED, TAKEN, REFUNDED = COLUMNS

PRICE = 80
"""Credits of a shot of the cells: 1 s of seedance-2.5 at 480p."""

FAIL = {"what": "fail-80003"}
LOST = {"what": "drop-after"}
STALL = {"what": "stall"}
SLOW = {"what": "slow", "seconds": 3600}

PLAIN = {REFUSED: [{"what": "429", "retry_after": "0"}], TAKEN: [], REFUNDED: [FAIL]}
ANSWER_LOST = {REFUSED: [{"what": "drop-before"}], TAKEN: [LOST], REFUNDED: [LOST, FAIL]}


@dataclass(frozen=True)
class Point:
    """A row: where the process dies, the provider's behavior per column, and what else is special about it.

    `quick` columns are in the quick run; the others go through the same code as one of these.
    """

    text: str
    kill: str
    faults: dict[str, list[dict]]
    scene: str = "buying"
    count: int = 1
    shot: str = "first"
    quick: tuple[str, ...] = ()
    late: bool = False
    """Whether the first clip is kept only when the second shot is accepted: else the kill may hit its POST, or not."""


def only(*columns, faults=PLAIN):
    return {column: faults[column] for column in columns}


def both(text, name, faults, *, before=(), after=(), **options):
    """The two points around one write, each with its quick columns."""
    quick = {"before": before, "after": after}
    return [Point(f"{when} {text}", f"{when} {name}", faults, quick=quick[when], **options) for when in quick]


SLOWLY = {column: [SLOW, *PLAIN[column]] for column in (TAKEN, REFUNDED)}

POINTS = [
    *both("the intent", "intent", PLAIN, after=(TAKEN,)),
    Point("before the POST leaves", "before POST", PLAIN),
    Point(
        "the POST is charged, no answer yet", "during POST", {TAKEN: [STALL], REFUNDED: [STALL, FAIL]}, quick=(TAKEN,)
    ),
    Point("an answer to the POST is there, unread", "after POST", PLAIN, quick=(REFUNDED,)),
    Point("the connection broke, not yet noted", "after POST", ANSWER_LOST),
    *both("`refused`", "refused", only(REFUSED)),
    *both("`not_sent`", "not_sent", {REFUSED: []}, scene="deaf", after=(REFUSED,)),
    *both("`in_doubt`", "in_doubt", ANSWER_LOST, after=(TAKEN,)),
    *both("`accepted` (the task id)", "accepted", only(TAKEN, REFUNDED), before=(TAKEN,)),
    *both("`accepted` of the second shot", "accepted", only(TAKEN, REFUNDED), count=2, shot="second"),
    Point("in polling", "in processing", SLOWLY, quick=(REFUNDED,)),
    Point("the end is seen, not yet noted", "in completed", only(TAKEN)),
    *both("`completed`", "completed", only(TAKEN)),
    *both("`failed`", "failed", only(REFUNDED)),
    *both("`refunded`", "refunded", only(REFUNDED)),
    *both("the clip is kept", "clip", only(TAKEN), late=True, after=(TAKEN,)),
    *both("the last frame is kept", "frame", only(TAKEN)),
    *both("the last frame is recorded", "frames", only(TAKEN), after=(TAKEN,)),
    *both("the intent of the second shot, no clip kept yet", "intent", PLAIN, count=2, shot="second", late=True),
    Point("before the second POST leaves, no clip kept yet", "before POST", PLAIN, count=2, shot="second", late=True),
    Point(
        "an answer to the second POST is there, no clip kept yet",
        "after POST",
        PLAIN,
        count=2,
        shot="second",
        late=True,
    ),
    *both(
        "`accepted` of the second shot, no clip kept yet",
        "accepted",
        only(TAKEN, REFUNDED),
        count=2,
        shot="second",
        late=True,
        before=(TAKEN,),
    ),
    *both("the take's record", "record", only(TAKEN), late=True),
    *both("`settled`", "settled", only(TAKEN), late=True),
    Point("in joining", "in joining", only(TAKEN), scene="joining"),
    *both("the film is kept", "film", only(TAKEN), scene="joining"),
    *both("the manifest", "manifest", only(TAKEN), scene="joining"),
    *both("the barrier of a reconciliation", "barrier", ANSWER_LOST, scene="reconciling", after=(TAKEN,)),
    Point("before its first verdict", "before verdict", ANSWER_LOST, scene="reconciling"),
    Point("between two verdicts", "after verdict", ANSWER_LOST, scene="reconciling", quick=(TAKEN,)),
    *both("the barrier is lifted", "lifted", ANSWER_LOST, scene="reconciling"),
    *both(
        "`refunded`, seen in the balance",
        "refunded",
        {REFUNDED: [LOST, SLOW, FAIL]},
        scene="late refund",
        after=(REFUNDED,),
    ),
    *both("a person's `adopted`", "adopted", only(TAKEN, faults=ANSWER_LOST), scene="adopted"),
    *both("a person's `not_charged`", "not_charged", only(REFUSED, faults=ANSWER_LOST), scene="not_charged"),
    *both(
        "a person's `written_off`", "written_off", only(TAKEN, faults=ANSWER_LOST), scene="written_off", after=(TAKEN,)
    ),
]

CELLS = [
    pytest.param(
        number,
        point,
        column,
        id=f"{point.text}-{column}".replace(" ", "_").replace("`", ""),
        marks=[] if column in point.quick else [pytest.mark.slow],
    )
    for number, point in enumerate(POINTS)
    for column in point.faults
]


@pytest.mark.parametrize(("number", "point", "column"), CELLS)
def test_killed_at(number, point, column, stage, record_property):
    text = SCENES[point.scene](stage, point, column)
    record_property(f"cell of {DOCUMENT}", [number, point.text, column, text, len(CELLS)])
    if "LONGTAKE_WRITE_DOCS" not in os.environ:
        assert documented().get((point.text, column)) == text


BEHIND_DOORS = [
    ("after the intent", TAKEN),
    ("the POST is charged, no answer yet", TAKEN),
    ("the connection broke, not yet noted", REFUSED),
    ("before `accepted` (the task id)", TAKEN),
    ("after `accepted` (the task id)", TAKEN),
    ("after `accepted` of the second shot", TAKEN),
    ("in polling", REFUNDED),
    ("in polling", TAKEN),
    ("after `failed`", REFUNDED),
    ("before the clip is kept", TAKEN),
    ("after the clip is kept", TAKEN),
    ("after the last frame is kept", TAKEN),
    ("before the take's record", TAKEN),
    ("after the take's record", TAKEN),
    ("after `settled`", TAKEN),
]
"""Cells whose process makes the film through the public API: they go through the same code, entered in another way."""

DOORS = ("studio", "steps", "generate")
"""What makes the film until the kill (tests/crash/worker.py)."""

QUICK = 1
"""How many of the points above have a cell in `make test`."""


def behind_doors():
    """Each point through each door, made whole through the same door or by `longtake run`, in turns.

    The kill is what a door can change, because it decides which code dies; the second door only reads what lies in the store. So
    each point has one cell in the slow run, and these six kinds of cells (three doors, two ways on) take turns. `make test-deep`
    runs each point through each door.
    """
    for number, (text, column) in enumerate(BEHIND_DOORS):
        for turn, door in enumerate(DOORS):
            then = "run" if (number + turn) % 2 else door
            name = f"{door}-{then}-{text}-{column}".replace(" ", "_").replace("`", "")
            marks = [] if number < QUICK else [pytest.mark.slow]
            if turn != number % len(DOORS):
                marks = [pytest.mark.slow, pytest.mark.deep]
            yield pytest.param(door, then, text, column, id=name, marks=marks)


def test_the_cells_behind_doors_cover_what_each_run_promises():
    cells = [(*one.values, {mark.name for mark in one.marks}) for one in behind_doors()]
    finished = [
        (door, "run" if then == "run" else "same", (text, column), marks) for door, then, text, column, marks in cells
    ]
    sides = [set(DOORS), {"same", "run"}, set(BEHIND_DOORS)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert {(cell[one], cell[other]) for cell in finished} == set(product(sides[one], sides[other]))
    shown = [cell for cell in finished if "deep" not in cell[3]]
    assert [point for _, _, point, _ in shown] == BEHIND_DOORS
    assert {(door, then) for door, then, _, _ in shown} == set(product(DOORS, ("same", "run")))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("door", "then", "text", "column"), list(behind_doors()))
def test_killed_behind_a_door(door, then, text, column, stage):
    (point,) = [point for point in POINTS if point.text == text]
    assert buying(stage, point, column, door=door, then=then) == documented()[text, column]


@pytest.mark.skipif("LONGTAKE_WRITE_DOCS" in os.environ, reason="it is being written")
def test_the_document_has_every_cell_and_no_other():
    assert {key for key, text in documented().items() if text != "–"} == {
        (point.text, column) for point in POINTS for column in point.faults
    }


def documented():
    text = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8")
    lines = text.partition("<!-- table -->\n")[2].partition("<!-- /table -->")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(row[0], column): cell for row in rows[2:] for column, cell in zip(rows[0][1:], row[1:], strict=True)}


# -- what happens before the kill, and the kill --------------------------------------------------------------------------


def killed(ended):
    assert ended.code == -signal.SIGKILL, (ended.code, ended.out, ended.err)


def at(point):
    return "--kill", point.kill, "--count", point.count


def buying(stage, point, column, **doors):
    cell = stage.cell(**doors)
    cell.faults(*point.faults[column], shot=point.shot)
    # A user's own flow calls the tasks in a row: it buys the second shot when the first clip is kept.
    late = ["--late"] if point.late and cell.doors[0] in {"make", "studio"} else []
    killed(cell.make(*at(point), *late))
    cell.advance()
    return story(cell, point.shot)


def deaf(stage, point, column):
    """Nobody listens where the POST goes: a port that was free a moment ago and stays reserved for us."""
    cell = stage.cell()
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        killed(cell.make(*at(point), "--deaf", reserved.getsockname()[1]))
    return story(cell, point.shot)


def joining(stage, point, _column):
    """Both takes lie in the store from another film; only the joining is this film's."""
    cell = stage.cell(like=stage.made())
    killed(cell.make(*at(point)))
    return story(cell, point.shot)


def doubtful(stage, point, column, *, chained=True):
    """A film whose first shot, or both where they are not chained, came into doubt because the answer was lost."""
    cell = stage.cell(chained=chained)
    for shot in ("first",) if chained else ("first", "second"):
        cell.faults(*point.faults[column], shot=shot)
    ended = cell.make()
    assert ended.code == 4, (ended.out, ended.err)
    assert len(cell.state().doubts()) == (1 if chained else 2)
    if SLOW not in point.faults[column]:
        cell.advance()
    return cell


def reconciling(stage, point, column):
    cell = doubtful(stage, point, column, chained=False)
    said = "held" if column == TAKEN else "not_charged"
    killed(cell.process("reconcile", "--kill", point.kill.replace("verdict", said)))
    return story(cell, "first", "second")


def late_refund(stage, point, column):
    """The charge shows, is held, and comes back before the next reconciliation, which dies."""
    cell = doubtful(stage, point, column)
    assert cell.reconcile().answer["held"]
    assert cell.advance() == 1
    killed(cell.process("reconcile", *at(point)))
    return story(cell, point.shot)


def verdict(stage, point, column):
    cell = doubtful(stage, point, column)
    attempt = cell.state().doubts()[0].id
    said = cell.books()["tasks"][0]["id"] if point.scene == "adopted" else point.scene
    killed(cell.process("verdict", "--attempt", attempt, "--verdict", said, *at(point)))
    return story(cell, point.shot, lost=point.kill == "after written_off")


SCENES = {
    "buying": buying,
    "deaf": deaf,
    "joining": joining,
    "reconciling": reconciling,
    "late refund": late_refund,
    "adopted": verdict,
    "not_charged": verdict,
    "written_off": verdict,
}


# -- what happens after it -----------------------------------------------------------------------------------------------


def story(cell, *shots, lost=False):
    """Do what people do until the film is whole; check the money after each step; tell it in a few words."""
    steps = []
    for _ in range(4):
        check_books(cell, lost=lost)
        ended = cell.make()
        if ended.code == 0:
            check_whole(cell, ended, shots, lost=lost)
            return f"{' → '.join([*steps, 'whole'])}; {money(cell, shots)}"
        steps += undecided(cell, ended)
    raise AssertionError(f"the film does not get whole: {steps}, {cell.kinds()}")


def undecided(cell, ended):
    """The run said that an attempt is in doubt: reconcile, and where it is sure that it was charged, be the person."""
    assert ended.code == 4, (ended.out, ended.err)
    errors = ended.answer["errors"]
    assert {error["kind"] for error in errors} == {"InDoubtError"}
    assert all(error["attempt"] in error["next_step"] for error in errors)
    check_books(cell)
    report = cell.reconcile().answer
    check_books(cell)
    assert report["undecided"] == []
    assert report["refunds_missing"] == []
    if not report["held"]:
        assert report["not_charged"] or report["refunded"]
        return [
            "in doubt",
            *(["not charged"] if report["not_charged"] else []),
            *(["refund seen"] if report["refunded"] else []),
        ]
    assert report["not_charged"] == report["refunded"] == []
    assert report["needs_person"] == report["held"]
    again = cell.make()
    assert again.code == 4, "what is held is not bought again"
    check_books(cell)
    for attempt in cell.state().doubts():
        task = next(t for t in cell.books()["tasks"] if t["shot"] == attempt.order.shot)
        assert "written down" in cell.command("resolve", attempt.id, "--adopt", task["id"], "--why", "found").out
    return ["in doubt", "held", "adopted by a person"]


def check_books(cell, *, lost=False):
    """Never two debits for one take without a refund between them, nor more than one that nobody can explain."""
    for _, entries in groupby(sorted(cell.books()["entries"], key=lambda e: e["shot"]), key=lambda e: e["shot"]):
        status = 0
        for entry in entries:
            assert entry["credits"] == PRICE
            status += 1 if entry["kind"] == "debit" else -1
            assert status <= (2 if lost else 1)
    doubts = [attempt.order.fingerprint for attempt in cell.state().doubts()]
    assert len(doubts) == len(set(doubts))


def check_whole(cell, ended, shots, *, lost):
    """The film is there, each of its takes was paid for once, and ledger and provider agree to the credit."""
    check_books(cell, lost=lost)
    manifest, place = ended.answer["manifest"], Path(ended.answer["film"])
    assert manifest["frames"] == 2 * 25 - cell.chained  # the frame that both shots have is shown once
    assert place.is_file()
    assert place.with_name("manifest.json").is_file()
    assert ended.answer["drift"] == 0
    books, state = cell.books(), cell.state()
    moved = sum(e["credits"] if e["kind"] == "debit" else -e["credits"] for e in books["entries"])
    assert moved == (3 if lost else 2) * PRICE
    assert state.attempts == {}
    assert state.debits - state.refunds == sum(state.films.values()) == (moved if cell.buys else 0)
    assert state.expected_balance == state.checked.balance == books["balance"]
    assert {shot["used"]["task_id"] for shot in manifest["shots"]} <= {
        t["id"] for t in books["tasks"] if not t["refunded"]
    }


def money(cell, shots):
    """What the provider's books hold for the take that was hit; where two were, the same for each."""
    found = set()
    for shot in shots:
        kinds = [entry["kind"] for entry in cell.books()["entries"] if entry["shot"] == shot]
        debits, refunds = kinds.count("debit"), kinds.count("refund")
        found.add(f"{debits} debit{'s' * (debits > 1)}" + f", {refunds} refund{'s' * (refunds > 1)}" * bool(refunds))
    assert len(found) == 1
    return found.pop()
