"""`longtake run --from-manifest`: the film again from the store alone."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from processes import clean_environment

from longtake import film as films
from longtake import manifest as manifests
from longtake import store as stores

NOTHING = {"planned": 0, "charged": 0, "refunded": 0, "in_doubt": 0, "reserved": 0}


@pytest.fixture
def text(write_board):
    """A storyboard with most of what decides a film: chains, takes, a transition, a loudness."""
    text = write_board("one: A, two: B", "three: C!", sound="sound: {loudness: -20}")
    return text.replace("  - id: s1\n", "  - id: s1\n    transition: {kind: crossfade, seconds: 0.125}\n")


def test_a_film_that_is_gone_comes_back_byte_for_byte_without_storyboard_and_key(studio, text, longtake):
    film, _ = studio.run(text)
    folder = film.key.removesuffix("film.mp4")
    before = {key: studio.read(key) for key in studio.listed(folder)}
    copy = studio.folder / "kept.json"
    copy.write_bytes(before[f"{folder}manifest.json"])
    for key in before:
        studio.store.path(key).unlink()
    code, answer, _ = longtake(studio, "run", "--from-manifest", copy)
    assert code == 0
    assert {key: studio.read(key) for key in studio.listed(folder)} == before
    assert (answer["same_bytes"], answer["was_there"]) == (True, False)
    assert answer["film"] == str(studio.store.path(film.key))
    assert Path(answer["manifest"]).read_bytes() == before[f"{folder}manifest.json"]
    assert answer["credits"] == NOTHING
    assert [(shot["id"], shot["credits"]) for shot in answer["shots"]] == [("one", 0), ("two", 0), ("three", 0)]


def test_music_comes_from_the_store(studio, write_board, longtake):
    score = studio.folder / "score.wav"
    with wave.open(str(score), "wb") as file:
        file.setparams((1, 2, 44_100, 0, "NONE", ""))
        file.writeframes(b"".join(((n * 37) % 9000 - 4500).to_bytes(2, "little", signed=True) for n in range(20_000)))
    film, _ = studio.run(write_board("one: A", sound="sound: {music: score.wav}"))
    score.unlink()
    digest = film.manifest.digest
    assert longtake(studio, "run", "--from-manifest", f"a-small-film/{digest}")[0] == 0
    studio.store.path(film.manifest.timeline.sound.music).unlink()
    code, answer, _ = longtake(studio, "run", "--from-manifest", f"a-small-film/{digest}")
    assert code == 1
    assert film.manifest.timeline.sound.music in answer["error"]["message"]


def test_rebuilding_loads_no_engine_and_needs_no_key(studio, write_board):
    film, _ = studio.run(write_board("one: A"))
    studio.store.path(film.key).unlink()
    place = f"a-small-film/{film.manifest.digest}"
    program = f"import sys; from longtake.cli import main; code = main(['run', '--from-manifest', '{place}']); "
    program += "sys.exit(code or sum(name.partition('.')[0] in {'prefect', 'httpx', 'boto3'} for name in sys.modules))"
    env = clean_environment(LONGTAKE_STORE=studio.store.uri)
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "0 credits" in done.stdout
    assert studio.store.head(film.key).size == film.manifest.bytes


def test_a_film_that_is_there_is_compared(studio, write_board, longtake):
    film, _ = studio.run(write_board("one: A"))
    before = studio.listed()
    code, answer, _ = longtake(studio, "run", "--from-manifest", f"a-small-film/{film.manifest.digest}")
    assert code == 0
    assert (answer["same_bytes"], answer["was_there"]) == (True, True)
    assert studio.listed() == before


def test_a_film_that_rotted_is_put_right(studio, write_board, longtake, broken):
    film, _ = studio.run(write_board("one: A"))
    whole = studio.read(film.key)
    broken(film.key)
    code, out, _ = longtake(
        studio, "run", "--from-manifest", film.key.replace("film.mp4", "manifest.json"), as_json=False
    )
    assert code == 0
    assert "0 credits" in out
    assert studio.read(film.key) == whole


def test_other_bytes_are_kept_beside_the_film(studio, write_board, longtake):
    film, _ = studio.run(write_board("one: A"))
    path = studio.store.path(film.key.replace("film.mp4", "manifest.json"))
    older = film.manifest.model_copy(update={"sha256": "0" * 64})
    path.write_bytes(manifests.dump(older))
    for _ in range(2):
        code, answer, _ = longtake(studio, "run", "--from-manifest", path)
        assert (code, answer["same_bytes"]) == (0, False)
        assert Path(answer["film"]).parent == path.parent / film.manifest.sha256[:12]
        assert Path(answer["film"]).read_bytes() == studio.read(film.key)
    assert answer["was_there"]
    assert path.read_bytes() == manifests.dump(older)


@pytest.mark.parametrize("damage", ["gone", "rotted"])
def test_a_clip_that_is_gone_or_rotted_is_named(studio, write_board, longtake, broken, damage):
    film, _ = studio.run(write_board("one: A, two: B"))
    key = film.manifest.shots[1].used.clip.key
    broken(key) if damage == "rotted" else studio.store.path(key).unlink()
    code, answer, _ = longtake(studio, "run", "--from-manifest", f"a-small-film/{film.manifest.digest}")
    assert code == 1
    assert answer["error"]["kind"] == "StoreError"
    assert key in answer["error"]["message"]
    assert "--retake" in answer["error"]["next_step"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "either a storyboard or --from-manifest"),
        (("film.yaml", "--from-manifest", "x/y"), "either a storyboard or --from-manifest"),
        (("--from-manifest", "x", "--retake", "one"), "either a storyboard or --from-manifest"),
        (("--from-manifest", "no-film/" + "0" * 32), "there is no film"),
        (("--from-manifest", "../../etc/passwd"), "there is no film"),
        (("--from-manifest", "https://films.example/manifest.json"), "not a manifest in a store"),
    ],
)
def test_what_cannot_be_rebuilt_is_bad_input(studio, longtake, words, said):
    code, answer, _ = longtake(studio, "run", *words)
    assert code == 2
    assert said in answer["error"]["message"]


def test_a_manifest_of_another_release_says_so(studio, longtake):
    path = studio.folder / "old.json"
    path.write_text(json.dumps({"v": "longtake-film/1", "title": "Old"}))
    code, answer, _ = longtake(studio, "run", "--from-manifest", path)
    assert code == 1
    assert "another release (longtake-film/1)" in answer["error"]["message"]


def test_a_film_in_a_bucket_is_rebuilt_by_its_uri(remote_studio, write_board, longtake):
    film, _ = remote_studio.run(write_board("one: A, two: B"))
    whole = remote_studio.read(film.key)
    remote_studio.store.delete([film.key])
    uri = film.manifest_place(remote_studio.store)
    code, answer, _ = longtake(remote_studio, "run", "--from-manifest", uri)
    assert (code, answer["was_there"], answer["film"]) == (0, False, film.place(remote_studio.store))
    assert remote_studio.read(film.key) == whole
    assert longtake(remote_studio, "run", "--from-manifest", uri)[1]["was_there"]


def test_a_bucket_and_a_folder_may_be_called_films(remote_studio, write_board, longtake, strict_bucket):
    mine = type(remote_studio)(stores.open(f"s3://{strict_bucket}/my/films"), remote_studio.folder, remote_studio.clips)
    film, _ = mine.run(write_board("one: A"))
    code, answer, _ = longtake(mine, "run", "--from-manifest", film.manifest_place(mine.store))
    assert (code, answer["was_there"], answer["film"]) == (0, True, film.place(mine.store))


def test_what_a_film_lacks_beside_it_is_put_back(studio, write_board):
    film, _ = studio.run(write_board("one: A"))
    poster = studio.read(film.poster)
    studio.store.delete([film.poster])
    assert films.rebuild(film.manifest, studio.store).there
    assert studio.read(film.poster) == poster


def test_captions_come_as_a_file_beside_the_film(studio, write_board):
    film, _ = studio.run(write_board("one: A, two: B"))
    line = film.manifest.timeline
    cuts = tuple(cut.model_copy(update={"caption": f"Caption of {cut.label}"}) for cut in line.cuts)
    line = line.model_copy(update={"cuts": cuts})
    captioned = film.manifest.model_copy(update={"timeline": line, "digest": line.digest})
    done = films.rebuild(captioned, studio.store)
    text = studio.read(done.film.key.replace("film.mp4", "film.vtt")).decode()
    assert text.startswith("WEBVTT")
    assert "Caption of s0/two" in text
