"""Pictures coded with different parameter sets in one track: copied bit for bit, beside pieces that had to be encoded."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake import media
from longtake.media import JoinClip, JoinTransition
from longtake.media.concat import avc, bits, hevc, tracks

X265 = ("-c:v", "libx265", "-tag:v", "hvc1")


def hevc_clip(studio, name, *, frames=25, pattern=0, pix_fmt="yuv420p10le", params="", size="96x64"):
    source = ("-f", "lavfi", "-i", f"{('testsrc2', 'mandelbrot')[pattern]}=s={size}:r=24", "-frames:v", str(frames))
    options = ("-pix_fmt", pix_fmt, "-preset", "ultrafast", "-x265-params", f"log-level=error:{params}")
    return studio.file(f"{name}.mp4", *source, *X265, *options)


def joined(clips, into, **seconds):
    return media.join(
        [
            JoinClip(p, p.stem, JoinTransition("crossfade", seconds[p.stem]) if p.stem in seconds else None)
            for p in clips
        ],
        into,
    )


def test_h264_clips_with_other_parameter_sets_are_copied(studio, tmp_path, hashes, times):
    settings = {
        "plain": (),
        "baseline": ("-profile:v", "baseline"),
        "main": ("-profile:v", "main", "-bf", "5", "-b_strategy", "0"),
        "sliced": ("-x264-params", "slices=3:cabac=0:ref=1"),
        "deep": ("-refs", "6", "-bf", "3", "-x264-params", "b-pyramid=normal:8x8dct=0"),
        "hrd": ("-x264-params", "nal-hrd=vbr:vbv-maxrate=900:vbv-bufsize=900:repeat-headers=1"),
    }
    clips = [
        studio.clip(f"sets_{name}", frames=20, pattern=i % 4, audio=False, options=options)
        for i, (name, options) in enumerate(settings.items())
    ]
    assert len({media.probe(clip).extradata_sha256 for clip in clips}) == len(clips)
    order = [*clips, *reversed(clips), clips[0]]
    film = tmp_path / "film.mp4"
    assert joined(order, film).way == "copy"
    assert hashes(film) == [one for clip in order for one in hashes(clip)]
    assert times(film) == [Fraction(frame, 24) for frame in range(20 * len(order))]


@pytest.mark.parametrize(
    "form",
    [("yuv420p", "keyint=12:open-gop=0"), ("yuv420p10le", "keyint=12:bframes=0:open-gop=1")],
)
def test_hevc_pieces_stand_among_copied_clips(studio, tmp_path, hashes, times, form):
    pix_fmt, params = form
    one = hevc_clip(studio, f"h1_{pix_fmt}", frames=49, pix_fmt=pix_fmt)
    two = hevc_clip(studio, f"h2_{pix_fmt}", frames=40, pattern=1, pix_fmt=pix_fmt, params=params)
    odd = studio.clip("odd_one_out", frames=20, size="64x64", audio=False)
    film = tmp_path / "film.mp4"
    done = joined([one, two, odd, one], film, **{two.stem: 0.25})
    facts = media.probe(film)
    assert (facts.codec, facts.pix_fmt, done.way) == ("hevc", pix_fmt, "encode")
    assert done.frames == facts.frames == 49 + 34 + 20 + 49
    got = hashes(film)
    assert got[-49:] == hashes(one)
    kept = [row for row in done.plan.rows if row.part == "clip"]
    assert (kept[0].what, kept[2].what, kept[3].what) == ("copy in part", "encode", "copy")
    assert got[:36] == hashes(one)[:36]
    assert got[49 + 20 : 49 + 34] == hashes(two)[26:]
    assert times(film) == [Fraction(frame, 24) for frame in range(done.frames)]
    assert film.read_bytes().count(b"hvc1") == 1


def test_hevc_clips_with_other_parameter_sets_are_copied(studio, tmp_path, hashes):
    clips = [
        hevc_clip(studio, "hs_plain"),
        hevc_clip(studio, "hs_flat", pattern=1, params="bframes=0:sao=0:wpp=0"),
        hevc_clip(studio, "hs_slices", params="slices=2:ref=4:amp=1:rect=1"),
        hevc_clip(studio, "hs_open", frames=40, pattern=1, params="open-gop=1:keyint=10:min-keyint=5"),
        hevc_clip(studio, "hs_hrd", params="hrd=1:vbv-maxrate=500:vbv-bufsize=500:repeat-headers=1"),
    ]
    film = tmp_path / "film.mp4"
    order = [*clips, *reversed(clips)]
    assert joined(order, film).way == "copy"
    assert hashes(film) == [one for clip in order for one in hashes(clip)]


def test_ten_bit_h264_keeps_its_depth(studio, tmp_path, hashes):
    ten = ("-pix_fmt", "yuv420p10le")
    one, two = (studio.clip(f"ten{i}", frames=30, pattern=i, audio=False, options=ten) for i in (0, 1))
    film = tmp_path / "film.mp4"
    done = joined([one, two, one], film, ten1=0.25)
    assert (media.probe(film).pix_fmt, done.frames) == ("yuv420p10le", 84)
    assert hashes(film)[-30:] == hashes(one)


def test_a_track_full_of_sets_encodes_the_rest(studio):
    record = configuration(studio.clip("set_base", frames=5, audio=False))
    track = tracks.Track("h264", record)
    others = [record[:-4] + bytes((value,)) * 4 for value in range(20)]
    found = [track.add(one, keep=1) for one in others]
    assert found[:14] == list(range(1, 15))
    assert found[14:] == [None] * 6
    assert track.add(b"ours") is None
    assert track.add(others[3]) == 4
    assert track.add(record) == 0


def configuration(path):
    import av

    with av.open(str(path)) as container:
        return bytes(container.streams.video[0].codec_context.extradata)


def test_a_configuration_survives_taking_apart(studio):
    for module, path in (
        (avc, studio.clip("set_high", frames=5, audio=False)),
        (hevc, hevc_clip(studio, "set_hevc", frames=5)),
    ):
        parsed = module.parse(configuration(path))
        assert module.parse(parsed.pack()) == parsed
        assert 0 in parsed.numbers()
        moved = module.renumber(parsed, 7)
        assert moved.numbers() == {7}
        merged = module.parse(module.merge(parsed, moved))
        assert 7 in merged.numbers()
        assert module.renumber(moved, 3) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_a_configuration_or_none(record):
    for module in (avc, hevc):
        parsed = module.parse(b"\x01" + record)
        if parsed is not None:
            try:
                parsed.numbers()
                module.renumber(parsed, 1)
            except (ValueError, IndexError):
                continue


@given(st.binary(max_size=40).map(lambda data: data.replace(b"\x01", b"\0") + b"\x80"))
def test_protection_is_undone(data):
    guarded = bits.protect(data)
    assert bits.unprotect(guarded) == data
    assert not any(guarded[i : i + 2] == b"\0\0" and guarded[i + 2] < 3 for i in range(len(guarded) - 2))


@given(st.integers(0, 70_000), st.text("01", max_size=20))
def test_numbers_survive_writing(value, before):
    text = before + bits.code(value)
    assert bits.number(text, len(before)) == value
    assert bits.number_end(text, len(before)) == len(text)
