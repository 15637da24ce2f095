"""Takes that do not pass the checks of their clip: kept, marked, and bought again only where the storyboard says so."""

from __future__ import annotations

import asyncio

import pytest
from boards import CHAIN, shot
from emulators import small_catalog

from longtake import film as films
from longtake import library, media

BLACK = {"where": "submit", "what": "black"}


@pytest.fixture
def account(open_account, tmp_path):
    return open_account(catalog=small_catalog(tmp_path / "small.json", pixels=(128, 72)), text=CHAIN)


def test_a_black_clip_is_kept_and_marked_and_nothing_is_spent_for_it(account) -> None:
    account.faults({**BLACK, "match": "harbor"})
    made = account.shoot()
    checks = made["one"].take.checks
    assert (checks.passed, checks.score < 1) == (False, True)
    assert "black" in " ".join(checks.findings)
    assert made["two"].take.checks.passed
    assert account.posts == 2
    assert account.shoot()["one"].state == "current"
    assert account.posts == 2


def test_the_storyboard_may_ask_for_new_takes(account) -> None:
    account.faults({**BLACK, "match": "harbor", "times": 2})
    made = account.shoot(CHAIN.replace("title:", "retakes: 3\ntitle:"))
    assert (made["one"].take.take, made["one"].take.checks.passed) == (3, True)
    assert len(made["one"].takes) == 3
    assert made["two"].take.frame == made["one"].take.last_frame.sha256
    assert account.posts == 4
    assert [o.state for o in account.shoot(CHAIN.replace("title:", "retakes: 3\ntitle:")).values()] == ["current"] * 2
    assert account.posts == 4


def test_retakes_have_an_end(account) -> None:
    account.faults({**BLACK, "match": "harbor"})
    made = account.shoot(CHAIN.replace("title:", "retakes: 2\ntitle:"))
    assert (made["one"].take.take, made["one"].take.checks.passed) == (1, False)
    assert account.posts == 4


def test_of_two_takes_the_one_that_passed_is_used(account) -> None:
    account.faults({**BLACK, "match": "harbor", "times": 1})
    board = CHAIN.replace('night"}', 'night", takes: 2}')
    made = account.shoot(board)
    assert [take.checks.passed for take in made["one"].takes].count(False) == 1
    assert made["one"].take.checks.passed
    assert made["two"].take.frame == made["one"].take.last_frame.sha256


def joined(account, board):
    outcomes = list(account.shoot(board).values())

    async def work():
        async with account.session() as session:
            return await asyncio.to_thread(
                films.join,
                account.resolve(board),
                outcomes,
                store=account.store,
                film="a-film",
                state=session.ledger.read(),
            )

    return asyncio.run(work())


def test_seams_and_drift_are_numbers_of_the_manifest(account) -> None:
    one, two = joined(account, CHAIN).manifest.shots
    assert (one.seam, one.drift) == (None, None)
    assert two.seam.distance < 3
    assert not two.seam.seen
    assert two.drift > 0


def test_the_seam_to_a_stale_shot_is_measured_too(account) -> None:
    account.shoot()
    changed = CHAIN.replace("A harbor at night", "Snow on a wide plain")
    changed_shot = joined(account, changed).manifest.shots[1]
    assert changed_shot.state == "stale"
    assert changed_shot.seam.seen


TINT = {"where": "submit", "what": "tint", "match": "boat"}
THREE = CHAIN + shot("three", "Rain on the deck")


def test_a_step_of_hue_at_a_seam_is_hidden_in_the_film_alone(account) -> None:
    account.faults(TINT)
    plain, film = joined(account, CHAIN), joined(account, CHAIN.replace("title:", "match: film\ntitle:"))
    assert [cut.match for cut in film.manifest.timeline.cuts] == [False, True]
    assert film.manifest.digest != plain.manifest.digest
    (was, now) = (joined_film.manifest.shots[1].seam for joined_film in (plain, film))
    assert (was.seen, was.matched, now.seen) == (True, None, False)
    assert now.matched < 3 <= now.distance
    assert film.manifest.shots[1].used.seam.distance == was.distance, "ingest measured it"
    assert film.manifest.shots[1].used.corrected is None
    assert account.posts == 2


def test_an_unseen_seam_is_left_alone_although_two_shots_look_quite_different(account) -> None:
    film = joined(account, CHAIN.replace("title:", "match: film\ntitle:")).manifest
    seam = film.shots[1].seam
    assert (film.way, seam.seen, seam.matched) == ("copy", False, seam.distance)
    assert film.shots[1].drift > 3


def test_a_frame_is_handed_on_without_the_step_at_its_shots_beginning(account) -> None:
    account.faults(TINT)
    chain = THREE.replace("title:", "match: chain\ntitle:")
    made = account.shoot(chain)
    one, two, three = (made[name].take for name in ("one", "two", "three"))
    assert (one.corrected, one.seam, three.corrected) == (None, None, None)
    assert two.corrected is not None
    assert three.frame == two.corrected.sha256 != two.last_frame.sha256
    before, after = (account.store.path(frame.key) for frame in (two.last_frame, two.corrected))
    turned = media.seam(before, after)
    assert turned.distance > 3
    assert turned.likeness > 0.95
    assert [o.state for o in account.shoot(chain).values()] == ["current"] * 3


def test_a_take_that_is_kept_hands_on_the_frame_it_has(account) -> None:
    account.faults(TINT)
    account.shoot()
    made = account.shoot(THREE.replace("title:", "match: chain\ntitle:"))
    assert made["two"].take.corrected is None
    assert made["three"].take.frame == made["two"].take.last_frame.sha256


def test_captions_transitions_and_a_playlist(account) -> None:
    board = CHAIN.replace("title:", "hls: true\ntitle:").replace(
        'leaves"', 'leaves", caption: "Farewell", transition: {kind: wipe-left, seconds: 0.25}'
    )
    film = joined(account, board)
    folder = film.key.removesuffix("film.mp4")
    assert "Farewell" in account.store.get(f"{folder}film.vtt").decode()
    keys = list(account.store.list(f"{folder}hls/"))
    assert {f"{folder}hls/{name}" for name in ("index.m3u8", "film.m3u8", "captions.vtt")} <= set(keys)
    assert len(keys) > 2
    assert film.manifest.frames == 25 + 25 - 6
    assert film.manifest.timeline.cuts[1].transition.kind == "wipe-left"


def test_the_tail_of_a_clip_is_stored_with_it(open_account) -> None:
    account = open_account(speed="veryfast")
    keys = {library.tail_key(result.take.clip.sha256) for result in account.shoot().values()}
    stored = set(account.store.list("tails/"))
    assert stored  # a clip whose last frame is one that no other depends on has none
    assert stored <= keys


def test_a_tail_that_cannot_be_stored_does_not_cost_the_take(open_account, caplog) -> None:
    account = open_account(speed="veryfast")
    (account.folder / "tails").write_text("a file where the folder should be")
    assert [result.state for result in account.shoot().values()] == ["bought", "bought"]
    assert "the tail of clip" in caplog.text
