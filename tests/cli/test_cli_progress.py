"""Progress of a run: what a person sees on a terminal, and the lines elsewhere."""

from __future__ import annotations

import asyncio
import io
import logging

import pytest
from rich.console import Console

from longtake.cli import progress
from longtake.observer import Event, Step

PARENTS = {"dawn/rocks": None, "dawn/tower": "dawn/rocks", "dawn/keeper": "dawn/tower", "storm/lamp": None}


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def event(name, text="", **data):
    return Event(name, "film", "account", text, data=data)


def started(shown, *, to_buy=4):
    shown.notify(event("film.started", shots=4, to_buy=to_buy, planned=320 * to_buy, reserve=320 * to_buy))
    return shown


def poll(shown, clock, label, seconds):
    """The provider takes so many seconds for a take."""

    async def call():
        clock.now += seconds
        return "clip"

    assert asyncio.run(shown.around(Step("poll", label), call)) == "clip"


def bought(shown, clock, attempt, label, seconds=60.0):
    shown.notify(event("attempt.accepted", attempt=attempt, shot=f"{label} · take 1", credits=320))
    poll(shown, clock, f"{label} · take 1", seconds)
    shown.notify(event("take.kept", attempt=attempt, shot=label, credits=300))
    shown.notify(event("shot.done", shot=label, state="bought"))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def screen(clock):
    """A bar on a terminal of 80 columns, and what the terminal got."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, color_system=None, legacy_windows=False)
    return progress.Bar(PARENTS, clock, console=console), console


def drawn(bar, console):
    with console.capture() as found:
        console.print(bar.render())
    return [line.rstrip() for line in found.get().splitlines()]


# -- lines ---------------------------------------------------------------------------------------------------------------


def test_a_line_for_each_shot_that_is_not_current_and_some_for_the_join(capsys):
    with progress.Lines(PARENTS) as shown:
        started(shown)
        for label, state in zip(PARENTS, ("bought", "current", "current", "failed"), strict=True):
            shown.notify(event("shot.done", shot=label, state=state))
        for share in (0.1, 0.25, 0.3, 1.0):
            shown.notify(event("film.joining", share=share))
    assert capsys.readouterr().err.splitlines() == [
        "[ 22.5 %] dawn/rocks: bought",
        "[ 67.5 %] 2 shots are current",
        "[ 90.0 %] storm/lamp: failed",
        "[ 92.5 %] joining, 25 %",
        "[100.0 %] joining, 100 %",
    ]


def test_a_run_that_is_cancelled_says_what_it_leaves_open(capsys):
    with progress.Lines(PARENTS) as shown:
        shown.notify(event("film.cancelled", "cancelled: 1 attempt is under way", under_way=1, credits=320))
    assert capsys.readouterr().err == "cancelled: 1 attempt is under way\n"


def test_warnings_of_the_run_are_printed_with_it(capsys):
    log = logging.getLogger("longtake.test_progress")
    handler = progress.warnings(progress.Lines(PARENTS).say)
    log.addHandler(handler)
    log.warning("a seam may show")
    log.info("nothing to see")
    log.removeHandler(handler)
    assert capsys.readouterr().err == "longtake: a seam may show\n"


# -- the bar -------------------------------------------------------------------------------------------------------------


def test_the_bar_shows_shots_credits_time_left_and_what_is_in_flight(screen, clock):
    bar, console = screen
    assert drawn(bar, console) == ["starting: reading the storyboard and the store"]
    bought(started(bar), clock, "a1", "dawn/rocks")
    bar.in_flight = {"dawn/tower · take 1": clock.now, "storm/lamp · take 1": clock.now}
    first, second = drawn(bar, console)
    assert first.endswith("1/4 shots · 300 of 1,280 credits · about 3 min left")
    assert second == "2 in flight: dawn/tower · take 1, storm/lamp · take 1"
    assert max(map(len, (first, second))) <= 80


def test_many_takes_in_flight_stay_on_one_line(screen):
    bar, console = screen
    started(bar).in_flight = {f"dawn/shot-{n} · take 1": 0.0 for n in range(50)}
    lines = drawn(bar, console)
    assert len(lines) == 2
    assert lines[1].startswith("50 in flight: dawn/shot-0")
    assert len(lines[1]) <= 80


def test_lines_scroll_above_the_bar_and_nothing_of_it_stays(screen, clock):
    bar, console = screen
    with bar:
        bought(started(bar), clock, "a1", "dawn/rocks")
    line, _, after = console.file.getvalue().partition("[ 22.5 %] dawn/rocks: bought\n")
    assert "shots" not in line
    # The cursor is back, and the last thing that was drawn is erased.
    assert after.rpartition("shots")[2].endswith("\x1b[?25h\r\x1b[1A\x1b[2K")


# -- counting ------------------------------------------------------------------------------------------------------------


def test_refunds_are_no_cost_and_takes_of_other_runs_are_not_counted():
    shown = started(progress.Lines(PARENTS))
    shown.notify(event("attempt.accepted", attempt="a1", shot="dawn/rocks · take 1", credits=320))
    shown.notify(event("attempt.accepted", attempt="a2", shot="storm/lamp · take 1", credits=320))
    shown.notify(event("attempt.refunded", attempt="a1", shot="dawn/rocks · take 1", credits=320))
    shown.notify(event("take.kept", attempt="a0", shot="dawn/tower", credits=999))
    assert (shown.credits, shown.bought) == (320, 0)


def test_time_left_follows_the_longest_chain(clock):
    shown = started(progress.Lines(PARENTS, clock))
    assert shown.seconds_left is None
    bought(shown, clock, "a1", "storm/lamp", seconds=60)
    # Three shots of one chain are to come, one after another.
    assert shown.seconds_left == 180
    bought(shown, clock, "a2", "dawn/rocks", seconds=60)
    assert shown.seconds_left == 120
    shown.in_flight["dawn/tower · take 1"] = clock.now - 20
    assert shown.seconds_left == 100


def test_time_left_counts_rounds_where_few_takes_run_at_once(clock):
    shown = started(progress.Lines(dict.fromkeys(map(str, range(9))), clock), to_buy=9)
    bought(shown, clock, "a1", "0", seconds=60)
    assert shown.seconds_left == 8 * 60


def test_time_left_is_that_of_one_take_where_only_one_is_bought(clock):
    shown = started(progress.Lines(PARENTS, clock), to_buy=1)
    poll(shown, clock, "dawn/rocks · take 1", 60)
    assert shown.seconds_left == 60


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "a few seconds left"),
        (44, "about 40 s left"),
        (100, "about 2 min left"),
        (3540, "about 59 min left"),
        (3590, "about 1 h 0 min left"),
        (4500, "about 1 h 15 min left"),
    ],
)
def test_time_left_in_words(seconds, words):
    assert progress.time_left(seconds) == words


# -- which ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tty", "as_json", "env", "style"),
    [
        (True, False, {}, "bar"),
        (False, False, {}, "lines"),
        (True, True, {}, "lines"),
        (True, False, {"CI": "true"}, "lines"),
        (True, False, {"TERM": "dumb"}, "lines"),
    ],
)
def test_a_bar_only_for_a_person_at_a_terminal(monkeypatch, tty, as_json, env, style):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr.isatty", lambda: tty)
    assert progress.style(as_json=as_json) == style
