"""Files made to hurt: each is one clear error, nothing is fetched for it, and it costs no memory to speak of."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from longtake import media
from longtake.errors import MediaError

ALL = (media.probe, media.inspect, media.check_clip, media.examine, media.check_image)


def refused(path, words, looks=ALL):
    for look in looks:
        with pytest.raises(MediaError, match=f"{words}|expected (PNG|MP4), got (MP4|PNG)") as caught:
            look(path)
        assert path.name in caught.value.message
    for write in (media.last_frame, media.first_frame):
        with pytest.raises(MediaError):
            write(path, path.with_name("out.png"))
    assert not path.with_name("out.png").exists()


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks, width=64, height=64):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = zlib.compress(bytes(height * (1 + width * 3)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture
def clip(studio, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(studio.make("plain").read_bytes())
    return path


def patched(path, kind, at, value):
    """Write bytes at a place in the first box of a kind."""
    whole = bytearray(path.read_bytes())
    start = whole.find(kind) + 4 + at
    whole[start : start + len(value)] = value
    path.write_bytes(whole)
    return path


@pytest.mark.parametrize("name", ["clip.mp4", "clip.png", "clip"])
@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}/a.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{url}/a.mp4'\n",
        "file '{url}/a.mp4'\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{url}/a.mp4</BaseURL></MPD>',
        "<svg xmlns='http://www.w3.org/2000/svg'><image href='{url}/a.png'/></svg>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    ],
)
def test_a_list_of_other_files_is_no_clip_whatever_its_name(tmp_path, web, name, text):
    path = tmp_path / name
    path.write_text(text.format(url=web.url))
    refused(path, "a playlist|text|XML|SVG")
    assert web.asked == []


@pytest.mark.parametrize("kind", [b"url ", b"urn ", b"alis"])
def test_an_mp4_that_keeps_its_media_elsewhere_is_refused(clip, web, kind):
    elsewhere = box(kind, bytes(4), f"{web.url}/media.mp4".encode(), b"\0")
    whole = clip.read_bytes()
    at = whole.find(b"dref") - 4
    size = struct.unpack(">I", whole[at : at + 4])[0]
    reference = box(b"dref", bytes(4), struct.pack(">I", 1), elsewhere)
    # The boxes around it grow with it; the media before them stays where it is.
    longer = bytearray(whole[:at] + reference + whole[at + size :])
    for outer in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        start = longer.find(outer) - 4
        grown = struct.unpack(">I", longer[start : start + 4])[0] + len(reference) - size
        longer[start : start + 4] = struct.pack(">I", grown)
    clip.write_bytes(longer)
    refused(clip, "keeps its picture or sound in another file, which is not fetched")
    assert web.asked == []


def test_a_playlist_in_the_media_of_an_mp4_is_only_broken_media(clip, web):
    whole = bytearray(clip.read_bytes())
    start = whole.find(b"mdat") + 4
    playlist = f"#EXTM3U\n#EXTINF:5,\n{web.url}/a.ts\n".encode()
    whole[start : start + len(playlist)] = playlist
    clip.write_bytes(whole)
    with pytest.raises(MediaError, match=r"clip\.mp4"):
        media.examine(clip)
    assert web.asked == []


def test_frames_without_end_are_refused_before_room_is_made_for_them(clip):
    refused(patched(clip, b"stsz", 4, struct.pack(">II", 1, 2**28)), "at most 8000000 are read")


def test_a_fragment_that_promises_frames_without_end_is_refused(clip):
    run = box(b"trun", bytes(4), struct.pack(">I", 2**30))
    clip.write_bytes(clip.read_bytes() + box(b"moof", box(b"traf", run)))
    refused(clip, "at most 8000000 are read")


@pytest.mark.parametrize(("edits", "samples"), [(101, 100), (90, 100_000)])
@pytest.mark.parametrize("honest", [True, False])
def test_edits_that_repeat_frames_without_end_are_refused(clip, edits, samples, honest):
    # A demuxer goes by the size of the list, whatever count is in it.
    count = struct.pack(">I", edits if honest else 1)
    again = box(b"edts", box(b"elst", bytes(4), count, struct.pack(">IiI", 1000, 0, 1 << 16) * edits))
    table = box(b"stbl", box(b"stsz", bytes(4), struct.pack(">II", 1, samples)))
    clip.write_bytes(clip.read_bytes() + box(b"moov", box(b"trak", again, box(b"mdia", box(b"minf", table)))))
    refused(clip, f"plays (a track|{samples} frames or sound packets) in {edits} pieces")


@pytest.mark.slow
def test_a_clip_of_hours_is_no_clip(studio, tmp_path):
    source = (
        "-f",
        "lavfi",
        "-i",
        "color=s=16x16:r=24",
        "-frames:v",
        "18100",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
    )
    endless = studio.file("endless.mp4", *source)
    assert media.probe(endless).frames == 18_100
    for look in (media.check_clip, media.examine):
        with pytest.raises(MediaError, match=r"endless\.mp4 has more than 18000 frames"):
            look(endless)


def test_tracks_by_the_thousand_are_refused_unopened(clip):
    whole = clip.read_bytes()
    start = whole.find(b"moov") - 4
    size = struct.unpack(">I", whole[start : start + 4])[0]
    tracks = whole[start + 8 : start + size] + box(b"trak") * 3000
    clip.write_bytes(whole[:start] + box(b"moov", tracks) + whole[start + size :])
    refused(clip, "more than 32 streams")


def test_a_packed_index_is_not_unpacked(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(box(b"ftyp", b"mp42", bytes(4)) + box(b"moov", box(b"cmov", bytes(64))))
    refused(path, "compressed index")


@pytest.mark.slow
def test_boxes_without_end_and_boxes_in_boxes_are_survived(tmp_path):
    head = box(b"ftyp", b"mp42", bytes(4))
    many = tmp_path / "many.mp4"
    many.write_bytes(head + box(b"free") * 200_100)
    refused(many, "made of more than 200000 pieces", looks=(media.probe,))
    nested = b""
    for _ in range(400):
        nested = box(b"moov", nested)
    deep = tmp_path / "deep.mp4"
    deep.write_bytes(head + nested)
    refused(deep, r"deep\.mp4")


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (60_000, 1), (8192, 8192), (0, 10)])
def test_a_picture_too_large_to_decode_is_refused_by_its_header(tmp_path, width, height):
    path = tmp_path / "huge.png"
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))
    refused(path, f"{width}×{height} pixels")


def test_a_clip_whose_coded_pictures_are_larger_than_it_says_is_refused(studio, tmp_path):
    big = studio.file(
        "big.mp4",
        "-f",
        "lavfi",
        "-i",
        "color=s=8192x6000:r=24",
        "-frames:v",
        "1",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
    )
    liar = tmp_path / "liar.mp4"
    whole = bytearray(big.read_bytes())
    at = whole.find(b"avc1", whole.find(b"stsd")) + 28
    whole[at : at + 4] = struct.pack(">HH", 160, 120)
    liar.write_bytes(whole)
    refused(liar, "8192×6000 pixels")


BOMBS = {
    "text": lambda packed: chunk(b"zTXt", b"a\0\0" + packed),
    "profile": lambda packed: chunk(b"iCCP", b"a\0\0" + packed),
    "international": lambda packed: chunk(b"iTXt", b"a\0\1\0\0\0" + packed),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_png_whose_texts_explode_is_refused_unexploded(tmp_path, kind):
    coder = zlib.compressobj(9)
    packed = b"".join(coder.compress(bytes(1 << 22)) for _ in range(16)) + coder.flush()
    path = tmp_path / "bomb.png"
    path.write_bytes(png(BOMBS[kind](packed)))
    refused(path, "more than 8 MB")
    path.write_bytes(png(BOMBS[kind](zlib.compress(b"a small text" * 99))))
    assert media.check_image(path).width == 64


def test_a_truncated_clip_is_refused_wherever_it_is_cut(studio, tmp_path):
    fast = studio.file(
        "fast.mp4", "-i", str(studio.make("plain")), "-c", "copy", "-movflags", "+faststart"
    ).read_bytes()
    path = tmp_path / "cut.mp4"
    for share in (0.0, 0.001, 0.05, 0.3, 0.6, 0.9, 0.97):
        path.write_bytes(fast[: int(len(fast) * share)])
        with pytest.raises(MediaError, match=r"cut\.mp4"):
            media.examine(path)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_hostile_files_cost_no_memory_to_speak_of(clip, tmp_path):
    coder = zlib.compressobj(9)
    packed = b"".join(coder.compress(bytes(1 << 24)) for _ in range(32)) + coder.flush()
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png(BOMBS["text"](packed)))
    patched(clip, b"stsz", 4, struct.pack(">II", 1, 2**28))
    code = (
        "import re, sys; from pathlib import Path; from longtake import media\n"
        "from longtake.errors import MediaError\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "media.probe(Path(sys.argv[1])); before = peak()\n"
        "for name in sys.argv[2:]:\n"
        "    try: media.probe(Path(name))\n"
        "    except MediaError: pass\n"
        "    else: sys.exit('not refused')\n"
        "print(peak() - before)"
    )
    good = tmp_path / "good.png"
    good.write_bytes(png())
    out = subprocess.run(
        [sys.executable, "-c", code, str(good), str(bomb), str(clip)], capture_output=True, text=True, check=True
    )
    assert int(out.stdout) < 32 * 1024, "kilobytes"
