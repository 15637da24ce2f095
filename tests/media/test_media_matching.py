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
CODED = ("-c:v", "libx264", "-crf", "16", "-pix_fmt", "yuv420p")


def chain(studio, looks="null", name="same", scale=3):
    """One continuous take cut in two: the second clip begins with the last frame of the first, looking otherwise."""
    take = ("-f", "lavfi", "-i", ZOOM.format(scale=scale))
    parent = studio.file(f"match-parent-{scale}.mp4", *take, "-vf", "trim=end_frame=25", *CODED)
    cut = f"trim=start_frame=24:end_frame=60,setpts=PTS-STARTPTS,{looks}"
    return parent, studio.file(f"match-{name}-{scale}.mp4", *take, "-vf", cut, *CODED)


def frame(film, number):
    import av

    with av.open(str(film)) as container:
        shown = next(one for at, one in enumerate(container.decode(video=0)) if at == number)
        return Reducer(media.probe(film), 160, 90).reduce(shown)


def joined(parent, child, step, folder):
    clips = [JoinClip(parent, "a"), JoinClip(child, "b", continues=True, correction=step)]
    media.join(clips, folder / "film.mp4")
    return folder / "film.mp4"


@pytest.mark.parametrize("scale", [3, 1, 0.3])
def test_an_unseen_seam_is_left_alone(studio, scale):
    parent, child = chain(studio, scale=scale)
    first, moved = media.measure_look(parent), media.measure_look(child)
    found = media.match_seam(parent, child)
    assert found.before.distance < SEEN_DISTANCE
    assert found.correction is None
    if scale == 3:
        assert media.correction(first, moved) is not None, "means over clips take motion for drift"


@pytest.mark.parametrize("name", JUMPS)
def test_a_seen_jump_is_hidden_and_the_shot_ends_as_it_is(studio, tmp_path, name):
    parent, child = chain(studio, JUMPS[name], name)
    found = media.match_seam(parent, child)
    if found.before.distance < SEEN_DISTANCE:
        assert found.correction is None
        return
    film = joined(parent, child, found.correction, tmp_path)
    left = between(end(parent, last=True), frame(film, 24))
    coding = media.match_seam(*chain(studio)).before.distance
    assert left.distance < SEEN_DISTANCE
    assert left.distance - coding < 0.3 * (found.before.distance - coding)
    assert left.distance == pytest.approx(found.after.distance, abs=1.0)
    assert between(end(child, last=True), frame(film, 24 + 35)).distance < SEEN_DISTANCE


def test_another_picture_is_a_cut_and_not_matched(studio):
    parent, _ = chain(studio)
    other = studio.clip("match-other", size="320x180", pattern=0)
    assert media.match_seam(parent, other).correction is None
