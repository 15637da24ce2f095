"""The contact sheet: of what the store has, bounded, and whole though pictures are missing."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import av
import pytest

from longtake import library, media
from longtake import store as stores
from longtake.errors import MediaError, StoreError
from longtake.library import pictures
from longtake.media import ffmpeg
from longtake.report import MOST_PICTURES, contact_sheet, kept_sheet

RED, BLUE = (200, 40, 40), (40, 40, 200)


@pytest.fixture
def store(tmp_path):
    return stores.open((tmp_path / "store").as_uri())


@pytest.fixture
def take(store, tmp_path):
    """`take(number, color, size)`: a take whose last frame is in the store."""

    def make(number=1, color=RED, size="160x90", *, shot="dawn/rocks"):
        path = tmp_path / f"{shot.replace('/', '-')}-{number}-{size}.png"
        source = f"color=c=0x{bytes(color).hex()}:s={size}:r=1:d=1"
        ffmpeg.run(["-f", "lavfi", "-i", source, "-frames:v", "1", "-f", "image2", ffmpeg.file_url(path)])
        key = f"media/{path.stem}.png"
        store.put_file(key, path, content_type="image/png")
        return SimpleNamespace(shot=shot, take=number, last_frame=SimpleNamespace(key=key))

    return make


def gone(number=1):
    return SimpleNamespace(shot="dawn/gone", take=number, last_frame=SimpleNamespace(key="media/gone.png"))


def opened(jpeg: bytes):
    """Size and pixels of a JPEG."""
    with av.open(io.BytesIO(jpeg)) as file:
        frame = next(file.decode(video=0)).reformat(format="rgb24")
        plane = frame.planes[0]
        raw, stride = bytes(plane), plane.line_size
    return (frame.width, frame.height), lambda x, y: tuple(raw[y * stride + 3 * x : y * stride + 3 * x + 3])


def near(one, other):
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 20


def test_each_take_has_its_picture_in_its_colors_and_a_label_below(store, take):
    size, at = opened(contact_sheet([take(1), take(2, BLUE)], store))
    assert size == (512, 176)
    assert near(at(128, 70), RED)
    assert near(at(376, 70), BLUE)
    labels = [max(at(x, y)) for y in range(143, 161) for x in range(8, 248)]
    assert max(labels) > 180
    assert sum(level > 128 for level in labels) > 100


def test_upright_and_lying_pictures_keep_their_shapes(store, take):
    _, at = opened(contact_sheet([take(1, size="90x160"), take(2, BLUE)], store))
    assert near(at(8 + 120, 130), RED)
    assert not near(at(8 + 10, 130), RED)
    assert near(at(256 + 10, 128), BLUE)
    assert not near(at(256 + 120, 20), BLUE)


def test_a_frame_that_cannot_be_read_leaves_a_grey_field(store, take):
    _, at = opened(contact_sheet([take(1), gone()], store))
    assert near(at(128, 70), RED)
    assert near(at(376, 70), (48, 48, 48))


def test_a_truncated_frame_leaves_a_grey_field(store, take):
    whole = store.get(take(2, BLUE).last_frame.key)
    store.put_if_absent("media/truncated.png", whole[: len(whole) // 2])
    cut = SimpleNamespace(shot="dawn/cut", take=1, last_frame=SimpleNamespace(key="media/truncated.png"))
    _, at = opened(contact_sheet([take(1), cut], store))
    assert near(at(128, 70), RED)
    assert near(at(376, 70), (48, 48, 48))


def test_no_frame_at_all_is_an_error(store):
    with pytest.raises(StoreError, match=r"gone\.png"):
        contact_sheet([gone(), gone(2)], store)


def test_of_a_thousand_shots_so_many_are_shown_evenly_and_the_sheet_stays_small(store, take):
    takes = [take(number, (number * 4, 100, 200), shot="s/x") for number in (1, 2, 3)]
    many = [takes[number % 3] for number in range(999)] + [take(4, RED)]
    labels = [f"scene-{number}/shot" for number in range(1000)]
    made = contact_sheet(many, store, labels=labels)
    size, at = opened(made)
    assert size[0] <= 1700
    assert size[1] // (135 + 18 + 8) * (size[0] // 248) == MOST_PICTURES
    assert len(made) <= 240_000
    assert near(at(size[0] - 16 - 120, size[1] - 16 - 18 - 67), RED)


def test_a_kept_sheet_is_drawn_once(store, take):
    one = take(1)
    made = kept_sheet("films/a/1/sheet.jpg", [one], store)
    assert kept_sheet("films/a/1/sheet.jpg", [gone()], store) == made
    assert store.head("films/a/1/sheet.jpg").content_type in {"image/jpeg", None}


def test_any_label_can_be_set(take, store):
    one = media.thumbnail(store.path(take(1).last_frame.key))
    for label in ("", "a", "x" * 200, "ünïcode/🎬 · take 12", "two\nlines", "abcdefghijklmnopqrstuvwxyz_0123456789-./"):
        assert opened(media.sheet([(one, label)]))[0] == (256, 176)


def test_pictures_are_drawn_by_many_threads_at_once(take, store, monkeypatch):
    monkeypatch.setattr(pictures, "MOST", 3)
    keys = [take(number).last_frame.key for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda key: library.picture(store, key), keys * 40))
    assert drawn == drawn[:8] * 40


def test_a_png_that_grows_in_a_second_header_is_not_decoded(take, store):
    whole = store.get(take(1).last_frame.key)
    huge = b"IHDR" + struct.pack(">II", 30_000, 30_000) + whole[24:29]
    second = struct.pack(">I", 13) + huge + struct.pack(">I", zlib.crc32(huge))
    store.put_if_absent("media/grows.png", whole[:33] + second + whole[33:])
    with pytest.raises(MediaError):
        library.picture(store, "media/grows.png")
