"""What does not work on this machine ends `longtake run` with exit code 2 before the provider has seen a POST."""

from __future__ import annotations

import os

import breaking
import pytest
from s3_servers import KEY, SECRET

SCENES = {"one": [{"id": "pier", "prompt": "A pier"}]}


def refused(ran):
    assert ran.code == 2, f"exit code {ran.code}\n{ran.out}\n{ran.err}"
    error = ran.answer["error"]
    assert error["kind"] == "PreflightError"
    return error


@pytest.mark.slow
def test_a_pyav_of_another_version(stage, tmp_path):
    here = stage()
    broken = breaking.pyav(tmp_path / "shim")
    with here.started("run", here.board("Pyav", SCENES), "--json", **broken) as running:
        ran = here.finished(running)
    error = refused(ran)
    assert "cannot probe a sample clip" in error["message"]
    assert "TypeError: open() got an unexpected keyword argument" in error["message"]
    assert here.provider.posts == 0


@pytest.mark.slow
def test_an_ffmpeg_that_fails_costs_nothing_and_only_runs_that_need_one_are_refused(stage, tmp_path):
    here = stage()
    board, bad = here.board("Ffmpeg", SCENES), str(breaking.bad_ffmpeg(tmp_path / "ffmpeg"))
    error = refused(here.longtake("run", board, "--json", LONGTAKE_FFMPEG=bad))
    assert "cannot concatenate a sample clip" in error["message"]
    assert bad in error["message"]
    assert "unset LONGTAKE_FFMPEG" in error["next_step"]
    assert here.provider.posts == 0
    assert here.run(board).states == {"pier": "bought"}
    # The film is there: this run buys, keeps and joins nothing.
    assert here.run(board, LONGTAKE_FFMPEG=bad).states == {"pier": "current"}
    assert here.provider.posts == 1


def test_a_store_that_cannot_be_written(stage, tmp_path):
    here = stage()
    folder = breaking.unwritable(tmp_path / "store")
    error = refused(here.longtake("run", here.board("Locked", SCENES), "--json", LONGTAKE_STORE=str(folder)))
    assert str(folder) in error["message"]
    assert here.provider.posts == 0


def test_a_bucket_that_ignores_conditions(stage, careless_bucket):
    here = stage()
    there = {name: os.environ[name] for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE")}
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1", **there}
    board = here.board("Careless", SCENES)
    error = refused(here.longtake("run", board, "--json", LONGTAKE_STORE=f"s3://{careless_bucket}/films", **keys))
    assert "cannot carry a ledger" in error["message"]
    assert here.provider.posts == 0
