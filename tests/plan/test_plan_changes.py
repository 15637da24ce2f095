"""Retakes and edited shots: what becomes of the shots after them, what is bought, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from memory_store import MemoryStore
from takes import take_of

from longtake import library, plan, request, storyboard
from longtake.catalog import Catalog
from longtake.errors import SettingsError, StoryboardError
from longtake.ledger.realm import realm_of
from longtake.library import Checks, Frame, Revision, Take, write_revision
from longtake.settings import Settings

CATALOG = Catalog.load()
SETTINGS = Settings(base_url="https://reapi.example/api/v1")
FIELDS = {"realm": realm_of(SETTINGS.host), "digests": {}}
PLAIN = {
    "duration": 5,
    "size": "16:9",
    "resolution": "480p",
    "generate_audio": False,
    "return_last_frame": True,
}
"""What a request said besides model and prompt before any constant field was sent."""
SHOTS = ("one", "two", "three", "four")
BOARD = """
schema: longtake/1
title: Change Me
model: seedance-2.5
defaults: {resolution: 480p, duration: 5}
scenes:
  - id: a
    shots:
      - {id: one, prompt: "One"}
      - {id: two, prompt: "Two"}
      - {id: three, prompt: "Three"}
      - {id: four, prompt: "Four"}
"""


def digest(text: str) -> str:
    return text.encode().hex().ljust(64, "0")[:64]


class Film:
    """A store with takes in it, and plans of a storyboard against it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.text = BOARD
        self.clock = datetime(2026, 11, 1, tzinfo=UTC)

    @property
    def board(self):
        return request.resolve(storyboard.draft_text(self.text, name="b.yaml", base=Path(__file__).parent), CATALOG)

    def plan(self, **options):
        return plan.make(self.board, catalog=CATALOG, store=self.store, settings=SETTINGS, film="change-me", **options)

    def row(self, shot: str, **options):
        return next(row for row in self.plan(**options).shots if row.id == shot)

    def states(self, **options) -> str:
        return " ".join(row.state for row in self.plan(**options).shots)

    def bought(self, **options) -> list[str]:
        return [row.id for row in self.plan(**options).shots for _ in range(row.to_buy)]

    def keep(self, shot_id: str, *, take: int = 1, last: str | None = None, **more) -> Take:
        """A take as if it had been bought; it begins where the take used before it ends, and ends with a frame of its own."""
        shot = self.board.shot(shot_id)
        before = next((row for row in self.statuses() if row.shot.id == shot.parent), None)
        frame = more.pop("frame", before.used.last_frame.sha256 if before is not None and before.used else None)
        self.clock += timedelta(minutes=1)
        last_frame = Frame(key="media/x.png", sha256=digest(last or f"{shot_id} {take}"), source="clip")
        given = {"last_frame": last_frame, "film": "change-me", "kept_at": self.clock, **more}
        return library.save(self.store, take_of(shot, take=take, frame=frame, **given))

    def keep_all(self) -> dict[str, Take]:
        return {shot: self.keep(shot) for shot in SHOTS}

    def take_library(self):
        return library.read_holdings(self.store, "change-me")

    def statuses(self):
        comparison = plan.Comparison(self.board, self.take_library(), catalog=CATALOG, realm=realm_of(SETTINGS.host))
        return list(plan.statuses(comparison).values())

    def leave(self, *, whole: bool = True) -> None:
        """What a run leaves at its end."""
        comparison = plan.Comparison(self.board, self.take_library(), catalog=CATALOG, realm=realm_of(SETTINGS.host))
        used = {one.shot.id: one.used.fingerprint for one in plan.statuses(comparison).values() if one.used}
        labels = {shot.id: shot.label for shot in self.board.shots}
        comparison.take_library.save(run="r", used=used, labels=labels, whole=whole)

    def decide(self, shot_id: str, *, take: int, follow: str, redo: bool = True, **more) -> Revision:
        shot = self.board.shot(shot_id)
        description = request.description(shot, **FIELDS)
        known = self.take_library().decided(shot_id, description)
        self.clock += timedelta(minutes=1)
        revision = Revision(
            film="change-me",
            shot=shot_id,
            description=description,
            take=take,
            redo=redo,
            follow=follow,
            run="r",
            at=self.clock,
            **more,
        )
        return write_revision(self.store, revision, known)[0]

    def edit(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new)


@pytest.fixture
def film():
    return Film()


def test_what_is_kept_costs_nothing(film):
    film.keep_all()
    assert film.states() == "current current current current"
    assert film.plan().expected == 0
    assert film.plan().joined == "to join"


def test_a_changed_shot_is_pinned_to_the_kept_one_after_it_and_nothing_else_is_bought(film):
    film.keep_all()
    film.leave()
    film.edit('"Two"', '"Two, at night"')
    assert film.states() == "current missing current current"
    assert film.bought() == ["two"]
    row = film.row("two")
    assert row.pinned_to == "a/three"
    assert [str(reason) for reason in row.reasons] == ["prompt: Two → Two, at night"]


def test_the_three_ways_after_a_changed_shot_have_their_prices(film):
    film.keep_all()
    film.edit('"Two"', '"Two, at night"')
    price = film.row("one").expected or film.board.shot("one").expected.credits
    assert film.plan().downstream_prices == {"bridge": price, "cascade": 3 * price, "keep": price}
    assert film.bought(downstream="cascade") == ["two", "three", "four"]
    assert film.bought(downstream="keep") == ["two"]
    assert film.states(downstream="keep") == "current missing stale current"
    assert film.row("two", downstream="keep").pinned_to is None


def test_the_file_says_which_way_and_the_command_overrules_it(film):
    film.keep_all()
    film.edit("model: seedance-2.5", "model: seedance-2.5\ndownstream: cascade")
    film.edit('"Two"', '"Two, at night"')
    assert film.bought() == ["two", "three", "four"]
    assert film.bought(downstream="keep") == ["two"]


def test_a_shot_that_starts_fresh_cannot_be_pinned_and_the_plan_says_so(film):
    film.keep_all()
    film.edit('"One"', '"One, at night"')
    assert film.bought() == ["one"]
    assert film.states() == "missing stale current current"
    assert film.row("one").pinned_to is None
    assert "starts fresh" in film.row("one").no_bridge
    film.edit('"One, at night"', '"One"')
    with pytest.raises(SettingsError, match="cannot be pinned"):
        film.plan(retake=["one"], downstream="bridge")


def test_a_led_take_makes_the_kept_one_after_it_current_for_good(film):
    kept = film.keep_all()
    film.edit('"Two"', '"Two, at night"')
    end = Frame(key="media/e.png", sha256="e" * 64, source="clip")
    film.decide("two", take=1, follow="bridge", redo=False, end=end, bridges=kept["three"].fingerprint)
    assert film.bought() == ["two"]
    film.keep("two", end="e" * 64, bridges=kept["three"].fingerprint, last="another")
    assert film.states() == "current current current current"
    assert film.plan(downstream="cascade").expected == 0
    # The shot after it is changed: it continues the led take, which stays.
    film.edit('"Three"', '"Three, later"')
    assert film.bought() == ["three"]
    assert film.row("three").pinned_to == "a/four"


def test_a_retake_buys_one_new_take_and_uses_it(film):
    film.keep_all()
    assert film.bought(retake=["two"]) == ["two"]
    assert film.bought(retake=["a/two", "two"]) == ["two"]
    film.decide("two", take=2, follow="keep")
    row = film.row("two")
    assert (row.state, row.to_buy, [str(r) for r in row.reasons]) == ("missing", 1, ["retake"])
    assert film.bought(retake=["two"]) == ["two"], "the retake that is not carried out yet is carried out, not doubled"
    film.keep("two", take=2)
    assert film.states() == "current current stale current"
    assert film.row("two").used == 2
    assert film.bought(retake=["two"]) == [], "the run that asked for it did not come to its end"
    film.leave()
    assert film.bought(retake=["two"]) == ["two"], "and now it is a third take"


def test_a_retake_is_pinned_to_the_kept_shot_after_it(film):
    kept = film.keep_all()
    assert film.states(retake=["two"]) == "current missing current current"
    end = Frame(key="media/e.png", sha256="e" * 64, source="clip")
    film.decide("two", take=2, follow="bridge")
    film.decide("two", take=2, follow="bridge", end=end, bridges=kept["three"].fingerprint)
    film.keep("two", take=2, end="e" * 64, bridges=kept["three"].fingerprint, last="new")
    assert film.states() == "current current current current"
    assert film.row("two").used == 2


def test_a_cascade_that_was_broken_off_goes_on(film):
    film.keep_all()
    film.decide("two", take=2, follow="cascade")
    assert film.bought() == ["two", "three", "four"]
    film.keep("two", take=2)
    assert film.bought() == ["three", "four"]
    film.keep("three", last="three again")
    assert film.bought() == ["four"]
    film.keep("four")
    assert film.plan().expected == 0


def test_an_old_cascade_does_not_reach_a_later_change(film):
    film.keep_all()
    film.decide("two", take=2, follow="cascade")
    for shot, take in (("two", 2), ("three", 1), ("four", 1)):
        film.keep(shot, take=take, last=f"{shot} after the cascade")
    assert film.plan().expected == 0
    film.edit('"Three"', '"Three, later"')
    assert film.bought() == ["three"]
    assert film.row("three").pinned_to == "a/four"


def test_use_and_a_retake_contradict_each_other(film):
    film.keep_all()
    film.edit('prompt: "Two"', 'prompt: "Two", use: 1')
    with pytest.raises(SettingsError, match="use: 1") as caught:
        film.plan(retake=["two"])
    assert "remove `use`" in caught.value.next_step


def test_use_pins_an_older_take_against_a_retake(film):
    film.keep_all()
    film.decide("two", take=2, follow="keep")
    film.keep("two", take=2)
    film.edit('prompt: "Two"', 'prompt: "Two", use: 1')
    assert film.states() == "current current current current"
    assert film.row("two").used == 1


def test_a_retake_of_a_shot_that_is_not_there_is_nothing_more(film):
    assert film.bought(retake=["two"]) == ["one", "two", "three", "four"]
    with pytest.raises(SettingsError, match="no shot has the id tow") as caught:
        film.plan(retake=["tow"])
    assert "two" in caught.value.next_step


def test_takes_are_chosen_by_their_checks(film):
    film.edit('{id: four, prompt: "Four"}', '{id: four, prompt: "Four", takes: 3}')
    for shot in ("one", "two", "three"):
        film.keep(shot)
    for number, (passed, score) in enumerate([(False, 0.3), (True, 0.8), (True, 0.9)], 1):
        film.keep("four", take=number, checks=Checks(passed=passed, score=score))
    assert film.row("four").used == 2
    film.edit("takes: 3", "takes: 3, pick: best")
    assert film.row("four").used == 3
    film.edit("pick: best", "use: 1")
    assert film.row("four").used == 1
    assert film.plan().expected == 0


def test_where_no_take_passed_the_first_is_used(film):
    film.keep("one", checks=Checks(passed=False, score=0.1))
    assert (film.row("one").state, film.row("one").used) == ("current", 1)


def test_changing_use_leaves_the_shot_and_makes_the_next_one_stale(film):
    film.edit('prompt: "Two"', 'prompt: "Two", takes: 2')
    film.keep("one")
    film.keep("two")
    film.keep("two", take=2)
    film.keep("three")
    film.keep("four")
    assert film.plan().expected == 0
    film.edit("takes: 2", "takes: 2, use: 2")
    assert film.states() == "current current stale current"
    assert film.plan().expected == 0
    assert film.bought(downstream="cascade") == ["three", "four"]


def test_use_of_a_take_that_is_not_there_names_the_line(film):
    film.keep_all()
    film.edit('prompt: "Two"', 'prompt: "Two", use: 4')
    with pytest.raises(StoryboardError) as caught:
        film.plan()
    assert "b.yaml:10" in str(caught.value)
    assert "take 4 of two does not exist" in str(caught.value)


def test_one_more_take_is_one_more_to_buy_and_is_pinned_too(film):
    film.keep_all()
    film.edit('prompt: "Two"', 'prompt: "Two", takes: 2')
    assert film.bought() == ["two"]
    row = film.row("two")
    assert (row.used, row.pinned_to) == (1, "a/three")
    assert [str(reason) for reason in row.reasons] == ["take 2 is missing"]


def test_an_inserted_shot_is_pinned_to_the_one_after_it(film):
    film.keep_all()
    film.leave()
    film.edit("      - {id: three,", '      - {id: new, prompt: "New"}\n      - {id: three,')
    assert film.bought() == ["new"]
    assert film.row("new").pinned_to == "a/three"
    assert [str(reason) for reason in film.row("new").reasons] == ["new"]


def test_a_removed_shot_leaves_the_next_one_stale_and_is_named(film):
    film.keep_all()
    film.leave()
    film.edit('      - {id: two, prompt: "Two"}\n', "")
    found = film.plan()
    assert film.states() == "current stale current"
    assert (found.expected, found.removed) == (0, ("a/two",))
    assert "the last frame of one" in str(found.shots[1].reasons[0])


def test_every_changed_field_is_said(film):
    film.keep_all()
    film.leave()
    film.edit('prompt: "Four"', 'prompt: "Four", duration: 8, model: seedance-2.5-fast, generate_audio: true')
    assert {str(reason) for reason in film.row("four").reasons} == {
        "duration: 5 → 8",
        "generate_audio: false → true",
        "model: seedance-2.5 → seedance-2.5-fast",
    }


def test_a_record_that_is_gone_does_not_count_whatever_the_snapshot_says(film):
    film.keep_all()
    film.leave()
    name = film.statuses()[3].used.fingerprint
    film.store.delete([library.key_of(name)])
    assert film.bought() == ["four"]


def test_a_snapshot_changes_nothing_but_the_number_of_requests(film):
    film.keep_all()
    before = film.plan()
    film.leave()
    assert film.plan() == before
    film.leave()
    assert len(list(film.store.list("films/change-me/state/"))) == 1


def test_of_long_texts_a_change_shows_what_differs() -> None:
    same = "The camera climbs the spiral stairs of the lighthouse, past "
    change = plan.Change(what="prompt", before=f"{same}lit windows, one move", after=f"{same}dark windows, in rain")
    assert str(change) == "prompt: …lit windows, one move → …dark windows, in rain"
    assert str(plan.Change(what="prompt", before=f"{same}it", after=same)).endswith(
        "…it → The camera climbs the spiral stairs of the lighthouse, past"
    )
    assert str(plan.Change(what="prompt", before="a", after="b" * 99)) == f"prompt: a → {'b' * 59}…"


SAME = BOARD.replace('"Three"', '"Two"')


def test_shots_alike_in_a_chain_do_not_take_each_others_clips(film):
    film.text = SAME
    film.keep("one")
    two = film.keep("two")
    assert film.states() == "current current missing blocked"
    assert film.bought() == ["three", "four"]
    three = film.keep("three")
    film.keep("four")
    film.leave()
    film.edit('"One"', '"One, at night"')
    used = {one.shot.id: one.used for one in film.statuses()}
    assert (used["two"], used["three"]) == (two, three)
    assert film.states() == "missing stale current current"


def test_a_retake_after_a_run_that_failed_is_the_same_retake(film):
    film.keep_all()
    film.decide("two", take=2, follow="cascade")
    film.keep("two", take=2)
    film.leave(whole=False)
    assert film.bought(retake=["two"]) == ["three", "four"]
    film.keep("three", last="again")
    film.keep("four")
    film.leave()
    assert film.bought(retake=["two"])[0] == "two"


def test_a_bridge_leads_to_the_take_that_will_be_used(film):
    film.edit('prompt: "Three"', 'prompt: "Three", takes: 2')
    for shot in ("one", "two", "three"):
        film.keep(shot)
    second = film.keep("three", take=2)
    film.keep("four")
    film.leave()
    film.edit('"Two"', '"Two, at night"')
    film.edit("takes: 2", "takes: 2, use: 2")
    found = next(one for one in film.statuses() if one.shot.id == "two")
    assert found.bridges == second.fingerprint


def test_a_take_that_fails_its_checks_is_followed_by_one_more_at_a_time(film):
    film.edit("title:", "retakes: 2\ntitle:")
    bad = Checks(passed=False, score=0.5)
    film.keep("one", checks=bad)
    assert film.bought().count("one") == 1
    film.keep("one", take=2, checks=bad)
    assert film.bought().count("one") == 1
    film.keep("one", take=3, checks=bad)
    assert film.bought().count("one") == 0


def test_use_ends_retakes(film):
    film.edit("title:", "retakes: 2\ntitle:")
    film.keep("one", checks=Checks(passed=False, score=0.5))
    assert film.bought()[0] == "one"
    film.edit('prompt: "One"', 'prompt: "One", use: 1')
    assert film.bought()[0] == "two"


def test_a_field_that_every_request_carries_is_no_change_of_a_take_bought_without_it(film):
    film.text = BOARD.replace("model: seedance-2.5", "model: doubao-seedance-2.0")
    for shot in SHOTS:
        film.keep(shot, request={"model": "doubao-seedance-2.0", "prompt": shot.title(), **PLAIN})
    film.leave()
    assert film.states() == "current current current current"
    film.text = film.text.replace('prompt: "One"', 'prompt: "Other"')
    assert [str(change) for change in film.row("one").reasons] == ["prompt: One → Other"]


def test_a_change_of_the_model_does_not_show_the_same_value_under_two_names(film):
    film.text = BOARD.replace("model: seedance-2.5", "model: doubao-seedance-2.0")
    film.keep_all()
    film.leave()
    film.text = BOARD.replace("model: seedance-2.5", "model: seedance-2.0-mini")
    changes = [str(change) for change in film.row("one").reasons]
    assert changes == ["model: doubao-seedance-2.0 → seedance-2.0-mini"]
    film.text = BOARD
    assert [str(change) for change in film.row("one").reasons] == ["model: doubao-seedance-2.0 → seedance-2.5"]
