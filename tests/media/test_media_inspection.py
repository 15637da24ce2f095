"""A reference input that is truncated or damaged is refused, with its name and the reason, before anything is paid for it."""

from __future__ import annotations

import random

import pytest

from longtake import media
from longtake.errors import MediaError

PICTURE = ("-f", "lavfi", "-i", "mandelbrot=s=322x240", "-frames:v", "1")
NOISE = ("-f", "lavfi", "-i", "anoisesrc=d=1.5:a=0.3")


def sources(studio):
    # Only a PNG has checksums: of the others, flips mostly leave a picture or a sound that decodes.
    yield studio.file("whole.png", *PICTURE), True, True
    yield studio.file("whole.jpg", *PICTURE), True, False
    yield studio.file("whole.webp", *PICTURE), True, False
    yield studio.file("whole.gif", *PICTURE), True, False
    yield studio.file("whole.tiff", *PICTURE), True, False
    yield studio.clip("plain"), True, False
    yield studio.file("whole.mp3", *NOISE), True, False
    yield studio.file("whole.wav", *NOISE), True, False
    yield studio.file("whole.m4a", *NOISE), True, False


def test_damaged_references_are_refused(studio, tmp_path):
    dice = random.Random(15)
    for whole, cut, flipped in sources(studio):
        media.inspect(whole)
        data = whole.read_bytes()
        broken = tmp_path / f"broken{whole.suffix}"
        variants = [data[: int(len(data) * dice.uniform(0.02, 0.98))] for _ in range(12 * cut)]
        for _ in range(25 * flipped):
            at = dice.randrange(8, len(data))
            variants.append(data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :])
        for variant in variants:
            broken.write_bytes(variant)
            with pytest.raises(MediaError, match=rf"broken\{whole.suffix}"):
                media.inspect(broken)


def test_a_gif_or_mp3_that_says_nothing_of_its_end_is_taken(studio, tmp_path):
    moving = studio.file("moving.gif", "-f", "lavfi", "-i", "testsrc=s=320x240:r=10:d=0.5")
    (tmp_path / "behind.gif").write_bytes(moving.read_bytes() + b"more")
    (tmp_path / "endless.gif").write_bytes(moving.read_bytes()[:-1])
    plain = studio.file("plain.mp3", *NOISE, "-write_xing", "0")
    tagged = studio.file("tagged.mp3", *NOISE, "-write_id3v1", "1", "-metadata", "title=T")
    for path in (moving, tmp_path / "behind.gif", tmp_path / "endless.gif", plain, tagged):
        assert media.inspect(path).format == path.suffix[1:]


def test_bytes_behind_a_jpeg_are_no_damage(studio, tmp_path):
    data = studio.file("whole.jpg", *PICTURE).read_bytes()
    for more in (bytes(10), random.Random(1).randbytes(5000), data):
        (tmp_path / "phone.jpg").write_bytes(data + more)
        assert media.inspect(tmp_path / "phone.jpg").width == 322


def test_a_cover_picture_is_not_part_of_a_sound(studio, tmp_path):
    cover = studio.file("whole.png", *PICTURE)
    sound = studio.file("whole.mp3", *NOISE)
    both = studio.file("cover.mp3", "-i", str(sound), "-i", str(cover), "-map", "0", "-map", "1", "-c", "copy")
    assert media.inspect(both).kind == "audio"
