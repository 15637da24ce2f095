"""A film with every kind of joint is shown by a browser frame by frame, and by ffmpeg without a word."""

from __future__ import annotations

import pytest
from film_player import back_and_forth

from longtake import media
from longtake.media import ColorCorrection, JoinClip, JoinTransition, ffmpeg

pytestmark = [pytest.mark.slow]

WIDTH, HEIGHT, BITS = 192, 96, 12
SEEKS = 24


def clip(folder, number, first, frames, *, size=(WIDTH, HEIGHT), options=()):
    """A clip whose frame n shows `first + n` in black and white cells, the lowest bit on the left; the ground is gray."""
    path = folder / f"{number}.mp4"
    bit = f"255*mod(floor(({first}+N)/pow(2,floor(X*{BITS}/{size[0]}))),2)"
    picture = f"color=gray:s={size[0]}x{size[1]}:r=24,format=gray,geq=lum='{bit}',format=yuv420p"
    sound = f"sine={300 + 40 * number}:r=44100:d={frames / 24}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-frames:v", str(frames)]
    ffmpeg.run([*inputs, "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", *options, ffmpeg.file_url(path)])
    return path


MAKES = (
    ("-bf", "3", "-b_strategy", "0"),
    ("-bf", "0"),
    ("-refs", "1", "-bf", "0", "-profile:v", "main"),
    ("-g", "6", "-bf", "2"),
)
KINDS = ("crossfade", "dissolve", "wipe-left")


def mixed(folder, count):
    """Clips of many makes with cuts, continuing cuts, transitions, a correction and odd ones; what each film frame shows."""
    clips, shown = [], []
    for number in range(count):
        frames = 18 + number % 7
        blends = number % 8 == 5
        continues = number % 5 == 2 and not blends
        overlap = 4 if blends else 0
        # Numbers go on where nothing is blended: a continuing clip begins with the one that was shown last.
        first = shown[-1] if continues else len(shown) - overlap
        odd = number % 11 == 7
        size = (WIDTH * 2, HEIGHT * 2) if odd else (WIDTH, HEIGHT)
        path = clip(folder, number, first, frames, size=size, options=MAKES[number % len(MAKES)])
        transition = JoinTransition(KINDS[number % len(KINDS)], 4 / 24) if blends else None
        correction = ColorCorrection(1.0, 128.0, 2.0, 1.0, 0.0, 0.0) if number % 13 == 9 else None
        clips.append(
            JoinClip(path, f"shot {number}", transition, continues, caption=f"says {number}", correction=correction)
        )
        if continues:
            shown.pop()
        for at in range(overlap):
            shown[len(shown) - overlap + at] = None
        shown += [first + n for n in range(overlap, frames)]
    return clips, shown


@pytest.fixture
def film(site, tmp_path):
    folder, _ = site
    clips, shown = mixed(tmp_path, 51)
    done = media.join(clips, folder / "film.mp4", title="Mixed", webvtt=folder / "film.vtt")
    return folder / "film.mp4", done, shown


def test_a_film_of_fifty_joints_plays(film, player):
    path, done, shown = film
    assert len({row.what for row in done.plan.rows if row.part == "joint"}) >= 4
    assert {row.what for row in done.plan.rows if row.part == "clip"} >= {"copy", "encode"}
    assert any("parameter sets get number" in row.why for row in done.plan.rows)
    assert done.frames == len(shown)
    # ffmpeg says nothing, at the level of warnings, of a film that it can decode.
    assert ffmpeg.run(["-xerror", "-i", ffmpeg.file_url(path), "-f", "null", "-"], level="warning") == ""

    seen = player.open("film.mp4", "film.vtt")
    assert (seen["width"], seen["height"]) == (WIDTH, HEIGHT)
    assert seen["seconds"] == pytest.approx(done.seconds, abs=0.05)
    assert [text for _, _, text in seen["cues"]] == [f"says {number}" for number in range(51)]
    starts = [begin for begin, _, _ in seen["cues"]]
    assert starts == [pytest.approx(chapter.start, abs=0.002) for chapter in done.chapters]

    joints = [round(chapter.start * 24) for chapter in done.chapters]
    wanted = {frame + off for frame in joints[1:] for off in (-1, 0, 1)} | set(
        range(0, len(shown), len(shown) // SEEKS)
    )
    wrong = []
    for frame in back_and_forth(wanted):
        if shown[frame] is None:
            continue
        cells = player.colors(frame, [((bit + 0.5) / BITS, 0.5) for bit in range(BITS)])
        number = sum((green > 128) << bit for bit, (_, green, _) in enumerate(cells))
        if number != shown[frame]:
            wrong.append((frame, shown[frame], number))
    assert wrong == []
    assert player.play_end() == 0
