"""`longtake gc`: it removes what nothing needs, and never what a plan, a run or a manifest needs."""

from __future__ import annotations

import hashlib
import os
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longtake import film as films
from longtake import housekeeping, library
from longtake import store as stores
from longtake.errors import StoreError
from longtake.housekeeping import garbage
from longtake.ledger import EntryLog, Purchase
from longtake.ledger.entries import Accepted, Intent
from longtake.library import inputs

NOW = timedelta(0)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def plant(store, key: str, *, data: bytes = b"rubbish") -> str:
    store.put_if_absent(key, data)
    return key


def rubbish(store) -> list[str]:
    """Objects that nothing needs, of every kind."""
    film = f"films/a-small-film/{digest('unfinished')[:32]}/"
    inputs.remember(store, "https://films.example/a.png", digest("before"))
    (old,) = store.list("inputs/")
    # A key counts down from far off: this one is the newer.
    newer = old.replace(old.split("/")[2].split("-")[0], "0" * 11).replace(digest("before"), digest("after"))
    plant(store, newer, data=b"{}\n")
    plant(store, "films/another-film/state/00000000000001-aaaaaaaa.json", data=b"{}")
    return [
        plant(store, f"media/{digest('a clip nobody names')}.mp4"),
        plant(store, f"media/{digest('a frame nobody names')}.png"),
        plant(store, f"tails/{digest('a clip nobody names')}.mp4"),
        plant(store, "frames/elsewhere.example-0123456789ab/a9.json"),
        plant(store, f"{film}film.mp4"),
        plant(store, f"{film}poster.jpg"),
        plant(store, "films/another-film/state/00000000000009-aaaaaaaa.json", data=b"{}"),
        old,
        *([] if store.path("probe/x") is None else [aged(store, "probe/0a-1.json"), aged(store, "probe/0b-1.json")]),
    ]


def aged(store, key: str) -> str:
    """An object of long ago; only a folder's can be made."""
    os.utime(store.path(plant(store, key)), (0, 0))
    return key


def keepsakes(store) -> list[str]:
    """Objects that stay, although no film has them."""
    log = EntryLog(store, "elsewhere.example-0123456789ab")
    log.append(lambda _state: intent(digest("an uploaded picture")))
    return [
        plant(store, f"media/{digest('an uploaded picture')}.png"),
        plant(store, f"media/{digest('after')}.png"),
        plant(store, f"tails/{digest('an uploaded picture')}.mp4"),
        plant(store, f"media/{digest('a frame to lead to')}.png"),
        plant(
            store,
            f"films/another-film/revisions/one/{digest('shot')}/000001.json",
            data=b'{"end": {"sha256": "%s"}}' % digest("a frame to lead to").encode(),
        ),
        plant(store, f"descriptions/{digest('shot')}/{digest('take')}.json"),
        plant(store, "frames/elsewhere.example-0123456789ab/a1.json"),
        plant(store, f"films/a-small-film/agreed/{'0' * 32}.json"),
        plant(store, "media/not-a-digest.mp4"),
        plant(store, "notes/of-a-person.txt"),
        plant(store, "films/a-small-film/poster-for-print.tiff"),
    ]


def intent(picture: str) -> Intent:
    order = Purchase(
        film="f", scene="s", shot="x", take=1, fingerprint="0", description="0", model="m", run="r", expected=1, reserve=1
    )  # fmt: skip
    now = datetime.now(UTC)
    return Intent(at=now, by="me", order=order, number=1, lease_until=now, body={"image_urls": [f"sha256:{picture}"]})


def gc(store, *, older_than: timedelta = NOW):
    return housekeeping.clear(store, housekeeping.survey(store, older_than=older_than))


@pytest.mark.slow
@pytest.mark.parametrize("where", ["studio", "remote_studio"])
def test_rubbish_goes_and_all_else_stays(request, where, write_board, longtake):
    studio = request.getfixturevalue(where)
    text = write_board("one: A, two: B", "three: C!")
    film, _ = studio.run(text)
    kept, planted = keepsakes(studio.store), rubbish(studio.store)
    before = set(studio.listed())
    code, answer, _ = longtake(studio, "gc", "--older-than", 0)
    assert code == 0
    assert [one["key"] for one in answer["garbage"]] == sorted(planted)
    assert set(studio.listed()) == before
    code, answer, _ = longtake(studio, "gc", "--older-than", 0, "--delete")
    assert (code, answer["bytes"], answer["unknown"]) == (0, sum(one["bytes"] for one in answer["garbage"]), 3)
    assert all(one["deleted"] for one in answer["garbage"])
    assert set(studio.listed()) == before - set(planted) >= set(kept)
    assert studio.to_buy(text) == (0, "there")
    rebuilt = films.rebuild(film.manifest, studio.store)
    assert (rebuilt.same, rebuilt.there) == (True, True)
    assert longtake(studio, "gc", "--older-than", 0)[1]["garbage"] == []


def test_what_is_young_is_left_alone(studio, write_board, longtake):
    studio.run(write_board("one: A"))
    planted = rubbish(studio.store)
    code, answer, _ = longtake(studio, "gc", "--delete")
    assert code == 0
    assert [one["key"] for one in answer["garbage"]] == sorted(planted[-2:])
    assert answer["young"] == len(planted) - 2
    os.utime(studio.store.path(planted[0]), (0, 0))
    _, out, _ = longtake(studio, "gc", as_json=False)
    assert planted[0] in out
    assert "gc --delete" in out
    assert f"{len(planted) - 3} objects younger than 24 h" in out


def test_a_film_is_no_rubbish_while_one_of_its_files_is_young(studio, longtake):
    folder = f"films/a-small-film/{digest('being joined')[:32]}/"
    os.utime(studio.store.path(plant(studio.store, f"{folder}film.mp4")), (0, 0))
    plant(studio.store, f"{folder}poster.jpg")
    assert longtake(studio, "gc", "--delete")[1]["garbage"] == []


@pytest.mark.slow
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_after_any_edits_a_film_costs_nothing_and_has_its_bytes(data, tmp_path_factory, clips, write_board, studio):
    place = tmp_path_factory.mktemp("films")
    mine = type(studio)(stores.open(str(place)), studio.folder, clips)
    made, planted = [], []
    for edit in range(data.draw(st.integers(1, 3))):
        prompts = data.draw(st.lists(st.sampled_from(["A", "B", "C!"]), min_size=3, max_size=3))
        text = write_board(f"one: {prompts[0]}, two: {prompts[1]}", f"three: {prompts[2]}")
        made.append((text, mine.run(text)[0]))
        planted.append(plant(mine.store, f"media/{digest(f'{place}{edit}')}.mp4"))
        if data.draw(st.booleans()):
            gc(mine.store)
    gc(mine.store)
    assert not set(planted) & set(mine.listed())
    for text, film in made:
        # An older film is found by its manifest; the storyboard it was made from buys nothing either.
        assert mine.to_buy(text)[0] == 0
        assert hashlib.sha256(mine.read(film.key)).hexdigest() == film.manifest.sha256
    assert films.rebuild(made[0][1].manifest, mine.store).there
    again, bought = mine.run(made[-1][0])
    assert (bought, again.made) == (0, False)


class Busy:
    """A store in which something happens the first time housekeeping lists the takes."""

    def __init__(self, store, happens) -> None:
        self._store, self._happens = store, happens

    def __getattr__(self, name):
        return getattr(self._store, name)

    def list(self, prefix, **options):
        if prefix == self._at and self._happens is not None:
            happens, self._happens = self._happens, None
            happens()
        return self._store.list(prefix, **options)

    _at = "takes/"


def test_a_take_that_is_kept_meanwhile_keeps_its_media(studio, write_board):
    text = write_board("one: A, two: B")
    # What a run brings in just now: media first, then the record.
    for number in range(2):
        studio.put(studio.clips[number][0], "mp4")
        studio.put(studio.clips[number][1], "png")
    busy = Busy(studio.store, lambda: studio.run(text))
    found = housekeeping.survey(busy, older_than=NOW)
    assert housekeeping.clear(busy, found) == ()
    assert studio.to_buy(text) == (0, "there")


def test_a_take_that_is_kept_between_looking_and_removing_keeps_its_media(studio, write_board):
    text = write_board("one: A")
    studio.put(studio.clips[0][0], "mp4")
    studio.put(studio.clips[0][1], "png")
    found = housekeeping.survey(studio.store, older_than=NOW)
    assert len(found.garbage) == 2
    film, _ = studio.run(text)
    assert housekeeping.clear(studio.store, found) == ()
    assert films.rebuild(film.manifest, studio.store).there


def test_what_is_named_or_begun_between_two_batches_stays(studio, write_board, monkeypatch):
    monkeypatch.setattr(garbage, "BATCH", 1)
    text = write_board("one: A")
    for number, ending in enumerate(["mp4", "png"]):
        studio.put(studio.clips[0][number], ending)
    # Before all media, and then behind them.
    first = plant(studio.store, "films/another-film/state/00000000000009-aaaaaaaa.json", data=b"{}")
    plant(studio.store, "films/another-film/state/00000000000001-aaaaaaaa.json", data=b"{}")
    last = plant(studio.store, f"media/{'f' * 64}.mp4")
    found = housekeeping.survey(studio.store, older_than=NOW)
    assert [found.garbage[0].key, found.garbage[-1].key, len(found.garbage)] == [first, last, 4]

    def happens():
        studio.run(text)
        log = EntryLog(studio.store, "elsewhere.example-0123456789ab")
        number = log.append(lambda _state: intent("0" * 64))
        log.append(
            lambda _state: Accepted(at=datetime.now(UTC), by="me", attempt=f"a{number}", task_id="task_12345678")
        )

    assert [one.key for one in housekeeping.clear(Deleting(studio.store, happens), found)] == [first]
    assert studio.to_buy(text) == (0, "there")


class Deleting:
    """A store in which something happens once the first objects are deleted."""

    def __init__(self, store, happens) -> None:
        self._store, self._happens = store, happens

    def __getattr__(self, name):
        return getattr(self._store, name)

    def delete(self, keys):
        self._store.delete(keys)
        if self._happens is not None:
            happens, self._happens = self._happens, None
            happens()


def test_media_that_came_during_an_open_attempt_are_left(studio, longtake):
    log = EntryLog(studio.store, "elsewhere.example-0123456789ab")
    number = log.append(lambda _state: intent("0" * 64))
    log.append(lambda _state: Accepted(at=datetime.now(UTC), by="me", attempt=f"a{number}", task_id="task_12345678"))
    old = plant(studio.store, f"media/{digest('older')}.mp4")
    os.utime(studio.store.path(old), (0, 0))
    plant(studio.store, f"media/{digest('perhaps its clip')}.mp4")
    _, answer, _ = longtake(studio, "gc", "--older-than", 0, "--delete")
    assert [one["key"] for one in answer["garbage"]] == [old]
    assert answer["held"] == 1


@pytest.mark.parametrize(
    "key", ["takes/{}.json", "ledger/a-host-0/000000000001.json", "films/f/revisions/x/y/000001.json"]
)
def test_what_cannot_be_read_stops_it_before_anything_is_removed(studio, longtake, key):
    planted = rubbish(studio.store)
    plant(studio.store, key.format(digest("half a record")), data=b'{"clip": {"sha256": "')
    code, answer, _ = longtake(studio, "gc", "--older-than", 0, "--delete")
    assert code == 1
    assert "half" not in answer["error"]["message"]
    assert set(planted) <= set(studio.listed())


def test_a_store_that_is_away_while_names_are_read_loses_nothing(studio, write_board):
    studio.run(write_board("one: A"))
    planted = rubbish(studio.store)

    def away():
        raise StoreError("the store is away", key="takes/")

    with pytest.raises(StoreError, match="away"):
        gc(Busy(studio.store, away))
    assert set(planted) <= set(studio.listed())


def test_takes_that_a_film_holds_whole_are_not_read_one_by_one(studio, write_board):
    studio.run(write_board("one: A, two: B", "three: C!"))
    read = []

    class Watched(Busy):
        def get(self, key, **options):
            read.append(key)
            return self._store.get(key, **options)

    assert housekeeping.survey(Watched(studio.store, None), older_than=NOW).garbage == ()
    assert not [key for key in read if key.startswith("takes/")]
    assert len(list(studio.store.list("takes/"))) == 4


def test_what_somebody_is_at_work_on_is_left_even_when_all_is_asked_for(studio):
    at_work = {plant(studio.store, "probe/0a-1.json"), plant(studio.store, "probe/0b-1.json")}
    gc(studio.store)
    assert set(studio.listed()) == at_work


def test_an_empty_store_has_no_garbage(tmp_path):
    assert housekeeping.survey(stores.open(str(tmp_path / "none")), older_than=NOW).objects == 0


def test_records_are_not_rewritten_by_looking(studio, write_board):
    studio.run(write_board("one: A"))
    before = {key: studio.read(key) for key in studio.listed()}
    gc(studio.store)
    assert {key: studio.read(key) for key in studio.listed()} == before
    assert random.choice([library.load(studio.store, key[6:-5]) for key in studio.listed("takes/")])
