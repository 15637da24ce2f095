"""The kept takes of a film, decisions on its shots and its snapshot, read from a store in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from boards import CHAIN, FILM
from memory_store import MemoryStore
from takes import CATALOG, take_of

from longtake import library, request, storyboard
from longtake.errors import StoreError
from longtake.library import Revision

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def shot():

    text = CHAIN.replace("duration: 1", "duration: 4")
    return request.resolve(storyboard.draft_text(text, name="board.yaml", base=None), CATALOG).shots[0]


class CountingStore(MemoryStore):
    """Notes what is read of it by key."""

    def __init__(self):
        super().__init__()
        self.read = []

    def get(self, key, **options):
        self.read.append(key)
        return super().get(key, **options)


@pytest.fixture
def store():
    return CountingStore()


def keep(store, shot, number, **fields):
    return library.save(store, take_of(shot, take=number, kept_at=NOON + timedelta(minutes=number), **fields))


def holdings(store, *takes):
    found = library.read_holdings(store, FILM)
    found.load({take.description for take in takes})
    return found


def test_takes_of_a_shot_are_found_by_what_they_are_takes_of_the_newest_last(store, shot):
    second, first = keep(store, shot, 2), keep(store, shot, 1)
    found = holdings(store, first)
    assert found.of(first.description) == [first, second]
    assert found.of("0" * 64) == []
    assert found.take(second.fingerprint) == second


def test_of_two_records_of_one_take_the_first_is_kept(store, shot):
    first = keep(store, shot, 1, credits=80)
    assert keep(store, shot, 1, credits=90) == first
    assert holdings(store, first).of(first.description) == [first]


def test_a_snapshot_spares_the_reading_of_each_record(store, shot):
    takes = [keep(store, shot, number) for number in (1, 2, 3)]
    found = holdings(store, *takes)
    found.save(run="a-run", used={"one": takes[1].fingerprint}, labels={"one": "s/one"})
    store.read.clear()
    again = holdings(store, *takes)
    assert again.of(takes[0].description) == takes
    assert again.used_before("one") == takes[1]
    assert [key.split("/")[0] for key in store.read] == ["films"]


def test_a_record_that_is_gone_does_not_count_whatever_the_snapshot_says(store, shot):
    takes = [keep(store, shot, number) for number in (1, 2)]
    holdings(store, *takes).save(run="a-run", used={"one": takes[0].fingerprint}, labels={"one": "s/one"})
    store.damage(library.key_of(takes[0].fingerprint))
    found = holdings(store, *takes)
    assert found.of(takes[0].description) == [takes[1]]
    assert found.used_before("one") is None


def test_a_snapshot_that_says_nothing_new_is_not_written_again(store, shot):
    take = keep(store, shot, 1)
    for _ in range(2):
        holdings(store, take).save(run="a-run", used={"one": take.fingerprint}, labels={"one": "s/one"})
    assert len(list(store.list(f"films/{FILM}/state/"))) == 1


def test_a_damaged_record_of_a_take_is_named(store, shot):
    take = keep(store, shot, 1)
    store.damage(library.key_of(take.fingerprint), b"{}")
    with pytest.raises(StoreError, match=f"{take.fingerprint}.* is not a take record"):
        holdings(store, take)


def revision(of, **fields):
    given = {
        "film": FILM,
        "shot": "one",
        "description": of.description,
        "redo": True,
        "follow": "keep",
        "run": "a-run",
    }
    return Revision(**{**given, **fields})


def test_decisions_are_read_in_order_and_the_last_one_on_a_take_counts(store, shot):
    take = keep(store, shot, 1)
    written = []
    for number, redo in ((2, True), (3, True), (1, False)):
        written.append(library.write_revision(store, revision(take, take=number, redo=redo), written)[0])
    found = holdings(store, take)
    assert found.decided("one", take.description) == written
    assert found.last_retake("one", take.description) == written[1]
    assert found.last_retake("two", take.description) is None


def test_of_two_runs_that_decide_at_once_one_decides_and_the_other_learns_it(store, shot):
    take = keep(store, shot, 1)
    mine, other = (revision(take, take=2, run=run) for run in ("mine", "other"))
    assert library.write_revision(store, mine, []) == (mine, True)
    assert library.write_revision(store, other, []) == (mine, False)
