"""What only a local folder does: processes that race, files on disk, file systems in trouble."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from longtake import store
from longtake.errors import StoreError

RACER = """
import json, sys
from longtake import store
opened = store.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
won = [n for n in range(60) if opened.put_if_absent(f"ledger/a/{n:06}.json", f"{sys.argv[2]}:{n}".encode())]
print(json.dumps(won), flush=True)
"""


def test_processes_race_and_each_key_has_one_winner(tmp_path):
    folder = tmp_path / "store"
    command = [sys.executable, "-c", RACER, str(folder)]
    racers = [
        subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(6)
    ]
    try:
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        won = [json.loads(racer.communicate(timeout=150)[0]) for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
            racer.wait()
    assert Counter(key for keys in won for key in keys) == Counter(range(60))
    opened = store.open(str(folder))
    for number, keys in enumerate(won):
        for key in keys:
            assert opened.get(f"ledger/a/{key:06}.json") == f"{number}:{key}".encode()
    assert not list((folder / ".tmp").iterdir())


def test_every_new_object_is_synced_before_it_has_its_name_and_its_folder_after(tmp_path, monkeypatch):
    happened = []
    fsync, link = os.fsync, os.link

    def note_fsync(handle):
        happened.append(("sync", str(Path(f"/proc/self/fd/{handle}").readlink())))
        fsync(handle)

    def note_link(source, target):
        happened.append(("link", str(target)))
        link(source, target)

    opened = store.open(str(tmp_path))
    opened.put_if_absent("ledger/first", b"1")
    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "link", note_link)
    opened.put_if_absent("ledger/second", b"2")
    assert [what for what, _ in happened] == ["sync", "link", "sync"]
    assert happened[0][1].startswith(str(tmp_path / ".tmp"))
    assert happened[1:] == [("link", str(tmp_path / "ledger" / "second")), ("sync", str(tmp_path / "ledger"))]


def test_a_lost_answer_of_link_is_recognised(tmp_path, monkeypatch):
    link = os.link

    def linked_but_says_not(source, target):
        link(source, target)
        raise FileExistsError

    monkeypatch.setattr(os, "link", linked_but_says_not)
    opened = store.open(str(tmp_path))
    (tmp_path / "ledger").mkdir()
    assert opened.put_if_absent("ledger/x", b"1") is True


def test_a_file_system_without_hard_links_is_named(tmp_path, monkeypatch):
    def refused(_source, _target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(StoreError, match=r"x could not be written .*hard links"):
        store.open(str(tmp_path)).put_if_absent("x", b"1")
    assert not list((tmp_path / ".tmp").iterdir())


def test_a_full_disk_leaves_no_object(tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    opened = store.open(str(tmp_path))
    opened.put_if_absent("ledger/1", b"")
    source = tmp_path / "source"
    source.write_bytes(b"clip")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        opened.put_if_absent("ledger/2", b"1")
    with pytest.raises(StoreError, match="No space left"):
        opened.put_file("media/2", source, content_type="video/mp4")
    assert list(opened.list("")) == ["ledger/1", "source"]
    assert not list((tmp_path / ".tmp").iterdir())


def test_a_key_cannot_be_both_object_and_folder(tmp_path):
    opened = store.open(str(tmp_path))
    opened.put_if_absent("a/b", b"1")
    with pytest.raises(StoreError, match="a could not be written"):
        opened.put_if_absent("a", b"2")
    with pytest.raises(StoreError, match="a/b/c could not be written"):
        opened.put_if_absent("a/b/c", b"3")


def test_leftovers_of_killed_processes_are_swept_and_fresh_ones_left(tmp_path):
    folder = tmp_path / ".tmp"
    folder.mkdir()
    for name, age in (("old", 2 * 86400), ("fresh", 60)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    store.open(str(tmp_path)).put_if_absent("x", b"1")
    assert [path.name for path in folder.iterdir()] == ["fresh"]


def test_strangers_in_the_folder_are_not_listed(tmp_path):
    opened = store.open(str(tmp_path))
    opened.put_if_absent("media/a.png", b"1")
    (tmp_path / "media" / ".DS_Store").write_bytes(b"")
    (tmp_path / "media" / "with space").write_bytes(b"")
    (tmp_path / ".tmp" / "half").write_bytes(b"")
    assert list(opened.list("")) == ["media/a.png"]


def test_lists_read_only_the_folders_that_can_hold_what_is_wanted(tmp_path, monkeypatch):
    opened = store.open(str(tmp_path))
    for key in ("films/a/b/x", "ledger/one/1", "ledger/two/1", "media/x"):
        opened.put_if_absent(key, b"")
    scandir, read = os.scandir, []

    def note(folder):
        read.append(str(folder).removeprefix(str(tmp_path)))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", note)
    assert list(opened.list("ledger/one/")) == ["ledger/one/1"]
    assert list(opened.list("", after="ledger/two/1")) == ["media/x"]
    assert list(opened.list("", limit=1)) == ["films/a/b/x"]
    assert read == ["/ledger/one", "", "/ledger", "/ledger/two", "/media", "", "/films", "/films/a", "/films/a/b"]


def test_a_folder_has_paths_and_no_urls(tmp_path):
    opened = store.open(str(tmp_path))
    opened.put_if_absent("media/a.png", b"1")
    assert opened.path("media/a.png").read_bytes() == b"1"
    assert opened.path("media/b.png") == tmp_path / "media" / "b.png"
    assert opened.url_for_others("media/a.png") is None
