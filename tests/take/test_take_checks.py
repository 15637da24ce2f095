"""Takes that do not pass the checks of their clip: kept, marked, and bought again only where the storyboard says so."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest
from pydantic import SecretStr

from longtake import film as films
from longtake import library, media
from longtake.catalog import Catalog

KEY = "key-of-the-take-tests"
SMALL = {
    "inputs": {"image": {"side": {"min": 16}}},
    "models": {"seedance-2.5": {"duration": {"min": 1}, "pixels": {"480p": {"16:9": [128, 72]}}}},
}
BLACK = {"where": "submit", "what": "black"}
BOARD = """
schema: longtake/1
title: Two Takes
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 1, generate_audio: false}
scenes:
- id: s
  shots:
  - {id: one, prompt: "A harbor at night"}
  - {id: two, prompt: "A boat leaves"}
"""


@pytest.fixture
def small(make_studio, tmp_path):
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    studio = make_studio(catalog=path)
    settings = studio.settings.model_copy(update={"api_key": SecretStr(KEY), "catalog": path})
    return dataclasses.replace(studio, settings=settings, catalog=Catalog.load(path), board=BOARD)


def test_a_black_clip_is_kept_and_marked_and_nothing_is_spent_for_it(small) -> None:
    small.faults({**BLACK, "match": "harbor"})
    made = small.film(BOARD)
    checks = made["one"].take.checks
    assert (checks.passed, checks.score < 1) == (False, True)
    assert "black" in " ".join(checks.findings)
    assert made["two"].take.checks.passed
    assert small.posts() == 2
    assert small.film(BOARD)["one"].state == "current"
    assert small.posts() == 2


def test_the_storyboard_may_ask_for_new_takes(small) -> None:
    small.faults({**BLACK, "match": "harbor", "times": 2})
    made = small.film(BOARD.replace("title:", "retakes: 3\ntitle:"))
    assert (made["one"].take.take, made["one"].take.checks.passed) == (3, True)
    assert len(made["one"].takes) == 3
    assert made["two"].take.frame == made["one"].take.last_frame.sha256
    assert small.posts() == 4
    assert [o.state for o in small.film(BOARD.replace("title:", "retakes: 3\ntitle:")).values()] == ["current"] * 2
    assert small.posts() == 4


def test_retakes_have_an_end(small) -> None:
    small.faults({**BLACK, "match": "harbor"})
    made = small.film(BOARD.replace("title:", "retakes: 2\ntitle:"))
    assert (made["one"].take.take, made["one"].take.checks.passed) == (1, False)
    assert small.posts() == 4


def test_of_two_takes_the_one_that_passed_is_used(small) -> None:
    small.faults({**BLACK, "match": "harbor", "times": 1})
    board = BOARD.replace('night"}', 'night", takes: 2}')
    made = small.film(board)
    assert [take.checks.passed for take in made["one"].takes].count(False) == 1
    assert made["one"].take.checks.passed
    assert made["two"].take.frame == made["one"].take.last_frame.sha256


def joined(small, board):
    outcomes = list(small.film(board).values())

    async def work():
        async with small.session() as session:
            return await asyncio.to_thread(
                films.join,
                small.resolved(board),
                outcomes,
                store=small.store,
                film="two-takes",
                state=session.ledger.read(),
            )

    return asyncio.run(work())


def test_seams_and_drift_are_numbers_of_the_manifest(small) -> None:
    one, two = joined(small, BOARD).manifest.shots
    assert (one.seam, one.drift) == (None, None)
    assert two.seam.distance < 3
    assert not two.seam.seen
    assert two.drift > 0


def test_the_seam_to_a_stale_shot_is_measured_too(small) -> None:
    small.film(BOARD)
    changed = BOARD.replace("A harbor at night", "Snow on a wide plain")
    shot = joined(small, changed).manifest.shots[1]
    assert shot.state == "stale"
    assert shot.seam.seen


TINT = {"where": "submit", "what": "tint", "match": "boat"}
CHAIN = BOARD + '  - {id: three, prompt: "Rain on the deck"}\n'


def test_a_step_of_hue_at_a_seam_is_hidden_in_the_film_alone(small) -> None:
    small.faults(TINT)
    plain, film = joined(small, BOARD), joined(small, BOARD.replace("title:", "match: film\ntitle:"))
    assert [cut.match for cut in film.manifest.timeline.cuts] == [False, True]
    assert film.manifest.digest != plain.manifest.digest
    (was, now) = (joined_film.manifest.shots[1].seam for joined_film in (plain, film))
    assert (was.seen, was.matched, now.seen) == (True, None, False)
    assert now.matched < 3 <= now.distance
    assert film.manifest.shots[1].used.seam.distance == was.distance, "ingest measured it"
    assert film.manifest.shots[1].used.corrected is None
    assert small.posts() == 2


def test_an_unseen_seam_is_left_alone_although_two_shots_look_quite_different(small) -> None:
    film = joined(small, BOARD.replace("title:", "match: film\ntitle:")).manifest
    seam = film.shots[1].seam
    assert (film.way, seam.seen, seam.matched) == ("copy", False, seam.distance)
    assert film.shots[1].drift > 3


def test_a_frame_is_handed_on_without_the_step_at_its_shots_beginning(small) -> None:
    small.faults(TINT)
    chain = CHAIN.replace("title:", "match: chain\ntitle:")
    made = small.film(chain)
    one, two, three = (made[name].take for name in ("one", "two", "three"))
    assert (one.corrected, one.seam, three.corrected) == (None, None, None)
    assert two.corrected is not None
    assert three.frame == two.corrected.sha256 != two.last_frame.sha256
    before, after = (small.store.path(frame.key) for frame in (two.last_frame, two.corrected))
    turned = media.seam(before, after)
    assert turned.distance > 3
    assert turned.likeness > 0.95
    assert [o.state for o in small.film(chain).values()] == ["current"] * 3


def test_a_take_that_is_kept_hands_on_the_frame_it_has(small) -> None:
    small.faults(TINT)
    small.film(BOARD)
    made = small.film(CHAIN.replace("title:", "match: chain\ntitle:"))
    assert made["two"].take.corrected is None
    assert made["three"].take.frame == made["two"].take.last_frame.sha256


def test_captions_transitions_and_a_playlist(small) -> None:
    board = BOARD.replace("title:", "hls: true\ntitle:").replace(
        'leaves"', 'leaves", caption: "Farewell", transition: {kind: wipe-left, seconds: 0.25}'
    )
    film = joined(small, board)
    folder = film.key.removesuffix("film.mp4")
    assert "Farewell" in small.store.get(f"{folder}film.vtt").decode()
    keys = list(small.store.list(f"{folder}hls/"))
    assert {f"{folder}hls/{name}" for name in ("index.m3u8", "film.m3u8", "captions.vtt")} <= set(keys)
    assert len(keys) > 2
    assert film.manifest.frames == 25 + 25 - 6
    assert film.manifest.timeline.cuts[1].transition.kind == "wipe-left"


def test_the_tail_of_a_clip_is_stored_with_it(make_studio) -> None:
    studio = make_studio(speed="veryfast")
    keys = {library.tail_key(result.take.clip.sha256) for result in studio.film().values()}
    stored = set(studio.store.list("tails/"))
    assert stored  # a clip whose last frame is one that no other depends on has none
    assert stored <= keys


def test_a_tail_that_cannot_be_stored_does_not_cost_the_take(make_studio, caplog) -> None:
    studio = make_studio(speed="veryfast")
    (studio.folder / "tails").write_text("a file where the folder should be")
    assert [result.state for result in studio.film().values()] == ["bought", "bought"]
    assert "the tail of clip" in caplog.text
