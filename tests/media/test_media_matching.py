"""Matching takes a seen step of color out of a shot's beginning, and touches nothing where no step is seen."""

from __future__ import annotations

import pytest

from longtake import media
from longtake.media import JoinClip
from longtake.media.measure.seams import SEEN_DISTANCE, between, end
from longtake.media.measure.thumbs import Reducer

ZOOM = "mandelbrot=s=320x180:r=24:start_scale={scale},format=yuv420p,eq=saturation=0.6"
JUMPS = {
    **{f"gain-{percent}": f"lutyuv=y='16+(val-16)*{1 + percent / 100}'" for percent in (-25, -15, -5, 5, 15, 25)},
    "hue-10": "hue=h=10",
    "hue-20": "hue=h=20",
    "hue--30": "hue=h=-30",
    "warm": "lutyuv=u='val-7':v='val+7'",
    "pale": "eq=saturation=0.75",
}
# Clouds of all sizes over a fractal coast, seen by a camera that sways and zooms, with exposure that drifts, and grain.
CAMERA = (
    "mandelbrot=s=480x270:r=24:start_scale=0.3:end_scale=0.28,format=yuv444p[coast];"
    "perlin=s=480x270:r=24:octaves=6:persistence=0.6:random_mode=seed:random_seed=7,"
    "format=yuv444p,lutyuv=y='clip(40+val*0.9,16,235)':u='118+val/10':v='150-val/8'[clouds];"
    "[coast][clouds]blend=all_mode=average,eq=brightness='0.04*sin(t)':saturation=0.7:eval=frame,"
    "crop=400:225:'40+30*sin(2*t)':'20+15*cos(3*t)',scale=640:360,noise=alls=6:allf=t:all_seed=3,format=yuv420p"
)
CODED = ("-c:v", "libx264", "-crf", "16", "-pix_fmt", "yuv420p")

SOURCES = {
    "camera": CAMERA,
    **{name: ZOOM.format(scale=scale) for name, scale in (("zoom", 3), ("near", 1), ("deep", 0.3))},
}


def chain(studio, looks="null", name="same", source="zoom"):
    """One continuous take cut in two: the second clip begins with the last frame of the first, looking otherwise."""
    take = ("-f", "lavfi", "-i", SOURCES[source])
    parent = studio.file(f"match-parent-{source}.mp4", *take, "-vf", "trim=end_frame=25", *CODED)
    cut = f"trim=start_frame=24:end_frame=60,setpts=PTS-STARTPTS,{looks}"
    return parent, studio.file(f"match-{name}-{source}.mp4", *take, "-vf", cut, *CODED)


def frame(film, number):
    import av

    with av.open(str(film)) as container:
        shown = next(one for at, one in enumerate(container.decode(video=0)) if at == number)
        return Reducer(media.probe(film), 160, 90).reduce(shown)


def joined(parent, child, step, folder):
    clips = [JoinClip(parent, "a"), JoinClip(child, "b", continues=True, correction=step)]
    media.join(clips, folder / "film.mp4")
    return folder / "film.mp4"


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_an_unseen_seam_is_left_alone(studio, source):
    found = media.match_seam(*chain(studio, source=source))
    assert found.before.distance < SEEN_DISTANCE
    assert found.correction is None


FILMED = ("gain--25", "gain-5", "gain-15", "hue-20")
SEEN = [
    *(pytest.param("zoom", name, marks=() if name in {"gain-15", "hue-20"} else pytest.mark.slow) for name in JUMPS),
    *(pytest.param("camera", name, marks=pytest.mark.slow) for name in FILMED),
]


@pytest.mark.parametrize(("source", "name"), SEEN)
def test_a_seen_jump_is_hidden_and_the_shot_ends_as_it_is(studio, tmp_path, source, name):
    parent, child = chain(studio, JUMPS[name], name, source)
    found = media.match_seam(parent, child)
    if found.before.distance < SEEN_DISTANCE:
        assert found.correction is None
        return
    film = joined(parent, child, found.correction, tmp_path)
    left = between(end(parent, last=True), frame(film, 24))
    coding = media.match_seam(*chain(studio, source=source)).before.distance
    assert left.distance < SEEN_DISTANCE or name.startswith("hue")
    assert left.distance - coding < 0.3 * (found.before.distance - coding)
    assert left.distance == pytest.approx(found.after.distance, abs=1.0)
    assert between(end(child, last=True), frame(film, 24 + 35)).distance < SEEN_DISTANCE


def test_another_picture_is_a_cut_and_not_matched(studio):
    parent, _ = chain(studio)
    other = studio.clip("match-other", size="320x180", pattern=0)
    assert media.match_seam(parent, other).correction is None
