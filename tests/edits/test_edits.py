"""What an edit costs: each kind of edit on a film of 3 × 10 shots, as the provider's own books say it.

The table is that of docs/explanation/edits.md. The storyboard is tests/edits/conftest.py's: three scenes of ten shots, each shot
continuing the one before it, all at one price.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DOCUMENT = "docs/explanation/edits.md"
WAYS = ("bridge", "cascade", "keep")
FIVE = '{id: a5, prompt: "Shot 5 of scene a"}'


@dataclass(frozen=True)
class Edit:
    """A row: what a person changes, as pairs of old and new text, or shots to retake."""

    text: str
    change: tuple[tuple[str, str], ...] = ()
    retake: tuple[str, ...] = ()
    files: bool = False
    free: bool = False
    """The same under every way: one cell is run."""


def swapped() -> tuple[tuple[str, str], ...]:
    lines = [f'  - {{id: a{n}, prompt: "Shot {n} of scene a"}}\n' for n in (5, 6)]
    return ((lines[0] + lines[1], lines[1] + lines[0]),)


EDITS = [
    Edit("nothing", free=True),
    Edit("prompt of a shot in the middle", ((FIVE, FIVE.replace("Shot 5", "Shot five")),)),
    Edit("prompt of the last shot of a chain", (("Shot 10 of scene a", "The end of scene a"),), free=True),
    Edit("prompt of the first shot of a chain", (("Shot 1 of scene a", "The start of scene a"),)),
    Edit("duration of a shot in the middle", ((FIVE, FIVE.replace("}", ", duration: 2}")),)),
    Edit("model of a shot in the middle", ((FIVE, FIVE.replace("}", ", model: seedance-2.5-fast}")),)),
    Edit("bytes of a reference (of a chain's first shot)", files=True),
    Edit(
        "a reference's name and file, same bytes",
        (("keeper: keeper.png", "guard: guard.png"), ("[keeper]", "[guard]")),
        free=True,
    ),
    Edit("a shot put in between", (("  - " + FIVE, '  - {id: new, prompt: "A new shot"}\n  - ' + FIVE),)),
    Edit("a shot taken out", (("  - " + FIVE + "\n", ""),)),
    Edit("two shots exchanged", swapped()),
    Edit("a scene moved", (("- id: c\n", "- id: d\n"),), free=True),
    Edit("a shot's id", (("{id: a10,", "{id: last,"),), free=True),
    Edit("`--retake` of a shot in the middle", retake=("a5",)),
    Edit("`takes: 1` → `takes: 3`", ((FIVE, FIVE.replace("}", ", takes: 3}")),)),
    Edit("`use:` another kept take", (("takes: 2", "takes: 2, use: 2"),), free=True),
    Edit("sound", (("scenes:\n", "sound: {loudness: -16}\nscenes:\n"),), free=True),
    Edit("a transition", (("- id: b\n", "- id: b\n  transition: {kind: crossfade, seconds: 0.5}\n"),), free=True),
    Edit("title", (("title: Edit Me", "title: Edited"),), free=True),
]

# The others run through the same code; what a plan says of them is tested in tests/plan.
QUICK = {
    "nothing",
    "prompt of a shot in the middle",
    "a reference's name and file, same bytes",
    "`use:` another kept take",
}

CELLS = [
    pytest.param(
        number,
        edit,
        way,
        id=f"{edit.text}-{way}".replace(" ", "_").replace("`", ""),
        marks=[] if way == "bridge" and edit.text in QUICK else [pytest.mark.slow],
    )
    for number, edit in enumerate(EDITS)
    for way in (("bridge",) if edit.free else WAYS)
]
TABLE = sum(1 if edit.free else 3 for edit in EDITS)


@pytest.mark.parametrize(("number", "edit", "way"), CELLS)
def test_an_edit_buys_what_plan_and_document_say_and_nothing_the_second_time(number, edit, way, film, record_property):
    for old, new in edit.change:
        film.edit(old, new)
    if "guard.png" in film.board.read_text():
        (film.folder / "keeper.png").rename(film.folder / "guard.png")
    if edit.files:
        film.repaint()
    before, studio = film.debits(), film.studio
    planned = studio.plan(film.board, downstream=way, retake=edit.retake)
    first = studio.make_sync(film.board, downstream=way, retake=edit.retake)
    bought = film.debits()[len(before) :]
    assert sum(bought) == planned.expected == planned.downstream_prices[way]
    states = Counter(shot.state for shot in first.shots.values())
    text = told(bought, states["stale"])
    record_property(f"cell of {DOCUMENT}", [number, edit.text, way, text, TABLE])
    if "LONGTAKE_WRITE_DOCS" not in os.environ:
        assert documented().get((edit.text, way)) == text
    # And run again: nothing is bought, and the film is the same.
    written = first.path.stat().st_mtime_ns
    again = studio.make_sync(film.board)
    assert film.debits()[len(before) :] == bought
    assert (again.path, again.path.stat().st_mtime_ns) == (first.path, written)
    assert {shot.state for shot in again.shots.values()} <= {"current", "stale"}


def told(bought, stale):
    text = f"{len(bought)} take{'s' * (len(bought) != 1)}, {sum(bought)} credits" if bought else "nothing"
    return text + f"; {stale} stale" * bool(stale)


def documented():
    text = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8")
    lines = text.partition("<!-- table -->\n")[2].partition("<!-- /table -->")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(row[0], column): cell for row in rows[2:] for column, cell in zip(rows[0][1:], row[1:], strict=True)}


@pytest.mark.skipif("LONGTAKE_WRITE_DOCS" in os.environ, reason="it is being written")
def test_the_document_has_every_cell_and_no_other():
    assert {key for key, text in documented().items() if text != "–"} == {
        (edit.text, way) for edit in EDITS for way in (("bridge",) if edit.free else WAYS)
    }
