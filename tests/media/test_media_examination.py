from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from longtake import media
from longtake.errors import MediaError

SIZE = "s=160x90:r=24"
MOVING = f"mandelbrot={SIZE}:start_scale=1"
BEEP = "sine=440:r=48000"


def made(studio, name, graph, *, sound=BEEP, frames=73, options=()):
    """A clip of three seconds: a filter graph, and a sound of its length or another."""
    heard = ("-f", "lavfi", "-i", sound) if sound else ()
    coded = ("-frames:v", str(frames), "-t", str(frames / 24), "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")
    return studio.file(f"seen-{name}.mp4", "-f", "lavfi", "-i", graph, *heard, *coded, *options)


def kinds(examination):
    return [(found.kind, found.grave) for found in examination.findings]


def test_a_clip_as_asked_for_has_no_findings(studio):
    seen = media.examine(made(studio, "good", MOVING), seconds=3, pixels=(160, 90), audio=True)
    assert seen.findings == ()
    assert (seen.passed, seen.score, seen.probe.frames) == (True, 1.0, 73)
    assert (seen.measures.black, seen.measures.silent, seen.measures.cuts) == (0.0, 0.0, ())
    assert seen.measures.frozen < 0.5
    assert 10 < seen.measures.tone.luma < 245
    assert json.loads(json.dumps(asdict(seen.measures)))["tone"]["sharpness"] > 0


def test_two_examinations_are_equal_and_a_file_object_is_as_good_as_a_path(studio):
    clip = made(studio, "good", MOVING)
    with clip.open("rb") as file:
        assert media.examine(file, seconds=3, audio=True) == media.examine(clip, seconds=3, audio=True)
        assert not file.closed


@pytest.mark.parametrize("prompt", ["Waves break on black rocks at dawn", "a night storm"])
def test_the_clips_of_the_emulator_pass(tmp_path, prompt):
    import asyncio

    from longtake.emulator.rendering import RenderOrder, render

    order = RenderOrder(
        prompt=prompt, digest="5e" * 32, width=432, height=240, frames=97, rate=24, audio=True, speed="ultrafast"
    )
    clip = asyncio.run(render(order, tmp_path)).clip
    seen = media.examine(clip, seconds=4, pixels=(432, 240), audio=True)
    assert (seen.findings, seen.score) == ((), 1.0)


@pytest.mark.parametrize(
    ("asked", "kind", "words"),
    [
        ({"seconds": 5}, "frames", "asked for 5 s (121 frames), got 3.04 s (73 frames)"),
        ({"pixels": (854, 480)}, "size", "asked for 854×480 pixels, got 160×90"),
    ],
)
def test_what_is_unlike_what_was_asked_for_is_found_and_not_refused(studio, asked, kind, words):
    seen = media.examine(made(studio, "good", MOVING), **asked)
    assert kinds(seen) == [(kind, True)]
    assert seen.findings[0].text == words
    assert (seen.passed, seen.score) == (False, 0.5)


@pytest.mark.parametrize("frames", [72, 74])
def test_a_frame_more_or_less_is_no_finding(studio, frames):
    clip = made(studio, f"near-{frames}", MOVING, frames=frames, sound=None)
    assert media.examine(clip, seconds=3).findings == ()


def test_another_rate_is_found_and_the_length_is_told_in_seconds(studio):
    clip = studio.clip("thirty-two-seconds", rate=30, frames=61, audio=False)
    assert kinds(media.examine(clip, seconds=2)) == [("rate", True)]


def test_frames_that_are_not_evenly_spaced_are_found(studio):
    uneven = f"{MOVING},settb=1/2400,setpts='100*N+40*mod(N,2)'"
    clip = made(studio, "uneven", uneven, sound=None, options=("-fps_mode", "passthrough", "-enc_time_base", "1:2400"))
    assert ("rate", False) in kinds(media.examine(clip))


@pytest.mark.parametrize(("until", "black", "grave"), [(24, 1.0, False), (60, 2.5, True)])
def test_black_is_found(studio, until, black, grave):
    dark = f"{MOVING},drawbox=color=black:t=fill:enable='lt(n,{until})'"
    seen = media.examine(made(studio, f"black-{until}", dark))
    assert ("black", grave) in kinds(seen)
    assert seen.measures.black == pytest.approx(black, abs=0.05)
    assert not [found for found in seen.findings if found.kind == "frozen"], "a black picture stands still: said once"


def test_a_dark_scene_with_a_light_in_it_is_not_black(studio):
    lamp = f"color=c=0x0A0A0A:{SIZE},drawbox=x='n/2':y=40:w=20:h=20:color=0xE0C080:t=fill"
    moving = media.examine(made(studio, "lamp", lamp.replace("'n/2'", "40")))
    assert moving.measures.black == 0.0


@pytest.mark.parametrize(("loop", "grave"), [("loop=36:1:20,trim=end_frame=73", False), ("loop=-1:1:0", True)])
def test_a_standstill_is_found(studio, loop, grave):
    seen = media.examine(made(studio, f"frozen-{grave}", f"{MOVING},{loop},setpts=N/24/TB"))
    assert kinds(seen) == [("frozen", grave)]
    assert seen.measures.frozen == pytest.approx(73 / 24 if grave else 37 / 24, abs=0.1)


def test_a_small_movement_in_a_still_picture_is_no_standstill(studio):
    graph = "color=c=gray:s=640x360:r=24[a];color=c=white:s=8x6:r=24[b];[a][b]overlay=x='100+4*n'"
    assert media.examine(made(studio, "small", graph)).findings == ()


def test_a_cut_inside_is_found_at_its_frame(studio):
    graph = f"{MOVING},trim=end_frame=30[a];testsrc2={SIZE},trim=end_frame=43[b];[a][b]concat=n=2"
    seen = media.examine(made(studio, "cut", graph))
    assert kinds(seen) == [("cut", False)]
    assert seen.measures.cuts == (30 / 24,)
    assert (seen.passed, seen.score) == (True, 0.85)


@pytest.mark.parametrize(
    ("name", "graph"),
    [
        ("flash", f"{MOVING},drawbox=color=white:t=fill:enable='eq(n,30)'"),
        ("light", f"{MOVING},eq=brightness=0.25:enable='gte(n,30)'"),
        ("pan", "mandelbrot=s=1600x90:r=24:start_scale=1,crop=160:90:x='n*18':y=0"),
        (
            "fade",
            f"{MOVING},trim=end_frame=43[a];testsrc2={SIZE},trim=end_frame=43[b];[a][b]xfade=duration=0.5:offset=1",
        ),
    ],
)
def test_what_only_looks_like_a_cut_is_none(studio, name, graph):
    assert media.examine(made(studio, name, graph)).measures.cuts == ()


def test_silence_is_found_where_sound_was_asked_for(studio):
    clip = made(studio, "quiet", MOVING, sound="anullsrc=r=48000")
    assert kinds(media.examine(clip, audio=True)) == [("silent", False)]
    assert media.examine(clip, audio=True).measures.silent == pytest.approx(73 / 24, abs=0.1)
    for asked in (False, None):
        assert media.examine(clip, audio=asked).findings == ()


def test_a_pause_is_measured_and_no_finding(studio):
    pause = f"{BEEP},volume=0:enable='between(t,1,2)'"
    seen = media.examine(made(studio, "pause", MOVING, sound=pause), audio=True)
    assert seen.findings == ()
    assert seen.measures.silent == pytest.approx(1.0, abs=0.1)


def test_no_sound_and_too_little_are_found(studio):
    none = made(studio, "mute", MOVING, sound=None)
    assert kinds(media.examine(none, audio=True)) == [("silent", True)]
    assert media.examine(none).findings == ()
    short = made(studio, "short", MOVING, sound=f"{BEEP},atrim=end=2")
    assert kinds(media.examine(short, audio=True)) == [("short sound", False)]


def test_broken_sound_does_not_lose_the_picture(studio, tmp_path):
    import av

    source = made(studio, "good", MOVING)
    whole = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        for packet in container.demux(audio=0):
            if packet.size:
                whole[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(whole)
    assert ("broken sound", True) in kinds(media.examine(broken, audio=True))
    assert media.examine(broken).passed


def test_what_cannot_be_used_is_an_error(studio, tmp_path):
    clip = made(studio, "good", MOVING)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[:-3000])
    page = tmp_path / "page.mp4"
    page.write_text("<html>expired</html>")
    sound = studio.file("only-sound.mp4", "-f", "lavfi", "-i", BEEP, "-t", "1", "-c:a", "aac")
    for path in (cut, page, sound, tmp_path / "gone.mp4"):
        with pytest.raises(MediaError, match=path.name.replace(".", r"\.")):
            media.examine(path)


def test_an_open_file_is_not_called_by_its_own_name(tmp_path):
    secret = tmp_path / "clip.mp4?X-Amz-Signature=SECRET"
    secret.write_text("<html>expired</html>")
    with secret.open("rb") as file, pytest.raises(MediaError, match="the file: expected MP4, got HTML") as caught:
        media.examine(file)
    assert "SECRET" not in str(caught.value)


def test_no_ffmpeg_is_needed_for_any_of_it(studio, tmp_path, monkeypatch):
    clip = made(studio, "good", MOVING)
    monkeypatch.setenv("LONGTAKE_FFMPEG", "/nowhere/ffmpeg")
    assert media.examine(clip).passed
    media.last_frame(clip, tmp_path / "last.png")
    media.first_frame(clip, tmp_path / "first.png")
    assert media.seam(tmp_path / "last.png", clip).seen
