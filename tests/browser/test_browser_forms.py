"""A browser that seeks in films of odd forms shows the frame and the colors that ffmpeg decodes there."""

from __future__ import annotations

import pytest
from film_player import back_and_forth

from longtake import media
from longtake.media import JoinClip, JoinTransition, ffmpeg

pytestmark = [pytest.mark.slow]

CELLS, SIDE = 6, 16
PATCHES = ("red", "green", "0x3050A0", "0xC08060", "gray", "0xC0C050")
"""No full blue or yellow: of those, Chromium's conversion of BT.709 lacks 12 levels of blue."""
POINTS = [((cell + 0.5) / CELLS, y) for y in (0.25, 0.75) for cell in range(CELLS)]
NEAR = 8
"""Levels that two decoders may differ by in a flat patch."""
SEEKS = 14

PQ = "zscale=min=709:pin=709:tin=709:rin=limited:m=2020_ncl:p=2020:t=smpte2084:r=limited:npl=203,format=yuv420p10le"
BT709 = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709"
"""All three: a browser takes a picture of which only the matrix is known for one of which nothing is."""
TO_BT709 = f"scale=out_color_matrix=bt709,format=yuv420p,{BT709}"


@pytest.fixture
def clip(tmp_path):
    """Makes clips whose frames have their number in black and white cells above patches of colors."""

    def make(name, *options, rate=24, frames=24, size=1, graph=TO_BT709, turn=0):
        side = SIDE * size
        boxes = [
            f"drawbox=x={i * side}:y=0:w={side}:h={2 * side}:color=white:t=fill:enable='mod(floor(n/{2**i}),2)'"
            for i in range(CELLS)
        ]
        boxes += [
            f"drawbox=x={i * side}:y={2 * side}:w={side}:h={2 * side}:color={color}:t=fill"
            for i, color in enumerate(PATCHES)
        ]
        source = f"color=black:s={CELLS * side}x{4 * side}:r={rate},format=rgb24,{','.join(boxes)},{graph}"
        path = tmp_path / f"{name}.mp4"
        coded = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", *options)
        ffmpeg.run(["-f", "lavfi", "-i", source, "-frames:v", str(frames), *coded, ffmpeg.file_url(path)])
        if turn:
            plain = path.rename(path.with_suffix(".plain.mp4"))
            ffmpeg.run(
                ["-display_rotation", str(turn), "-i", ffmpeg.file_url(plain), "-c", "copy", ffmpeg.file_url(path)]
            )
        return path

    return make


def odd(clip):
    """Films by what is odd about them."""
    fade = JoinTransition("crossfade", 0.25)
    for name, options in {
        "turned": {"turn": 90},
        "upside down": {"turn": 180},
        "near-square pixels": {"graph": f"{TO_BT709},setsar=1280/1281:max=2000"},
        "wide pixels": {"graph": f"{TO_BT709},setsar=4/3"},
    }.items():
        one = clip(name, **options)
        yield name, [JoinClip(one, "a"), JoinClip(one, "b", continues=True), JoinClip(one, "c", fade)]
    plain = clip("plain", frames=48)
    x265 = ("-c:v", "libx265", "-tag:v", "hvc1", "-x265-params")
    others = [
        clip("large", size=3),
        clip("sixty", rate=60, frames=60),
        clip(
            "full range",
            "-color_range",
            "pc",
            graph=f"scale=out_color_matrix=bt709:out_range=pc,format=yuv420p,{BT709}",
        ),
        clip("hevc", *x265, "log-level=error"),
        clip("PQ", *x265, "log-level=error", "-pix_fmt", "yuv420p10le", graph=f"{TO_BT709},{PQ}"),
        clip("turned among others", turn=90),
        clip("4:4:4", "-pix_fmt", "yuv444p"),
    ]
    yield "mixed", [JoinClip(path, path.stem) for other in others for path in (plain, other)]


def decoded(film, folder):
    """What each frame of a film has at the points, by ffmpeg, turned as a player turns it."""
    width, height, _ = media.probe(film).shown
    raw = folder / "frames.rgb"
    scaled = ["-vf", "scale=flags=accurate_rnd+full_chroma_int+full_chroma_inp", "-pix_fmt", "rgb24"]
    ffmpeg.run(["-i", ffmpeg.file_url(film), *scaled, "-f", "rawvideo", ffmpeg.file_url(raw)])
    data, size = raw.read_bytes(), width * height * 3
    places = [3 * (int(y * height) * width + int(x * width)) for x, y in POINTS]
    return [[[*data[at + place : at + place + 3]] for place in places] for at in range(0, len(data), size)]


def apart(one, other):
    return max(abs(a - b) for p, q in zip(one, other, strict=True) for a, b in zip(p, q, strict=True))


def test_odd_forms_are_shown_at_the_right_frame_in_the_right_colors(site, player, clip, tmp_path):
    wrong = []
    for number, (name, clips) in enumerate(odd(clip)):
        film = site[0] / f"{number}.mp4"
        done = media.join(clips, film)
        wanted, facts = decoded(film, tmp_path), media.probe(film)
        assert len(wanted) == done.frames
        seen = player.open(film.name)
        across, down, sar = facts.shown
        assert (seen["width"] / seen["height"], seen["seconds"]) == (
            pytest.approx(float(across * sar / down), rel=0.03),
            pytest.approx(done.seconds, abs=0.05),
        )
        starts = [round(chapter.start * 24) for chapter in done.chapters]
        frames = {*starts, *(at - 1 for at in starts[1:]), *range(5, done.frames, max(done.frames // SEEKS, 1))}
        for at in back_and_forth(frames):
            shown = player.colors(at, POINTS)
            if (off := apart(shown, wanted[at])) > NEAR:
                nearest = min(range(done.frames), key=lambda n: apart(shown, wanted[n]))
                patches = [(p, q) for p, q in zip(shown, wanted[at], strict=True) if apart([p], [q]) > NEAR]
                wrong.append((name, at, off, nearest, patches[:3]))
    assert wrong == []
