"""The film and what its manifest says of it."""

from __future__ import annotations

import hashlib
import json
import resource
import wave

import pytest

from longtake import library, media
from longtake import manifest as manifests
from longtake.errors import MediaError, StoreError
from longtake.film.rendering import render
from longtake.store import GET_LIMIT

FRAMES = 9


def test_a_film_is_joined_once_and_found_again(studio, write_board):
    text = write_board("one: A, two: B", "three: C!")
    film, made = studio.run(text)
    assert (made, film.made) == (4, True)
    assert studio.to_buy(text) == (0, "there")
    before = studio.listed()
    again, made = studio.run(text)
    assert (made, again.made, again.key) == (0, False, film.key)
    assert again.manifest == film.manifest
    assert studio.listed() == before


def test_the_manifest_says_what_the_film_is_made_of(studio, write_board):
    film, _ = studio.run(write_board("one: A, two: B", "three: C!"))
    found = film.manifest
    data = studio.read(film.key)
    assert (found.sha256, found.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert film.key == f"films/a-small-film/{found.timeline.digest}/film.mp4"
    assert [shot.shot for shot in found.shots] == ["s0/one", "s0/two", "s1/three"]
    # `two` begins with the frame that `one` ends with: it is shown once.
    assert (found.dropped, found.frames) == (1, 3 * FRAMES - 1)
    assert [cut.continues for cut in found.timeline.cuts] == [False, True, False]
    assert found.shots[0].start == 0
    assert [a.end for a in found.shots[:2]] == [b.start for b in found.shots[1:]]
    assert found.shots[2].end == pytest.approx(found.seconds)
    assert [len(shot.alternates) for shot in found.shots] == [0, 0, 1]
    price = found.shots[0].used.credits
    assert (found.credits.used_takes, found.credits.alternates) == (3 * price, price)
    probe = media.probe(studio.store.path(film.key))
    assert probe.frames == found.frames
    stored = manifests.load(studio.read(film.key.replace("film.mp4", "manifest.json")), name="it")
    assert stored == found


def test_the_film_names_its_digest_and_title(studio, write_board):
    film, _ = studio.run(write_board("one: A"))
    import av

    with av.open(studio.store.path(film.key)) as opened:
        tags = opened.metadata
    assert tags["title"] == "A Small Film"
    assert film.manifest.digest in tags["comment"]


def test_a_take_made_from_an_older_frame_is_stale_and_says_why(studio, write_board):
    studio.run(write_board("one: A, two: B"))
    film, made = studio.run(write_board("one: Another, two: B"))
    assert made == 1
    one, two = film.manifest.shots
    assert (one.state, two.state) == ("bought", "stale")
    assert "the last frame of one" in two.why
    assert film.manifest.dropped == 0


def test_refunds_of_this_film_alone_are_in_its_credits(studio, write_board):
    from types import SimpleNamespace

    studio.closed = [
        SimpleNamespace(order=SimpleNamespace(film=name), refunded=n) for name, n in (("a-small-film", 7), ("other", 9))
    ]
    film, _ = studio.run(write_board("one: A"))
    assert film.manifest.credits.refunded == 7


def test_equal_films_in_two_stores_have_equal_bytes(studio, remote_studio, write_board):
    text = write_board("one: A, two: B", "three: C!")
    here, _ = studio.run(text)
    there, _ = remote_studio.run(text)
    assert here.key == there.key
    assert studio.read(here.key) == remote_studio.read(there.key)


@pytest.mark.parametrize("damage", ["gone", "cut short"])
def test_a_film_whose_file_is_gone_or_cut_short_is_joined_again(studio, write_board, damage):
    text = write_board("one: A, two: B")
    film, _ = studio.run(text)
    path, data = studio.store.path(film.key), studio.read(film.key)
    path.unlink() if damage == "gone" else path.write_bytes(data[:100])
    again, made = studio.run(text)
    assert (made, again.made, again.key) == (0, True, film.key)
    assert path.read_bytes() == data
    assert again.manifest == film.manifest


def test_bytes_of_another_ffmpeg_lie_beside_the_film_and_are_found_there(studio, write_board):
    text = write_board("one: A")
    film, _ = studio.run(text)
    key = film.key.replace("film.mp4", "manifest.json")
    other = film.manifest.model_copy(update={"sha256": "0" * 64, "bytes": 5})
    studio.store.path(key).write_bytes(manifests.dump(other))
    beside, made = studio.run(text)
    assert made == 0
    assert beside.key == film.key.replace("film.mp4", f"{film.manifest.sha256[:12]}/film.mp4")
    assert not studio.run(text)[0].made
    assert manifests.load(studio.read(key), name=key) == other


def test_music_goes_into_the_store_and_may_then_be_gone(studio, write_board):
    with wave.open(str(studio.folder / "score.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(b"".join(((n * 37) % 9000 - 4500).to_bytes(2, "little", signed=True) for n in range(20_000)))
    text = write_board("one: A", sound="sound: {loudness: -20, music: score.wav}")
    film, _ = studio.run(text)
    sound = film.manifest.timeline.sound
    assert hashlib.sha256(studio.read(sound.music)).hexdigest() == sound.music_sha256
    assert film.manifest.loudness is not None


def test_music_that_changes_under_way_is_told(studio, write_board, monkeypatch):
    score = studio.folder / "score.wav"
    with wave.open(str(score), "wb") as file:
        file.setparams((1, 2, 44_100, 0, "NONE", ""))
        file.writeframes(bytes(8000))
    resolve = studio.resolved
    monkeypatch.setattr(
        studio, "resolved", lambda text: (resolve(text), score.write_bytes(score.read_bytes()[:-2] + b"\1\1"))[0]
    )
    with pytest.raises(MediaError, match="changed while the run was under way"):
        studio.run(write_board("one: A", sound="sound: {music: score.wav}"))
    assert not [key for key in studio.listed() if key.endswith(("film.mp4", "manifest.json"))]


def test_a_join_that_is_stopped_leaves_no_film(studio, write_board):
    def stop(_share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studio.run(write_board("one: A"), on_progress=stop)
    assert not [key for key in studio.listed("films/") if "/state/" not in key]


def test_a_disk_that_is_full_before_the_film_is_stored_is_told_as_such(studio, write_board, monkeypatch):
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    get, joined = studio.store.get, []

    def fill(key, **options):
        found = get(key, **options)
        if joined and key.endswith("manifest.json"):  # next its page is written
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        return found

    monkeypatch.setattr(studio.store, "get", fill)
    try:
        with pytest.raises(StoreError, match="temporary files could not be written") as raised:
            studio.run(write_board("one: A"), on_progress=joined.append)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert "free some disk" in raised.value.next_step
    monkeypatch.undo()
    film, made = studio.run(write_board("one: A"))
    assert (made, film.made) == (0, True)


def test_no_secret_and_no_url_is_in_a_manifest(studio, write_board):
    film, _ = studio.run(write_board("one: A, two: B!"))
    text = manifests.dump(film.manifest).decode()
    assert "://" not in text
    assert "Bearer" not in text
    assert "Signature" not in text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"v": "longtake-film/1", "title": "x"}', "another release \\(longtake-film/1\\)"),
        (b'{"v": "longtake-film/2"}', "not a complete manifest"),
        (b"\xff\x00", "is not a manifest"),
        (b"[1]", "is not a manifest"),
    ],
)
def test_what_is_no_manifest_of_this_release_is_told_with_what_to_do(data, said):
    with pytest.raises(StoreError, match=said) as caught:
        manifests.load(data, name="films/x/y/manifest.json")
    assert "joining costs nothing" in caught.value.next_step


@pytest.mark.parametrize("change", ["timeline", "take"])
def test_a_manifest_that_somebody_changed_is_told(studio, write_board, change):
    film, _ = studio.run(write_board("one: A"))
    found = json.loads(manifests.dump(film.manifest))
    if change == "timeline":
        found["timeline"]["cuts"][0]["label"] = "s0/other"
    else:
        found["shots"][0]["used"]["clip"]["sha256"] = "0" * 64
    with pytest.raises(StoreError, match="was changed"):
        manifests.load(json.dumps(found).encode(), name="it")


def test_a_stored_tail_that_cannot_be_read_is_encoded_as_if_there_were_none(remote_studio, write_board, tmp_path):
    studio = remote_studio
    (tmp_path / "bent").mkdir()
    studio.clips = type(studio.clips)(tmp_path / "bent", ("-preset", "veryfast", "-bf", "3", "-b_strategy", "0"))
    bare, _ = studio.run(write_board("one: A, two: B"))
    large = tmp_path / "large"
    large.write_bytes(bytes(GET_LIMIT + 1))
    key = library.tail_key(bare.manifest.timeline.cuts[0].sha256)
    studio.store.put_file(key, large, content_type="video/mp4")
    with pytest.raises(StoreError):
        studio.store.get(key)
    folder = tmp_path / "again"
    folder.mkdir()
    assert render(bare.manifest.timeline, studio.store, folder).sha256 == bare.manifest.sha256


@pytest.mark.parametrize("where", ["studio", "remote_studio"])
def test_a_stored_tail_is_what_a_joint_shows_and_a_film_needs_none(request, where, write_board, tmp_path):
    studio = request.getfixturevalue(where)
    (tmp_path / "bent").mkdir()
    studio.clips = type(studio.clips)(tmp_path / "bent", ("-preset", "veryfast", "-bf", "3", "-b_strategy", "0"))
    bare, _ = studio.run(write_board("one: A, two: B"))
    assert (bare.manifest.dropped, bare.manifest.encoded > 0) == (1, True)
    digest = bare.manifest.timeline.cuts[0].sha256
    for source, equal in ((studio.clips[0][0], True), (studio.clips[3][0], False)):
        tail = tmp_path / "tail.mp4"
        media.examine(source, tail=tail)
        studio.store.put_file(library.tail_key(digest), tail, content_type="video/mp4")
        folder = tmp_path / str(equal)
        folder.mkdir()
        made = render(bare.manifest.timeline, studio.store, folder)
        assert (made.sha256 == bare.manifest.sha256) == equal
