"""The preflight passes where a run would work, and names what does not work where it would not."""

from __future__ import annotations

import os
import subprocess
import sys

import breaking
import pytest

from longtake import media, plan, preflight, request, storyboard
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.errors import PreflightError
from longtake.media import ffmpeg
from longtake.preflight.rehearsal import SAMPLE
from longtake.settings import Settings

CATALOG = Catalog.load()
BOARD = """
schema: longtake/1
title: Preflight
model: seedance-2.5
defaults: {resolution: 720p, size: "16:9", duration: 5}
scenes:
  - id: a
    shots:
      - {id: one, prompt: "One"}
      - {id: two, prompt: "Two", takes: 2}
"""


@pytest.fixture
def resolved(tmp_path):
    return request.resolve(storyboard.draft_text(BOARD, name="b.yaml", base=tmp_path), CATALOG)


@pytest.fixture
def planned(resolved):
    return plan.make(resolved, catalog=CATALOG, store=None, settings=Settings(), film="preflight")


@pytest.fixture
def folder_store(tmp_path):
    return stores.open(str(tmp_path / "store"))


# -- what works ----------------------------------------------------------------------------------------------------------


def test_everything_is_checked_and_nothing_is_left_behind(folder_store, resolved, planned):
    passed = preflight.check(folder_store, catalog=CATALOG, resolved=resolved, plan=planned)
    assert [one.part for one in passed.checks] == ["catalog", "disk", "media", "store"]
    assert set(passed.versions) == {"longtake", "av", "ffmpeg", "catalog"}
    assert passed.versions["ffmpeg"] == ffmpeg.version()
    assert not list(folder_store.list(""))


def test_a_bucket_passes(strict_bucket):
    store = stores.open(f"s3://{strict_bucket}/films")
    assert "created only once" in preflight.check_store(store).text
    assert not list(store.list(""))


def test_the_sample_is_small_and_coded_as_clips_are():
    assert SAMPLE.stat().st_size < 20_000
    facts = media.probe(SAMPLE)
    assert (facts.codec, facts.audio.codec) == ("h264", "aac")


def test_the_media_path_is_rehearsed_once_in_a_process_for_each_ffmpeg(monkeypatch, tmp_path):
    log = tmp_path / "calls"
    log.touch()
    for name in ("one", "two"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} >> "{log}"\nexec "{ffmpeg.binary()}" "$@"\n')
        program.chmod(0o755)
    counts = []
    for name in ("one", "one", "two", "one"):
        monkeypatch.setenv("LONGTAKE_FFMPEG", str(tmp_path / name))
        preflight.check_media()
        counts.append([log.read_text().split().count(name) for name in ("one", "two")])
    assert counts[0][0] > 0
    assert counts[1] == counts[0]
    assert counts[2][1] > 0
    assert counts[3] == counts[2]


# -- media ---------------------------------------------------------------------------------------------------------------


def test_an_ffmpeg_that_fails_at_work_is_named_and_may_be_repaired(monkeypatch, tmp_path):
    real, bad = ffmpeg.binary(), breaking.bad_ffmpeg(tmp_path / "ffmpeg")
    monkeypatch.setenv("LONGTAKE_FFMPEG", str(bad))
    with pytest.raises(
        PreflightError, match=r"cannot concatenate a sample clip with PyAV .*Illegal instruction"
    ) as caught:
        preflight.check_media()
    error = caught.value
    assert (error.exit_code, error.check, error.step, error.cause) == (2, "media", "concatenate", "FfmpegError")
    assert str(bad) in error.message
    assert "unset LONGTAKE_FFMPEG" in error.next_step
    bad.write_text(f'#!/bin/sh\nexec "{real}" "$@"\n')
    preflight.check_media()


def test_an_ffmpeg_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("LONGTAKE_FFMPEG", "/nowhere/ffmpeg")
    with pytest.raises(PreflightError, match=r"/nowhere/ffmpeg.*not an executable"):
        preflight.check_media()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "cause"),
    [(breaking.REJECTS, "TypeError"), (breaking.LACKS, "AttributeError"), (breaking.ABSENT, "ModuleNotFoundError")],
)
def test_whatever_pyav_raises_is_one_clear_error(tmp_path, how, cause):
    code = (
        "from longtake import preflight\nfrom longtake.errors import PreflightError\n"
        "try:\n    preflight.check_media()\n"
        "except PreflightError as error:\n    print(error.check, error.step, error.cause, error.exit_code, error)\n"
    )
    env = {**os.environ, **breaking.pyav(tmp_path, how)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"media probe {cause} 2 this machine cannot probe a sample clip with PyAV ")
    assert "pip install --upgrade longtake av" in done.stdout


def test_an_input_that_pyav_cannot_read_is_not_called_broken(tmp_path):
    code = (
        "from longtake import media\nfrom longtake.errors import PreflightError\n"
        "from longtake.preflight.rehearsal import SAMPLE\n"
        "try:\n    media.inspect(SAMPLE)\nexcept PreflightError as error:\n    print(error.exit_code, error)\n"
    )
    env = {**os.environ, **breaking.pyav(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 PyAV cannot be used to read sample.mp4: TypeError: open() got an unexpected")


# -- the store -----------------------------------------------------------------------------------------------------------


def test_a_bucket_that_ignores_conditions_is_refused(careless_bucket):
    with pytest.raises(PreflightError, match="cannot carry a ledger: it overwrites") as caught:
        preflight.check_store(stores.open(f"s3://{careless_bucket}/films"))
    assert (caught.value.exit_code, caught.value.check, caught.value.step) == (2, "store", "create")
    assert "nothing was charged" in caught.value.next_step


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    folder = breaking.unwritable(tmp_path / "store")
    with pytest.raises(PreflightError, match="does not work") as caught:
        preflight.check_store(stores.open(str(folder)))
    assert (caught.value.check, caught.value.cause) == ("store", "StoreError")
    assert str(folder) in caught.value.message


# -- the disk ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["temporary", "stored"])
def test_a_disk_that_is_too_small_is_named_with_both_numbers(folder_store, tmp_path, where):
    with pytest.raises(PreflightError, match=r"of disk are free, and this run may write 1024\.\d GiB") as caught:
        preflight.check_disk(folder_store, preflight.Spool(**{where: 1024**4}))
    assert caught.value.check == "disk"
    assert "nothing was charged" in caught.value.next_step


def test_what_a_run_writes_is_its_clips_and_its_film(resolved, planned):
    def estimate(**options):
        return preflight.estimate(resolved, planned, catalog=CATALOG, **options)

    frames = 2 * 3 * 1280 * 720
    here = estimate(local=True)
    clip = (here.stored - 3 * frames) / (3 + 2)  # three takes, and a film of two shots
    assert 2e6 < clip / 5 * 8 < 8e6, "a rate that was seen at 720p"
    assert here.temporary == pytest.approx(3 * (2 * clip + frames), rel=0.01)
    away = estimate(local=False)
    assert away.stored == 0
    assert away.temporary == here.temporary
    assert estimate(local=True, only=["one"]).temporary == pytest.approx(2 * clip + frames, rel=0.01)
    kept = planned.model_copy(update={"shots": tuple(row.model_copy(update={"to_buy": 0}) for row in planned.shots)})
    joined = preflight.estimate(resolved, kept, catalog=CATALOG, local=False)
    assert joined.temporary == pytest.approx(4 * clip, rel=0.01)  # the clips and the film


def test_no_folder_for_temporary_files_is_an_error_of_the_disk(tmp_path):
    code = (
        "import tempfile; tempfile._candidate_tempdir_list = lambda: []\n"
        "from longtake import preflight, store\nfrom longtake.errors import PreflightError\n"
        "try:\n    preflight.check_disk(store.open('a-store'))\n"
        "except PreflightError as error:\n    print(error.check, error.cause, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("disk FileNotFoundError free disk cannot be measured"), done.stderr
    assert "TMPDIR" in done.stdout


# -- when it is paid -----------------------------------------------------------------------------------------------------


def test_it_is_needed_for_what_is_bought_in_flight_or_joined_and_for_nothing_else(planned):
    assert preflight.needed(planned)
    there = [row.model_copy(update={"to_buy": 0, "state": "current"}) for row in planned.shots]
    done = planned.model_copy(update={"shots": tuple(there), "joined": "there"})
    assert not preflight.needed(done)
    unjoined = done.model_copy(update={"joined": "to join"})
    assert preflight.needed(unjoined)
    assert not preflight.needed(unjoined, only=["one"])
    in_flight = there[1].model_copy(update={"attempt": "a17", "state": "under way"})
    open_one = done.model_copy(update={"shots": (there[0], in_flight)})
    assert preflight.needed(open_one)
    assert preflight.needed(open_one, only=["two"])
    assert not preflight.needed(open_one, only=["one"])
