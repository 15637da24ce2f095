from __future__ import annotations

import pytest

from longtake import media
from longtake.errors import MediaError
from longtake.media import ffmpeg

RED_AFTER_GREY = "color=c=gray:s={size}:r=24:d=1[a];color=c=0xC83C28:s={size}:r=24:d=0.042[b];[a][b]concat=n=2"
UNTAGGED = ("-bsf:v", "h264_metadata=matrix_coefficients=2:colour_primaries=2:transfer_characteristics=2")
TAGS = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")


def middle(path):
    import av

    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).reformat(format="rgb24")
        plane = frame.planes[0]
        at = frame.height // 2 * plane.line_size + frame.width // 2 * 3
        return (frame.width, frame.height), tuple(bytes(plane)[at : at + 3])


def ending_in_red(studio, name, size, *, matrix="bt601", colors="tv", tags=()):
    graph = f"{RED_AFTER_GREY.format(size=size)},format=rgb24,scale=out_color_matrix={matrix}:out_range={colors},format=yuv420p"
    source = ("-f", "lavfi", "-i", graph, "-c:v", "libx264", "-crf", "5", *tags)
    return studio.file(name, *source, "-color_range", colors)


@pytest.mark.parametrize(
    ("name", "size", "made"),
    [
        ("red-small.mp4", "160x120", {"tags": UNTAGGED}),
        ("red-tagged.mp4", "160x120", {"matrix": "bt709", "tags": TAGS}),
        ("red-tall.mp4", "128x720", {"matrix": "bt709", "tags": UNTAGGED}),
        ("red-full.mp4", "160x120", {"matrix": "bt709", "colors": "pc", "tags": TAGS}),
    ],
)
def test_the_last_frame_is_the_last_one_in_its_true_colors(studio, tmp_path, name, size, made):
    clip = ending_in_red(studio, name, size, **made)
    assert media.probe(clip).color.matrix == (1 if made["tags"] is TAGS else 2)
    media.last_frame(clip, tmp_path / "last.png")
    media.check_image(tmp_path / "last.png")
    measured, color = middle(tmp_path / "last.png")
    assert measured == tuple(int(side) for side in size.split("x"))
    assert color == pytest.approx((0xC8, 0x3C, 0x28), abs=4)
    assert [path.name for path in tmp_path.iterdir()] == ["last.png"]


def test_two_last_frames_of_one_clip_are_equal_bytes(studio, tmp_path):
    for name in ("1.png", "2.png"):
        media.last_frame(studio.clip("plain"), tmp_path / name)
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def pixels(path):
    import av

    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).reformat(format="rgb24")
        plane = frame.planes[0]
        return [
            bytes(plane)[row * plane.line_size : row * plane.line_size + frame.width * 3] for row in range(frame.height)
        ]


def test_the_ends_of_a_clip_are_those_of_a_full_decode(corpus, tmp_path):
    import av

    from longtake.media.image.frames import end_frame

    with av.open(str(corpus)) as container:
        shown = sorted(container.decode(video=0), key=lambda frame: frame.pts)
    facts = media.probe(corpus)
    assert len(shown) == facts.frames
    for wanted, last, write in ((shown[0], False, media.first_frame), (shown[-1], True, media.last_frame)):
        got = end_frame(corpus, facts, last=last)
        assert got.pts == wanted.pts
        assert [bytes(plane) for plane in got.planes] == [bytes(plane) for plane in wanted.planes]
        write(corpus, tmp_path / "end.png")
        assert media.check_image(tmp_path / "end.png").pix_fmt == "rgb24"
        assert (len(pixels(tmp_path / "end.png")), len(pixels(tmp_path / "end.png")[0])) == (
            facts.height,
            facts.width * 3,
        )


@pytest.mark.parametrize("make", ["plain", "hevc-10-bit", "odd-size", "full-range", "bt709"])
def test_the_last_frame_has_the_colors_another_decoder_gives(studio, tmp_path, make):
    clip = studio.make(make)
    facts = media.probe(clip)
    media.last_frame(clip, tmp_path / "last.png")
    matrix = {1: "bt709"}.get(facts.color.matrix, "bt601")
    colors = "pc" if facts.color.range == 2 else "tv"
    scale = f"scale=in_color_matrix={matrix}:in_range={colors}:out_range=pc:flags=lanczos+accurate_rnd+full_chroma_int"
    shown = ("-vf", f"trim=start_frame={facts.frames - 1},{scale},format=rgb24")
    other = ffmpeg.file_url(tmp_path / "other.png")
    ffmpeg.run(["-i", ffmpeg.file_url(clip), *shown, "-f", "image2", "-update", "1", other])
    ours, others = pixels(tmp_path / "last.png"), pixels(tmp_path / "other.png")
    apart = [abs(a - b) for mine, its in zip(ours, others, strict=True) for a, b in zip(mine, its, strict=True)]
    assert max(apart) <= 2
    assert sum(apart) / len(apart) < 0.1


@pytest.mark.parametrize(("at", "red"), [(0.0, False), (0.95, False), (1.0, True), (1.2, True)])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_poster_shows_the_key_frame_before_a_time(studio, tmp_path, at, red, suffix):
    clip = ending_in_red(studio, "red-keyed.mp4", "160x120", tags=("-force_key_frames", "1.0"))
    poster = tmp_path / f"poster.{suffix}"
    media.poster(clip, poster, at)
    assert media.inspect(poster).format == ("jpeg" if suffix == "jpg" else "png")
    _, color = middle(poster)
    assert color == pytest.approx((0xC8, 0x3C, 0x28) if red else (128, 128, 128), abs=6)


def test_a_picture_has_no_last_frame(studio, tmp_path):
    picture = studio.file("a.png", "-f", "lavfi", "-i", "testsrc2=s=322x240", "-frames:v", "1")
    with pytest.raises(MediaError, match="expected a video, got PNG"):
        media.last_frame(picture, tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["plain", "edited"])
def test_a_small_picture_is_of_the_first_frame_that_a_clip_shows(studio, tmp_path, kind):
    clip, first = studio.make(kind), tmp_path / "first.png"
    media.first_frame(clip, first)
    small, wanted = tmp_path / "clip.jpg", tmp_path / "frame.jpg"
    small.write_bytes(media.thumbnail(clip))
    wanted.write_bytes(media.thumbnail(first))
    assert media.seam(small, wanted).likeness > 0.9, "that of another frame is under 0.7"
