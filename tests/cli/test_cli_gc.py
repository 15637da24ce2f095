"""`longtake gc` at the command line: what it says, what it takes, and where it ends."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest

from longtake import store as stores
from longtake.cli import main
from longtake.store import multipart, s3client

DIGEST = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def place(settings, tmp_path):
    """A store in which one old clip is named by nobody, and one young."""
    found = stores.open(str(tmp_path / "store"))
    for number in "45":
        found.put_if_absent(f"media/{number}{DIGEST[1:]}.mp4", b"clip" * 600)
    os.utime(found.path(f"media/4{DIGEST[1:]}.mp4"), (0, 0))
    return found


def longtake(capsys, *words: str) -> tuple[int, str]:
    code = main(list(words))
    return code, capsys.readouterr().out


def test_it_lists_and_removes_nothing_by_itself(place, capsys):
    code, out = longtake(capsys, "gc")
    assert code == 0
    assert f"media/4{DIGEST[1:]}.mp4  (media that nothing names)" in out
    assert "2,400 bytes in 1 object that nothing needs, of 2 objects" in out
    assert "1 object younger than 24 h" in out
    assert "`longtake gc --delete`" in out
    assert len(list(place.list("media/"))) == 2


def test_with_delete_it_is_gone(place, capsys):
    code, out = longtake(capsys, "gc", "--delete")
    assert code == 0
    assert "removed: 1 object, 2,400 bytes" in out
    assert list(place.list("")) == [f"media/5{DIGEST[1:]}.mp4"]


def test_machines_are_told_all_of_it(place, capsys):
    code, out = longtake(capsys, "gc", "--json", "--older-than", "0.0")
    told = json.loads(out)
    assert code == 0
    assert set(told) == {"garbage", "bytes", "objects", "young", "held", "unknown", "uploads", "deleted"}
    assert set(told["garbage"][0]) == {"key", "what", "bytes", "hours", "deleted"}
    assert (told["bytes"], told["objects"], len(told["garbage"]), told["deleted"]) == (4800, 2, 2, False)


@pytest.mark.parametrize("hours", ["-1", "many", "nan", "inf"])
def test_hours_that_are_none_are_bad_input(capsys, hours):
    assert longtake(capsys, "gc", f"--older-than={hours}")[0] == 2


@pytest.mark.parametrize("end", [False, True])
def test_uploads_to_s3_that_never_ended_are_told_and_ended(bucket, capsys, monkeypatch, end):
    monkeypatch.setenv("LONGTAKE_STORE", f"s3://{bucket}/films")
    aws = s3client.client(bucket)
    aws.create_multipart_upload(Bucket=bucket, Key="films/media/begun")
    others = ["films/backups/begun", "films/media/of others", "of-others/media/begun"]
    for key in others:
        aws.create_multipart_upload(Bucket=bucket, Key=key)
    monkeypatch.setattr(multipart, "ABANDONED_AFTER", timedelta(days=-1))
    code, out = longtake(capsys, "gc", "--json", *(["--delete"] if end else []))
    assert (code, json.loads(out)["uploads"]) == (0, 1)
    left = [each["Key"] for each in aws.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
    assert sorted(left) == sorted([*([] if end else ["films/media/begun"]), *others])
