from __future__ import annotations

import pickle
import random
import struct
import zlib
from fractions import Fraction

import pytest

from longtake import media
from longtake.errors import MediaError

PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=322x240", "-frames:v", "1")
TONE = ("-f", "lavfi", "-i", "sine=440", "-t", "1.5")


def test_a_clip_is_described_stream_by_stream(studio):
    facts = media.probe(studio.clip("plain"))
    assert (facts.kind, facts.format, facts.codec, facts.profile, facts.pix_fmt) == (
        "video",
        "mp4",
        "h264",
        "High",
        "yuv420p",
    )
    assert (facts.width, facts.height, facts.frames, facts.fps, facts.sar) == (160, 120, 49, 24, 1)
    assert facts.seconds == pytest.approx(49 / 24)
    assert facts.audio is not None
    assert (facts.audio.codec, facts.audio.rate, facts.audio.channels) == ("aac", 44100, 1)
    assert facts.audio.seconds == pytest.approx(49 / 24, abs=0.03)


def test_a_broadcast_rate_is_exact(studio):
    assert media.probe(ntsc(studio)).fps == (Fraction(24000, 1001))


def ntsc(studio):
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=24000/1001", "-frames:v", "30", "-c:v", "libx264")
    return studio.file("ntsc.mp4", *source)


@pytest.mark.parametrize(
    ("name", "form", "size"),
    [(f"a.{s}", f, (322, 240)) for s, f in [("png", "png"), ("jpg", "jpeg"), ("webp", "webp"), ("bmp", "bmp")]]
    + [("a.tiff", "tiff", (322, 240)), ("a.gif", "gif", (322, 240))],
)
def test_an_image_is_known_by_its_content(studio, tmp_path, name, form, size):
    hidden = tmp_path / "photo.mp4"
    hidden.write_bytes(studio.file(name, *PICTURE).read_bytes())
    facts = media.inspect(hidden)
    assert (facts.kind, facts.format, (facts.width, facts.height), facts.seconds) == ("image", form, size, 0.0)
    assert facts.bytes == hidden.stat().st_size
    full = media.probe(hidden)
    assert (full.kind, full.frames, (full.width, full.height)) == ("image", 1, size)


@pytest.mark.parametrize("suffix", ["wav", "mp3", "aac", "m4a", "flac", "ogg"])
def test_a_sound_is_known_by_its_content(studio, tmp_path, suffix):
    hidden = tmp_path / "sound"
    hidden.write_bytes(studio.file(f"b.{suffix}", *TONE).read_bytes())
    facts = media.inspect(hidden)
    assert (facts.kind, facts.format) == ("audio", suffix)
    assert facts.seconds == pytest.approx(1.5, abs=0.06)


def test_a_video_is_inspected(studio):
    facts = media.inspect(studio.clip("plain"))
    assert (facts.kind, facts.format, facts.codec, facts.width) == ("video", "mp4", "h264", 160)
    assert facts.seconds == pytest.approx(49 / 24)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "empty"),
        (b"\n<!DOCTYPE html><html><body>Expired</body></html>", "HTML"),
        (b"<?xml version='1.0'?><svg xmlns='x'/>", "SVG"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "a playlist"),
        (b"ffconcat version 1.0\nfile 'x.mp4'\n", "text"),
        (b'{"error": {"code": 404}}', "JSON"),
        (b"\x00\x01\x02\x03" * 100, "unknown format"),
    ],
)
def test_what_is_no_media_is_named(tmp_path, content, named):
    path = tmp_path / "input.mp4"
    path.write_bytes(content)
    for look in (media.probe, media.inspect):
        with pytest.raises(MediaError, match=named) as caught:
            look(path)
        assert "input.mp4" in caught.value.message
        assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message  # noqa: S301 - our own bytes


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MediaError, match=r"gone\.png cannot be read"):
        media.inspect(tmp_path / "gone.png")


def test_an_image_bomb_is_refused_unread(tmp_path):
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + bytes(64)
    )
    with pytest.raises(MediaError, match="60000×60000"):
        media.probe(bomb)


def test_a_clip_whose_title_is_not_utf8_is_a_clip(studio, tmp_path):
    titled = studio.file(
        "titled.mp4", "-i", str(studio.clip("plain")), "-c", "copy", "-map_metadata", "-1", "-metadata", "title=TITLE"
    )
    odd = tmp_path / "odd.mp4"
    odd.write_bytes(titled.read_bytes().replace(b"TITLE", b"T\xa6\xff\xfeE"))
    assert media.inspect(odd) == media.inspect(titled)
    media.join([media.JoinClip(odd, "one"), media.JoinClip(odd, "two")], tmp_path / "film.mp4")


def test_a_clip_cut_short_is_refused(studio, tmp_path):
    whole = studio.file(
        "fast.mp4", "-i", str(studio.clip("plain")), "-c", "copy", "-movflags", "+faststart"
    ).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(MediaError, match="truncated"):
        media.probe(cut)


def test_a_clip_cut_between_two_frames_is_refused(studio, tmp_path):
    import av

    source = studio.file(
        "silent-fast.mp4", "-i", str(studio.clip("plain")), "-an", "-c", "copy", "-movflags", "+faststart"
    )
    with av.open(str(source)) as container:
        at = next(packet.pos for number, packet in enumerate(container.demux(video=0)) if number == 30)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(source.read_bytes()[:at])
    with pytest.raises(MediaError, match="truncated: 30 of 49"):
        media.probe(cut)


def test_broken_bytes_are_never_anything_but_a_media_error(studio, tmp_path):
    dice = random.Random(7)
    path = tmp_path / "broken"
    for name in ("plain.mp4", "fast.mp4", "a.png", "a.jpg", "a.tiff", "a.webp", "b.mp3", "b.ogg"):
        if name == "plain.mp4":
            studio.clip("plain")
        elif name == "fast.mp4":
            studio.file(name, "-i", str(studio.clip("plain")), "-c", "copy", "-movflags", "+faststart")
        else:
            studio.file(name, *(PICTURE if name.startswith("a.") else TONE))
        whole = (studio.folder / name).read_bytes()
        for _ in range(40):
            broken = bytearray(whole[: dice.randrange(1, len(whole))] if dice.random() < 0.5 else whole)
            for _ in range(dice.randrange(1, 30)):
                # Mostly where headers are: at the front, and for an MP4 at the end.
                reach = min(len(broken), 600)
                at = dice.randrange(reach) if dice.random() < 0.5 else len(broken) - 1 - dice.randrange(reach)
                broken[at] = dice.randrange(256)
            path.write_bytes(broken)
            for look in (media.probe, media.inspect):
                try:
                    look(path)
                except MediaError:
                    continue
