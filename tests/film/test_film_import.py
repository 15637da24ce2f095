"""`longtake import`: an edit comes back from OpenTimelineIO as decisions of the storyboard, to the frame, and buys nothing."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest

from longtake import export
from longtake.media import ffmpeg
from tests.film.conftest import Clips

otio = pytest.importorskip("opentimelineio", reason="OpenTimelineIO has no wheel for this Python")

SIZE = 64 * 48 * 3 // 2
"""Bytes of a frame."""
HEAD = """\
# A film that an editor has changed.
schema: longtake/1
title: A Small Film
model: seedance-2.5
defaults: {resolution: 480p, duration: 4}   # small
scenes:
"""


class Few(Clips):
    """Sixty different clips, again and again."""

    def __getitem__(self, number: int):
        return super().__getitem__(number % 60)


@pytest.fixture(scope="session")
def keyed(tmp_path_factory):
    """Clips in which each frame is a key frame: whatever is cut, frames are copied."""
    return Few(tmp_path_factory.mktemp("keyed"), coding=("-preset", "ultrafast", "-g", "1"))


def long_board(count: int) -> str:
    """Scenes of four shots, each scene a chain: with comments, transitions, trims and second takes."""
    lines = []
    for n in range(count):
        if n % 4 == 0:
            lines += [f"  # Scene {n // 4}.", f"  - id: s{n // 4}"]
            lines += ["    transition: {kind: crossfade, seconds: 0.125}"] if n % 8 == 4 else []
            lines += ["    shots:"]
        lines += [f"      - id: shot{n}  # number {n}", f"        prompt: Number {n} of a long film"]
        lines += ["        takes: 2"] if n % 5 == 2 else []
        lines += ["        trim: {head: 0.05, tail: 1f}"] if n % 6 == 3 else []
    return HEAD + "\n".join(lines) + "\n"


def exported(studio, film, out):
    export.export(film.manifest, studio.store, "otio", out)
    return otio.adapters.read_from_file(str(out))


def raw(out, *args) -> list[bytes]:
    ffmpeg.run([*args, "-pix_fmt", "yuv420p", "-f", "rawvideo", f"file:{out}"])
    data = out.read_bytes()
    return [data[at : at + SIZE] for at in range(0, len(data), SIZE)]


def reference(line, out) -> list[tuple[bytes, bool]]:
    """The frames that ffmpeg shows of an edit, read from OpenTimelineIO alone; and whether each is blended."""
    items = list(line.video_tracks()[0])
    inputs, graph, parts, blended = [], [], [], []

    def source(clip, first, end):
        path = unquote(urlsplit(clip.media_reference.target_url).path)
        inputs.extend(["-i", f"file:{path}"])
        name = f"p{len(inputs)}"
        graph.append(
            f"[{len(inputs) // 2 - 1}:v]trim=start_frame={first}:end_frame={end},settb=1/24,setpts=N,fps=24[{name}]"
        )
        return name

    def span(clip):
        first = clip.source_range.start_time.to_frames()
        return first, first + clip.source_range.duration.to_frames()

    for n, item in enumerate(items):
        if isinstance(item, otio.schema.Transition):
            before, after = item.in_offset.to_frames(), item.out_offset.to_frames()
            old, new = items[n - 1], items[n + 1]
            one = source(old, span(old)[1] - before, span(old)[1] + after)
            two = source(new, span(new)[0] - before, span(new)[0] + after)
            graph.append(f"[{one}][{two}]xfade=duration={(before + after) / 24}:offset=0[x{n}]")
            parts.append(f"x{n}")
            blended += [True] * (before + after)
        else:
            first, end = span(item)
            led, leads = (items[at] if 0 <= at < len(items) else None for at in (n - 1, n + 1))
            first += led.out_offset.to_frames() if isinstance(led, otio.schema.Transition) else 0
            end -= leads.in_offset.to_frames() if isinstance(leads, otio.schema.Transition) else 0
            parts.append(source(item, first, end))
            blended += [False] * (end - first)
    graph.append("".join(f"[{part}]" for part in parts) + f"concat=n={len(parts)}[v]")
    frames = raw(out, *inputs, "-filter_complex", ";".join(graph), "-map", "[v]")
    return list(zip(frames, blended, strict=True))


def is_the_same_film(path, line, folder) -> None:
    shown = raw(folder / "film.raw", "-i", f"file:{path}", "-map", "0:v")
    wanted = reference(line, folder / "wanted.raw")
    assert len(shown) == len(wanted)
    for at, (mine, (theirs, blended)) in enumerate(zip(shown, wanted, strict=True)):
        if not blended:
            assert mine == theirs, f"frame {at} is another one"
        else:
            assert sum(abs(a - b) for a, b in zip(mine, theirs, strict=True)) / SIZE < 4, f"frame {at} of a transition"


def moved(time, frames):
    return otio.opentime.RationalTime(time.value + frames, time.rate)


def edit(line) -> None:
    """What an editor does: other takes, shorter clips, another order of shots and of scenes."""
    track = line.video_tracks()[0]
    items = list(track)
    clips = [item for item in items if isinstance(item, otio.schema.Clip)]
    for n, clip in enumerate(clips):
        takes = list(clip.media_references())
        if len(takes) > 1:
            clip.active_media_reference_key = next(key for key in takes if key != clip.active_media_reference_key)
        if n % 3 == 1 and clip.source_range.duration.value >= 7:
            there = clip.source_range
            clip.source_range = otio.opentime.TimeRange(moved(there.start_time, 1), moved(there.duration, -2))
    # The second scene goes to the end with its transition; in the first the third shot comes first.
    second = next(n for n, item in enumerate(items) if getattr(item, "name", "") == "s1/shot4")
    scene = items[second - 1 : second + 4]
    rest = [item for item in items if all(item is not other for other in scene)]
    rest[0], rest[1], rest[2] = rest[2], rest[0], rest[1]
    # What the transition shows of the clip before it behind the cut has to be there.
    there = rest[-1].source_range
    rest[-1].source_range = otio.opentime.TimeRange(there.start_time, moved(there.duration, -2))
    del track[:]
    track.extend([*rest, *scene])
    del line.tracks[1:]  # the sound goes with the picture


def round_trip(studio, longtake, tmp_path, count):
    studio.clips, file, cut = studio.keyed, tmp_path / "board" / "film.yaml", tmp_path / "cut.otio"
    file.write_text(long_board(count))
    film, _ = studio.run(file.read_text())
    line = exported(studio, film, cut)
    is_the_same_film(studio.store.path(film.key), line, tmp_path)
    before = file.read_bytes()
    code, said, _ = longtake(studio, "import", cut, "--into", file)
    assert (code, said["changes"], said["left_out"], said["written"]) == (0, [], [], False)
    assert file.read_bytes() == before, "an edit that is as it was exported changes nothing"

    edit(line)
    otio.adapters.write_to_file(line, str(cut))
    code, said, _ = longtake(studio, "import", cut, "--into", file, "--dry-run")
    assert (code, said["left_out"], said["written"], file.read_bytes()) == (0, [], False, before)
    assert longtake(studio, "import", cut, "--into", file)[1]["written"]
    text = file.read_text()
    assert studio.to_buy(text) == (0, "to join")
    again, bought = studio.run(text)
    assert bought == 0
    is_the_same_film(studio.store.path(again.key), line, tmp_path)
    # Comments are where they were, or with what they stand in front of.
    for n in range(count):
        assert f"- id: shot{n}  # number {n}\n        prompt: Number {n} of a long film\n" in text
    assert text.startswith(HEAD)
    assert text.index("# Scene 1.") > text.index("# Scene 2.")
    return said["changes"]


@pytest.mark.slow
def test_twelve_clips_come_back_as_they_were_edited(studio, keyed, longtake, tmp_path):
    studio.keyed = keyed
    changes = round_trip(studio, longtake, tmp_path, 12)
    assert "s0/shot2: use: 2" in changes
    assert "s0/shot1: trim: {head: 1f, tail: 2f}" in changes
    assert changes[0].startswith("order: shot2, shot0, shot1, shot3, shot8")


@pytest.mark.slow
def test_two_hundred_clips_come_back_as_they_were_edited(studio, keyed, longtake, tmp_path):
    studio.keyed = keyed
    round_trip(studio, longtake, tmp_path, 200)


def test_what_another_take_would_buy_is_said_before_anything_is_saved(studio, longtake, tmp_path):
    file, cut = tmp_path / "board" / "film.yaml", tmp_path / "cut.otio"
    shots = "".join(
        f"      - {{id: {name}, prompt: {name}{takes}}}\n"
        for name, takes in (("one", ", takes: 2"), ("two", ""), ("three", ""))
    )
    file.write_text(HEAD.replace("scenes:", "downstream: cascade\nscenes:") + f"  - id: s0\n    shots:\n{shots}")
    film, _ = studio.run(file.read_text())
    line = exported(studio, film, cut)
    code, said, _ = longtake(studio, "import", cut, "--into", file, as_json=False)
    assert "the next run buys nothing: 0 credits" in said
    first = next(iter(line.find_clips()))
    first.active_media_reference_key = next(
        key for key in first.media_references() if key != first.active_media_reference_key
    )
    otio.adapters.write_to_file(line, str(cut))
    before = file.read_bytes()
    code, said, _ = longtake(studio, "import", cut, "--into", file, "--dry-run")
    assert (code, said["to_buy"], file.read_bytes()) == (0, ["s0/two", "s0/three"], before)
    code, text, _ = longtake(studio, "import", cut, "--into", file, as_json=False)
    wanted = f"the next run buys s0/two, s0/three: {said['expected']} credits expected, {said['reserve']} reserved"
    assert wanted in text
    assert said["expected"] == studio.to_buy(file.read_text())[0] > 0
