"""Every frame of a film is the one its plan says, encoded ones too: each frame of these clips has a brightness of its own."""

from __future__ import annotations

import pytest

from longtake import media
from longtake.media import JoinClip, JoinTransition

FRAMES, STEP = 36, 6
CODINGS = {
    "bent": ("-c:v", "libx264", "-bf", "3", "-b_strategy", "0"),
    "deep": ("-c:v", "libx264", "-bf", "7", "-b_strategy", "0", "-x264-params", "b-pyramid=normal"),
    "flat": ("-c:v", "libx264", "-bf", "0"),
    "hevc": ("-c:v", "libx265", "-x265-params", "log-level=error", "-tag:v", "hvc1"),
}


def marked(studio, coding, *, size="64x48"):
    graph = f"color=black:s={size}:r=24,format=yuv420p,geq=lum='20+{STEP}*N':cb=128:cr=128"
    name = f"marked-{coding}-{size}.mp4"
    return studio.file(name, "-f", "lavfi", "-i", graph, "-frames:v", f"{FRAMES}", *CODINGS[coding])


def marks(film):
    """The number each frame of a film has in its clip, with its error in levels: 3 is half way to another frame."""
    import av

    found = []
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            row = bytes(plane)[plane.line_size * 20 :][:64]
            found.append((sum(row) / len(row) - 20) / STEP)
    assert all(abs(mark - round(mark)) < 0.34 for mark in found)
    return [round(mark) for mark in found]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_joint_shows_the_shared_frame_once_and_no_other_twice(studio, tmp_path, coding):
    clip = marked(studio, coding)
    clips = [JoinClip(clip, f"{number}", continues=number > 0) for number in range(3)]
    done = media.join(clips, tmp_path / "film.mp4")
    assert done.way == ("copy" if coding == "flat" else "encode")
    assert marks(tmp_path / "film.mp4") == [*range(FRAMES - 1), *range(FRAMES - 1), *range(FRAMES)]


@pytest.mark.parametrize("coding", ["bent", "hevc"])
def test_a_clip_that_is_encoded_whole_drops_its_last_frame_too(studio, tmp_path, coding):
    clip, odd = marked(studio, coding), marked(studio, coding, size="96x72")
    clips = [JoinClip(clip, "a"), JoinClip(clip, "b"), JoinClip(odd, "c"), JoinClip(clip, "d", continues=True)]
    media.join(clips, tmp_path / "film.mp4")
    assert marks(tmp_path / "film.mp4") == [*range(FRAMES), *range(FRAMES), *range(FRAMES - 1), *range(FRAMES)]


@pytest.mark.parametrize("coding", ["bent", "hevc"])
def test_frames_on_both_sides_of_a_transition_are_in_order(studio, tmp_path, coding):
    clip = marked(studio, coding)
    media.join([JoinClip(clip, "a"), JoinClip(clip, "b", JoinTransition("wipe-left", 6 / 24))], tmp_path / "film.mp4")
    film = marks_outside(tmp_path / "film.mp4", FRAMES - 6, FRAMES)
    assert film == ([*range(FRAMES - 6)], [*range(6, FRAMES)])


def marks_outside(film, start, end):
    import av

    with av.open(str(film)) as container:
        levels = [bytes(frame.planes[0])[frame.planes[0].line_size * 20 + 32] for frame in container.decode(video=0)]
    numbers = [round((level - 20) / STEP) for level in levels]
    return numbers[:start], numbers[end:]
