"""A user's own steps see each take before it is used: they may replace its clip or refuse it, and are called once."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from longtake import Observer, Scene, Shot, Storyboard, Studio, housekeeping, media
from longtake import store as stores
from longtake.errors import FilmIncompleteError, SettingsError, TakeRefusedError
from longtake.media import ffmpeg

ROOT = Path(__file__).parents[2]


@pytest.fixture
def account(open_account):
    return open_account().using(public_url=None)


@pytest.fixture
def settings(account):
    return account.settings


@pytest.fixture
def posts(account):
    return lambda: account.posts


def board(*shots, **more):
    found = [Shot(*shot) if isinstance(shot, tuple) else shot for shot in shots]
    fields = {"resolution": "480p", "size": "16:9", "duration": 4, "generate_audio": False}
    return Storyboard(title="Own Steps", model="seedance-2.5", defaults=fields, scenes=[Scene("s", found)], **more)


TWO = board(("one", "A harbor"), ("two", "A boat leaves"))


class Gray:
    """Takes the color out of a clip, and counts its calls."""

    __module__, __qualname__ = "own", "gray"

    def __init__(self):
        self.calls = []

    def __call__(self, take, clip, folder):
        self.calls.append(take.shot)
        made = folder / "gray.mp4"
        command = [ffmpeg.binary(), "-nostdin", "-v", "error", "-i", clip, "-vf", "hue=s=0", "-c:v", "libx264", made]
        subprocess.run(command, check=True)
        return made


@pytest.mark.slow
def test_a_step_replaces_each_clip_once_and_the_original_stays(settings, posts):
    gray = Gray()
    studio = Studio(settings=settings, steps=[gray])
    film = studio.make_sync(TWO)
    assert gray.calls == ["s/one", "s/two"]
    assert posts() == 2
    store = Path(settings.store)
    for shot in film.shots.values():
        record = json.loads((store / "takes" / f"{shot.take.fingerprint}.json").read_text())
        assert record["clip"]["key"] != shot.take.clip.key, (
            "the film uses the edited clip, the record names the original"
        )
        assert (store / record["clip"]["key"]).exists()
        assert shot.take.clip.frames == record["clip"]["frames"]
    assert media.probe(film.path).frames == 2 * 97 - 1, "the frame that both shots share is shown once"

    again = studio.make_sync(TWO)
    assert (again.path, len(gray.calls), posts()) == (film.path, 2, 2), "nothing is bought or edited twice"
    plain = Studio(settings=settings).make_sync(TWO)
    assert plain.path != film.path
    assert posts() == 2, "without the step the same takes make another film"


def test_a_step_that_changes_its_version_runs_again(settings, posts):
    gray = Gray()
    studio = Studio(settings=settings, steps=[gray])
    one = board(("one", "A harbor"))
    studio.make_sync(one)
    gray.version = 2
    studio.make_sync(one)
    assert (len(gray.calls), posts()) == (2, 1)


def test_a_refused_take_is_kept_and_not_used_and_its_dependents_are_not_bought(settings, posts):
    def moderate(take, clip, folder):
        raise TakeRefusedError("a logo is seen")

    studio = Studio(settings=settings, steps=[moderate])
    with pytest.raises(FilmIncompleteError, match="a logo is seen") as caught:
        studio.make_sync(TWO)
    states = {name: shot.state for name, shot in caught.value.film.shots.items()}
    assert states == {"one": "failed", "two": "blocked"}
    assert posts() == 1
    with pytest.raises(FilmIncompleteError):
        studio.make_sync(TWO)
    assert posts() == 1, "the refusal is recorded; nothing is bought again unless a person asks for it"
    assert Studio(settings=settings).make_sync(TWO).path is not None, "without the step the take is used"
    assert posts() == 2


@pytest.mark.slow
def test_another_take_is_used_in_place_of_a_refused_one(settings, posts):
    def moderate(take, clip, folder):
        if take.take == 1:
            raise TakeRefusedError("the first never is good enough")

    film = Studio(settings=settings, steps=[moderate]).make_sync(board(Shot("one", "A harbor", takes=2)))
    assert film.shots["one"].take.take == 2
    bought = Studio(settings=settings, steps=[moderate]).make_sync(board(("solo", "A lamp"), retakes=1))
    assert bought.shots["solo"].take.take == 2, "`retakes` buys a new one by itself"
    assert posts() == 4


def test_an_edit_that_comes_back_is_priced_as_the_next_run_with_these_steps(settings, tmp_path):
    pytest.importorskip("opentimelineio", reason="OpenTimelineIO has no wheel for this Python")

    def moderate(take, clip, folder):
        raise TakeRefusedError("a logo is seen")

    plain, stepped = Studio(settings=settings), Studio(settings=settings, steps=[moderate])
    with pytest.raises(FilmIncompleteError):
        stepped.make_sync(TWO)
    plain.export(plain.make_sync(TWO), "otio", tmp_path / "cut.otio")
    path = tmp_path / "film.yaml"
    path.write_text(TWO.model_copy(update={"retakes": 1}).to_yaml())
    for studio in (plain, stepped):
        plan = studio.plan(path)
        assert studio.import_edit(tmp_path / "cut.otio", path, dry_run=True).plan.shots == plan.shots
        assert (plan.expected > 0) == (studio is stepped)


def test_a_step_that_fails_fails_its_shot_and_runs_again_next_time(settings, posts):
    broken = [True]

    def sharpen(take, clip, folder):
        if broken:
            raise OSError("no such model")

    studio = Studio(settings=settings, steps=[sharpen])
    with pytest.raises(FilmIncompleteError, match=r"sharpen.* failed: OSError: no such model"):
        studio.make_sync(TWO)
    broken.clear()
    assert studio.make_sync(TWO).path is not None
    assert posts() == 2


def test_what_a_step_gives_must_be_a_clip(settings):
    def text(take, clip, folder):
        (folder / "film.mp4").write_text("not a film")
        return folder / "film.mp4"

    with pytest.raises(FilmIncompleteError, match="gave what is not a clip"):
        Studio(settings=settings, steps=[text]).make_sync(TWO)


@pytest.mark.parametrize("step", ["nowhere.at_all:step", "json:nothing", "json:__name__", "json"])
def test_a_step_that_is_not_there_is_named_before_anything_is_bought(settings, posts, step):
    with pytest.raises(SettingsError, match=r"json|nowhere"):
        Studio(settings=settings, steps=[step]).make_sync(TWO)
    assert posts() == 0


def test_steps_may_be_async_and_observers_see_them(settings):
    seen = []

    class Watch(Observer):
        async def around(self, step, call):
            seen.append(step.name)
            return await call()

        def notify(self, event):
            if event.name.startswith("take."):
                seen.append(event.name)

    gray = Gray()

    async def later(take, clip, folder):
        return gray(take, clip, folder)

    Studio(settings=settings, steps=[later], observers=[Watch()]).make_sync(board(("one", "A harbor")))
    assert seen == ["submit", "poll", "ingest", "take.kept", "edit", "take.edited", "concatenate"]


def test_the_example_frames_a_film(settings, posts):
    spec = importlib.util.spec_from_file_location("own_steps", ROOT / "examples" / "own_steps.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    film = Studio(settings=settings, steps=[example.framed]).make_sync(board(("one", "A harbor")))
    (folder := Path(settings.store) / "frame").mkdir()
    command = [ffmpeg.binary(), "-v", "error", "-i", film.path, "-frames:v", "1", "-pix_fmt", "gray", folder / "f.pgm"]
    subprocess.run(command, check=True)
    assert (folder / "f.pgm").read_bytes()[-1] > 200, "the last pixel of the first frame is white"
    assert posts() == 1


def test_what_steps_made_is_not_garbage(settings):
    studio = Studio(settings=settings, steps=[Gray()])
    studio.make_sync(board(("one", "A harbor")))
    for path in (Path(settings.store) / "films" / "own-steps").glob("*/manifest.json"):
        path.unlink()
    found = housekeeping.survey(stores.of(settings), older_than=timedelta(0))
    assert [one.key for one in found.garbage if one.key.startswith("media/")] == []
    assert found.unknown == 0
