from __future__ import annotations

import random

import pytest

from longtake import media
from longtake.errors import MediaError


@pytest.fixture(scope="module")
def clip(studio):
    return studio.clip("checked", frames=97)


def test_a_clip_that_decodes_passes(clip):
    facts = media.check_clip(clip)
    assert (facts.frames, facts.width, facts.height) == (97, 160, 120)


def test_another_frame_rate_is_refused(studio):
    with pytest.raises(MediaError, match="expected 24 frames a second, got 30"):
        media.check_clip(studio.clip("thirty", rate=30, audio=False))


def test_another_codec_is_refused(studio):
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=24", "-frames:v", "25", "-c:v", "mpeg4")
    with pytest.raises(MediaError, match=r"expected H\.264 or H\.265, got mpeg4"):
        media.check_clip(studio.file("old.mp4", *source))


def test_html_is_named(tmp_path):
    page = tmp_path / "clip.mp4"
    page.write_text("<html><body>This link has expired</body></html>")
    with pytest.raises(MediaError, match=r"clip\.mp4: expected MP4, got HTML"):
        media.check_clip(page)
    with pytest.raises(MediaError, match=r"clip\.mp4: expected PNG, got HTML"):
        media.check_image(page)


def test_a_picture_is_no_clip_and_a_clip_no_picture(studio, clip):
    picture = studio.file("a.png", "-f", "lavfi", "-i", "testsrc2=s=322x240", "-frames:v", "1")
    with pytest.raises(MediaError, match="expected MP4, got PNG"):
        media.check_clip(picture)
    with pytest.raises(MediaError, match="expected PNG, got MP4"):
        media.check_image(clip)


def test_damage_in_the_middle_of_a_clip_is_found(clip, tmp_path):
    whole = bytearray(clip.read_bytes())
    start = whole.find(b"mdat") + 4
    for at in range(start + 2000, start + 6000):
        whole[at] = 0xA5
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(whole)
    with pytest.raises(MediaError, match=r"damaged\.mp4"):
        media.check_clip(damaged)


def test_damage_that_libav_would_paint_over_is_found(clip, tmp_path):
    import av

    with av.open(str(clip)) as container:
        first = next(iter(container.demux(video=0)))
        half, end = first.pos + first.size // 2, first.pos + first.size
    whole = bytearray(clip.read_bytes())
    whole[half:end] = b"\xff" * (end - half)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(whole)
    with pytest.raises(MediaError, match=r"damaged\.mp4: frame 0 of 97 is damaged"):
        media.check_clip(damaged)


def test_a_damaged_clip_gets_the_same_verdict_each_time(clip, tmp_path):
    import av

    with av.open(str(clip)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size > 16]
    dice, damaged = random.Random(1), tmp_path / "damaged.mp4"
    for _ in range(12):
        whole = bytearray(clip.read_bytes())
        start, size = dice.choice(packets)
        whole[start + dice.randrange(8, size)] ^= 1 << dice.randrange(8)
        damaged.write_bytes(whole)
        assert len({_verdict(damaged) for _ in range(6)}) == 1


def _verdict(clip):
    try:
        return media.check_clip(clip)
    except MediaError as error:
        return str(error)


@pytest.mark.parametrize("format", ["rgb24", "rgba", "rgb48be", "gray", "pal8"])
def test_a_png_is_known_to_be_whole_without_decoding(studio, tmp_path, format):  # noqa: A002 - its word everywhere
    words = ("-f", "lavfi", "-i", "testsrc2=s=322x240", "-frames:v", "1", "-pix_fmt", format)
    whole = studio.file(f"{format}.png", *words).read_bytes()
    other = tmp_path / "other.png"
    other.write_bytes(whole)
    assert media.is_whole_png(other)
    for spoiled in (
        whole[:-20],
        whole[: len(whole) // 2],
        whole[:40],
        b"",
        b"<html></html>",
        whole[:200] + whole[204:],
    ):
        other.write_bytes(spoiled)
        assert not media.is_whole_png(other)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    other.write_bytes(flipped)
    assert not media.is_whole_png(other)


def test_a_png_as_asked_for_passes_and_a_cut_one_does_not(studio, tmp_path):
    picture = studio.file("a.png", "-f", "lavfi", "-i", "testsrc2=s=322x240", "-frames:v", "1")
    assert media.check_image(picture, pixels=(322, 240)).frames == 1
    with pytest.raises(MediaError, match="expected 854×480 pixels, got 322×240"):
        media.check_image(picture, pixels=(854, 480))
    cut = tmp_path / "cut.png"
    cut.write_bytes(picture.read_bytes()[:40])
    with pytest.raises(MediaError, match=r"cut\.png"):
        media.check_image(cut)
