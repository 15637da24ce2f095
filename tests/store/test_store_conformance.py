"""What every store does: one suite for memory, the local folder and S3 over the wire."""

import itertools
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from longtake import store
from longtake.errors import StoreError
from longtake.store import multipart
from longtake.store.multipart import PART

BAD_KEYS = [
    "",
    "/etc/passwd",
    "../outside",
    "media/../../outside",
    "media/..",
    "a..b",
    ".tmp/x",
    "media/.hidden",
    "media//x",
    "media/",
    "a b",
    "ä",
    "a\nb",
    "a\n",
    "a\0b",
    "a?b",
    "a%2e",
    "a\\b",
    "x" * 256,
    "x/" * 256 + "x",
]


def test_the_first_writer_creates_and_the_second_is_told_so(any_store):
    assert any_store.put_if_absent("ledger/a/1.json", b"first") is True
    assert any_store.put_if_absent("ledger/a/1.json", b"second") is False
    assert any_store.get("ledger/a/1.json") == b"first"


def test_equal_bytes_of_another_writer_are_still_not_ours(any_store):
    assert any_store.put_if_absent("takes/1.json", b"same") is True
    assert any_store.put_if_absent("takes/1.json", b"same") is False


def test_an_empty_object_is_an_object(any_store):
    assert any_store.put_if_absent("empty", b"") is True
    assert any_store.put_if_absent("empty", b"x") is False
    assert any_store.get("empty") == b""
    assert any_store.head("empty").size == 0


def test_many_threads_race_and_one_wins(any_store):
    line = threading.Barrier(16)

    def write(number):
        line.wait()
        return any_store.put_if_absent("ledger/a/race.json", str(number).encode())

    with ThreadPoolExecutor(16) as pool:
        won = [number for number, made in enumerate(pool.map(write, range(16))) if made]
    assert len(won) == 1
    assert any_store.get("ledger/a/race.json") == str(won[0]).encode()


def test_the_race_probe_trusts_it(any_store):
    assert store.race(any_store, writers=12, rounds=2).atomic is True


def test_an_absent_key_gives_nothing_and_cannot_be_downloaded(any_store, tmp_path):
    any_store.put_if_absent("media/clip.mp4", b"x")
    for key in ("nothing", "media", "media/clip.mp4/below", "other/folder/deep"):
        assert any_store.get(key) is None
        assert any_store.head(key) is None
        with pytest.raises(StoreError) as raised:
            any_store.download(key, tmp_path / "copy")
        assert raised.value.key == key
    assert not list(tmp_path.glob("*copy*"))
    assert not list(any_store.list("other/"))


def test_get_refuses_what_is_larger_than_expected(any_store):
    any_store.put_if_absent("big", b"x" * 100)
    assert any_store.get("big", limit=100) == b"x" * 100
    with pytest.raises(StoreError, match="big is larger than the 99 bytes"):
        any_store.get("big", limit=99)


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 4, b"0123"), (8, 100, b"89"), (10, 5, b""), (99, 5, b""), (3, 1, b"3"), (3, 0, b"")],
)
def test_parts_of_an_object_are_read(any_store, start, length, expected):
    any_store.put_if_absent("digits", b"0123456789")
    with any_store.reader("digits") as file:
        file.seek(start)
        assert file.read(length) == expected


@pytest.mark.parametrize("size", [0, 1000, PART, 2 * PART + 12345])
def test_a_file_goes_in_whole_or_in_parts_and_comes_out_the_same(any_store, tmp_path, size, monkeypatch):
    monkeypatch.setattr(multipart, "LARGEST_PUT", PART)
    data = bytes(range(251)) * (size // 251 + 1)
    source = tmp_path / "source.mp4"
    source.write_bytes(data[:size])
    any_store.put_file("media/clip.mp4", source, content_type="video/mp4")
    found = any_store.head("media/clip.mp4")
    assert (found.key, found.size, found.content_type) == ("media/clip.mp4", size, "video/mp4")
    assert abs(found.modified - datetime.now(UTC)) < timedelta(days=1)
    into = tmp_path / "new folder" / "copy.mp4"
    any_store.download("media/clip.mp4", into)
    assert into.read_bytes() == source.read_bytes()
    assert [path.name for path in into.parent.iterdir()] == ["copy.mp4"]


def test_a_file_of_the_same_size_is_not_sent_again_and_a_cut_one_is_mended(any_store, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"right")
    any_store.put_if_absent("media/there", b"RIGHT")
    any_store.put_file("media/there", source, content_type="image/png")
    assert any_store.get("media/there") == b"RIGHT"
    any_store.put_if_absent("media/cut", b"rig")
    any_store.put_file("media/cut", source, content_type="image/png")
    assert any_store.get("media/cut") == b"right"


def test_a_missing_file_is_an_error_and_no_object(any_store, tmp_path):
    with pytest.raises(StoreError, match="media/x"):
        any_store.put_file("media/x", tmp_path / "missing", content_type="video/mp4")
    assert any_store.head("media/x") is None


def test_download_takes_the_place_of_an_older_file(any_store, tmp_path):
    any_store.put_if_absent("media/x", b"new")
    into = tmp_path / "film"
    into.write_bytes(b"older and longer")
    any_store.download("media/x", into)
    assert into.read_bytes() == b"new"


def test_download_into_a_place_that_cannot_be_written(any_store, tmp_path):
    any_store.put_if_absent("media/x", b"new")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="media/x"):
        any_store.download("media/x", tmp_path / "file" / "below")


KEYS = sorted(
    ["a", "a-b/x", "a-c", "a.b", "aa", "b/1", "b/2/1", "b/2/2", "b/2-1", "b/3", "c/x.json", "0", "Z", "_"]
    + [f"ledger/acc/{number:06}.json" for number in range(12)]
)


PREFIXES = ["", "a", "a-", "a-b", "a-b/", "b", "b/", "b/2", "b/2/", "ledger/acc/00001", "nothing", "c/x"]
AFTERS = [None, "", "0", "a", "a-b", "b/2", "b/2/1", "ledger/acc/000009.json", "zzz"]


def test_lists_are_sorted_and_cut(any_store):
    for key in KEYS:
        any_store.put_if_absent(key, b"x")
    for prefix, after in itertools.product(PREFIXES, AFTERS):
        expected = [key for key in KEYS if key.startswith(prefix) and key > (after or "")]
        # Cut where the end is told anyway, and whole elsewhere: every question is asked once.
        limit = 2 if after in {"", "a-b", "zzz"} else None
        assert list(any_store.list(prefix, after=after, limit=limit)) == expected[:limit], (prefix, after)
    assert not list(any_store.list("", limit=0))


def test_a_folder_sorts_as_its_keys_do(any_store):
    for key in ("a/x", "a-b", "a0", "a.c"):
        any_store.put_if_absent(key, b"")
    assert list(any_store.list("")) == ["a-b", "a.c", "a/x", "a0"]


def test_a_bad_key_is_refused_everywhere(any_store, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for key in BAD_KEYS:
        _refused_everywhere(any_store, key, source)


def _refused_everywhere(any_store, key, source):
    calls = [
        lambda: any_store.put_if_absent(key, b"x"),
        lambda: any_store.put_file(key, source, content_type="image/png"),
        lambda: any_store.get(key),
        lambda: any_store.download(key, source.parent / "copy"),
        lambda: any_store.reader(key),
        lambda: any_store.delete([key]),
        lambda: any_store.head(key),
        lambda: any_store.url_for_others(key),
        lambda: any_store.path(key),
    ]
    for call in calls:
        with pytest.raises(StoreError, match="key"):
            call()


@pytest.mark.parametrize("prefix", ["/", "../", "a/../b", ".tmp", "a//", "ä", "x" * 600])
def test_a_bad_prefix_is_refused(any_store, prefix):
    with pytest.raises(StoreError):
        any_store.list(prefix)
    with pytest.raises(StoreError):
        any_store.list("", after=prefix)


@pytest.mark.parametrize("key", ["x", "A-Z_0.9/b.c", "x" * 255, ("x" * 127 + "/") * 3 + "y" * 128])
def test_a_key_of_allowed_characters_is_stored_under_its_name(any_store, key):
    assert any_store.put_if_absent(key, b"x")
    assert list(any_store.list("")) == [key]
    assert any_store.get(key) == b"x"


def test_errors_pickle(any_store):
    with pytest.raises(StoreError) as raised:
        any_store.get("../x")
    again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own bytes
    assert (str(again), again.key) == (str(raised.value), raised.value.key)


@pytest.mark.parametrize("any_store", ["local", "moto", "ministack"], indirect=True)
def test_the_uri_opens_the_same_store(any_store):
    any_store.put_if_absent("x", b"here")
    assert store.open(any_store.uri).get("x") == b"here"


@pytest.mark.parametrize("any_store", ["local", "moto", "ministack"], indirect=True)
def test_others_read_an_object_below_the_public_url(any_store):
    public = store.open(any_store.uri, public_url="https://media.example.com/films/")
    assert public.url_for_others("media/a.png") == "https://media.example.com/films/media/a.png"
