from __future__ import annotations

import pytest

from longtake import media
from longtake.errors import MediaError
from longtake.media import ffmpeg

VIEW = "mandelbrot=s=320x180:r=24:start_scale=1,trim=end_frame=25,eq=saturation=0.4,gblur=2"
CODED = ("-c:v", "libx264", "-pix_fmt", "yuv420p")


@pytest.fixture(scope="module")
def parent(studio):
    return studio.file("parent.mp4", "-f", "lavfi", "-i", VIEW, *CODED)


@pytest.fixture(scope="module")
def given(studio, parent):
    path = studio.folder / "given.png"
    media.last_frame(parent, path)
    return path


def child(studio, given, name, looks="null", options=CODED):
    """A shot that begins with the frame given, as it is or changed."""
    still = ("-f", "png_pipe", "-loop", "1", "-framerate", "24", "-i", ffmpeg.file_url(given))
    return studio.file(f"child-{name}.mp4", *still, "-frames:v", "12", "-vf", looks, *options)


@pytest.mark.parametrize("crf", ["18", "23", "28"])
def test_a_frame_coded_again_is_a_seam_nobody_sees(studio, given, parent, crf):
    shot = child(studio, given, f"crf{crf}", options=(*CODED, "-crf", crf))
    for before in (given, parent):
        found = media.seam(before, shot)
        assert found.distance < 2
        assert found.likeness > 0.95
        assert not found.seen


@pytest.mark.parametrize(
    ("name", "looks"),
    [
        ("darker", "eq=brightness=-0.03"),
        ("redder", "colorbalance=rm=0.15"),
        ("moved", "crop=300:170:12:8,scale=320:180"),
        ("blurred", "boxblur=6"),
        ("other", "hflip"),
    ],
)
def test_a_frame_that_is_not_the_one_given_is_a_seam_that_is_seen(studio, given, name, looks):
    assert media.seam(given, child(studio, given, name, looks)).seen


def test_the_more_is_wrong_the_larger_the_distance(studio, given):
    looks = {"same": "null", "dim": "eq=brightness=-0.02", "dark": "eq=brightness=-0.1", "black": "eq=brightness=-0.8"}
    found = [media.seam(given, child(studio, given, name, look)).distance for name, look in looks.items()]
    assert found == sorted(found)
    assert found[-1] > 40


def test_a_seam_is_measured_in_true_colors_and_across_sizes(studio, given):
    full = (
        *CODED,
        "-vf",
        "scale=480:270:out_range=pc:out_color_matrix=bt709,format=yuv420p",
        "-color_range",
        "pc",
        "-colorspace",
        "bt709",
    )
    assert media.seam(given, child(studio, given, "full", options=full)).distance < 2
    deep = ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error")
    assert media.seam(given, child(studio, given, "deep", options=deep)).distance < 2


def test_only_pictures_have_seams(studio, given):
    sound = studio.file("seam.wav", "-f", "lavfi", "-i", "sine=440", "-t", "1")
    with pytest.raises(MediaError, match=r"seam\.wav: expected a picture, got WAV"):
        media.seam(given, sound)
