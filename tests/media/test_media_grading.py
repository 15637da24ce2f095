from __future__ import annotations

import json
import zlib
from dataclasses import asdict, replace

import pytest
from looks import measure_look

from longtake import media
from longtake.media import ColorCorrection, ffmpeg

VIEW = "mandelbrot=s=320x180:r=24:start_scale=1,trim=end_frame=25,eq=saturation=0.4"
CODED = ("-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p")
DRIFTED = {
    "brighter": "eq=brightness=0.03",
    "stronger": "eq=contrast=1.08",
    "duller": "hue=s=0.9",
    "warmer": "colorbalance=rm=0.12:bm=-0.12",
    "all": "eq=brightness=-0.02:contrast=1.05:saturation=1.06",
}

SEEN = {
    **{name: DRIFTED[name] for name in ("brighter", "all")},
    "warm": "lutyuv=u='val-7':v='val+7'",
    "turned": "hue=h=25",
}
"""Looks that are fitted at the first frame, where they may be seen."""


def shot(studio, name, looks="null", options=CODED):
    return studio.file(
        f"look-{name}-{zlib.crc32(repr(options).encode())}.mp4",
        "-f",
        "lavfi",
        "-i",
        f"{VIEW},format=yuv444p,{looks}",
        *options,
    )


@pytest.fixture(scope="module")
def first(studio):
    return measure_look(shot(studio, "first"))


def as_text(filters):
    return ",".join(
        f"{name}=" + ":".join(f"{key}='{value}'" for key, value in options.items()) for name, options in filters
    )


def graded(studio, name, clip, step, options=CODED):
    step = step.filters(full=media.probe(clip).color.range == 2)
    return studio.file(f"graded-{name}.mp4", "-i", ffmpeg.file_url(clip), "-vf", as_text(step), *options)


def test_the_same_look_has_not_drifted(studio, first):
    for name, options in {"again": (*CODED[:3], "23", *CODED[4:]), "smaller": (*CODED, "-vf", "scale=240:136")}.items():
        moved = media.drift(first, measure_look(shot(studio, name, options=options)))
        assert not moved.visible
        assert moved.distance < 1.5


@pytest.mark.parametrize(
    ("name", "measure", "bounds"),
    [
        ("brighter", "luma", (4, 10)),
        ("stronger", "contrast", (1.04, 1.1)),
        ("duller", "saturation", (0.85, 0.94)),
        ("warmer", "red", (1, 20)),
        ("softer", "sharpness", (0.2, 0.8)),
    ],
)
def test_each_way_of_drifting_has_its_measure(studio, first, name, measure, bounds):
    looks = {**DRIFTED, "softer": "gblur=sigma=2"}[name]
    moved = media.drift(first, measure_look(shot(studio, name, looks)))
    assert bounds[0] < getattr(moved, measure) < bounds[1]
    assert moved.visible == (name != "softer")


def fitted(studio, clip, folder, options=CODED):
    """The step that makes a clip's first frame look like that of the undrifted shot, for the complete clip."""
    given = folder / "given.png"
    media.first_frame(shot(studio, "first", options=options), given)
    return replace(media.match_seam(given, clip).correction, eased=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEN)
def test_a_correction_brings_a_drifted_shot_back(studio, first, tmp_path, name):
    clip = shot(studio, name, SEEN[name])
    step = fitted(studio, clip, tmp_path)
    assert ColorCorrection(**json.loads(json.dumps(asdict(step)))) == step
    was = media.drift(first, measure_look(clip))
    now = media.drift(first, measure_look(graded(studio, name, clip, step)))
    assert now.distance < max(was.distance / 2, 1.5)
    assert abs(now.contrast - 1) < max(abs(was.contrast - 1) / 2, 0.02)
    assert abs(now.saturation - 1) < max(abs(was.saturation - 1) / 2, 0.03)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("deep", ("-c:v", "libx265", "-x265-params", "log-level=error:crf=12", "-pix_fmt", "yuv420p10le")),
        ("full", (*CODED, "-vf", "scale=out_range=pc", "-color_range", "pc")),
        ("hd", (*CODED, "-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709")),
    ],
)
def test_a_correction_does_the_same_at_any_depth_range_and_matrix(studio, tmp_path, name, options):
    first = measure_look(shot(studio, "first", options=options))
    clip = shot(studio, f"{name}-drifted", "eq=brightness=0.04:saturation=1.08", options)
    step = fitted(studio, clip, tmp_path, options)
    kept = tuple(part for part in options if part != "-vf" and not part.startswith("scale="))
    now = media.drift(first, measure_look(graded(studio, name, clip, step, kept)))
    assert media.drift(first, measure_look(clip)).visible
    assert not now.visible


@pytest.mark.parametrize("name", SEEN)
def test_a_picture_is_corrected_as_its_clip_is(studio, tmp_path, name):
    clip = shot(studio, name, SEEN[name])
    step = fitted(studio, clip, tmp_path)
    media.last_frame(clip, tmp_path / "last.png")
    media.correct_image(tmp_path / "last.png", step, tmp_path / "corrected.png")
    media.last_frame(graded(studio, name, clip, step), tmp_path / "true.png")
    one, other = (measure_look(tmp_path / f"{end}.png") for end in ("corrected", "true"))
    assert media.drift(one, other).distance < 1.5
    assert media.check_image(tmp_path / "corrected.png", pixels=(320, 180)).pix_fmt == "rgb24"


def test_a_step_that_changes_nothing_keeps_every_pixel_of_a_picture(tmp_path):
    import av

    picture = tmp_path / "colors.png"
    ffmpeg.run(
        [
            "-f",
            "lavfi",
            "-i",
            "rgbtestsrc=s=320x180",
            "-frames:v",
            "1",
            "-f",
            "image2",
            "-update",
            "1",
            ffmpeg.file_url(picture),
        ]
    )
    media.correct_image(picture, ColorCorrection(1.0, 128.0, 0.0, 1.0, 0.0, 0.0), tmp_path / "same.png")
    frames = []
    for name in ("colors.png", "same.png"):
        with av.open(str(tmp_path / name)) as container:
            frames.append(bytes(next(container.decode(video=0)).reformat(format="rgb24").planes[0]))
    assert max(abs(a - b) for a, b in zip(*frames, strict=True)) <= 1
