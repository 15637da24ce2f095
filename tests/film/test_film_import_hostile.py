"""`longtake import` of edits that are wrong, or say what no film can have: clear errors and lines, and nothing guessed."""

from __future__ import annotations

import json
import sys

import pytest

from longtake import export
from longtake import store as stores
from tests.film.conftest import FilmMaker

otio = pytest.importorskip("opentimelineio", reason="OpenTimelineIO has no wheel for this Python")

FADE = "    transition: {kind: crossfade, seconds: 0.125}\n"


@pytest.fixture(scope="module")
def studio(tmp_path_factory, clips):
    """One store for all: no import changes it."""
    folder = tmp_path_factory.mktemp("import")
    return FilmMaker(stores.open(str(folder / "store")), folder, clips)


@pytest.fixture(scope="module")
def film(studio, write_board):
    """Two scenes of two shots with a crossfade between them."""
    made, _ = studio.run(told(write_board))
    return made


def told(write_board):
    return write_board("one: A, two: B", "three: C, four: D!").replace("  - id: s1\n", "  - id: s1\n" + FADE)


@pytest.fixture
def file(studio, write_board):
    """The film's storyboard."""
    path = studio.folder / "film.yaml"
    path.write_text(told(write_board))
    return path


@pytest.fixture
def imported(studio, film, file, longtake, tmp_path):
    """Import what `change` makes of the exported edit: the exit code, the answer, and the storyboard's text."""

    def run(change=lambda line: line, *words, raw=None):
        cut = tmp_path / "cut.otio"
        cut.unlink(missing_ok=True)
        export.export(film.manifest, studio.store, "otio", cut)
        if raw is None:
            line = otio.adapters.read_from_file(str(cut))
            del line.tracks[1:]
            line = change(line) or line
            otio.adapters.write_to_file(line, str(cut))
        else:
            cut.write_bytes(raw(cut.read_bytes()))
        before = file.read_bytes()
        code, said, _ = longtake(studio, "import", cut, "--into", file, *words)
        assert code == 0 or file.read_bytes() == before
        return code, said, file.read_text()

    return run


def clips(line):
    return list(line.video_tracks()[0].find_clips())


def placed(clip, first, frames, rate=24):
    time = otio.opentime.RationalTime
    clip.source_range = otio.opentime.TimeRange(time(first, rate), time(frames, rate))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (lambda _: b"", "is not OpenTimelineIO"),
        (lambda _: b"\xff\xfe\x00", "is not OpenTimelineIO"),
        (lambda data: data[:-200], "is not OpenTimelineIO"),
        (lambda _: b"[" * 100_000 + b"]" * 100_000, "is not OpenTimelineIO: RecursionError"),
        (lambda _: b'{"a":' * 90 + b"1" + b"}" * 90, "is nested deeper than 64 levels"),
        (lambda _: b'{"OTIO_SCHEMA": "Clip.1", "name": "x"}', "does not hold one timeline"),
        (lambda _: b'{"OTIO_SCHEMA": "Evil.7", "name": "x"}', "does not hold one timeline"),
        (lambda _: b'{"OTIO_SCHEMA": "Timeline.99"}', "OpenTimelineIO"),
        (lambda _: b" " * (64 * 1024**2 + 1), "is larger than 64 MB"),
    ],
)
def test_what_is_no_timeline_is_refused(imported, raw, said):
    code, answer, _ = imported(raw=raw)
    assert code == 2
    assert said in answer["error"]["message"]


def test_an_edit_of_another_film_is_refused(imported):
    def change(line):
        line.metadata["longtake"]["film"] = "another-film"

    code, answer, _ = imported(change)
    assert code == 2
    assert "is an edit of the film 'another-film'" in answer["error"]["message"]


def test_a_clip_whose_media_has_no_url_is_named(imported):
    def change(line):
        media = clips(line)[3].media_reference
        media.metadata.clear()
        media.target_url = "http://[x"

    code, answer, _ = imported(change)
    assert code == 2
    assert answer["error"]["message"].startswith("clip s1/four: its media has the target_url 'http://[x'")


def test_a_storyboard_that_is_saved_meanwhile_is_not_overwritten(studio, film, file, longtake, tmp_path):
    cut = tmp_path / "cut.otio"
    export.export(film.manifest, studio.store, "otio", cut)
    line = otio.adapters.read_from_file(str(cut))
    placed(clips(line)[3], 2, 5)
    otio.adapters.write_to_file(line, str(cut))
    armed = True

    def save(event, args):
        nonlocal armed
        if armed and event == "open" and args[0] == str(cut):
            armed = False
            file.write_text(file.read_text() + "# saved by its author\n")

    sys.addaudithook(save)
    code, answer, _ = longtake(studio, "import", cut, "--into", file)
    armed = False
    assert (code, file.read_text().endswith("# saved by its author\n")) == (2, True)
    assert "changed while the edit was read" in answer["error"]["message"]
    assert longtake(studio, "import", cut, "--into", file)[0] == 0
    assert "# saved by its author" in file.read_text()


def test_without_the_notes_of_an_export_clips_are_known_by_their_media(imported):
    def change(line):
        line.metadata.clear()
        for item in line.video_tracks()[0]:
            item.metadata.clear()
        for clip in clips(line):
            for media in clip.media_references().values():
                media.metadata.clear()
        placed(clips(line)[3], 2, 5)

    code, answer, text = imported(change)
    # Its first frame, which the clip before it shares, is cut off: the film leaves out that clip's last one no more by itself.
    assert (code, answer["changes"]) == (0, ["s1/three: trim: {tail: 1f}", "s1/four: trim: {head: 2f, tail: 2f}"])
    assert 'prompt: "D!", takes: 2, trim: {head: 2f, tail: 2f}}' in text


def test_a_folder_that_was_moved_is_known_by_the_names_of_its_media(studio, film, file, longtake, tmp_path):
    export.export(film.manifest, studio.store, "folder", tmp_path / "cut")
    line = otio.adapters.read_from_file(str(tmp_path / "cut" / "a-small-film.otio"))
    line.metadata.clear()
    for clip in line.find_clips():
        clip.metadata.clear()
        clip.name = "renamed by an editor"
        for media in clip.media_references().values():
            media.metadata.clear()
            media.target_url = f"file:///C:/Users/an%20editor/{media.target_url}"
    for clip in (clips(line)[3], list(line.audio_tracks()[0].find_clips())[3]):
        key = next(key for key in clip.media_references() if key != clip.active_media_reference_key)
        clip.active_media_reference_key = key
    cut = tmp_path / "edited.otio"
    otio.adapters.write_to_file(line, str(cut))
    code, said, _ = longtake(studio, "import", cut, "--into", file)
    assert (code, said["changes"], said["left_out"]) == (0, ["s1/four: use: 2"], [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda line: placed(clips(line)[3], -3, 6), "item 5 (s1/four): it shows 3 frames that its clip does not have"),
        (lambda line: placed(clips(line)[3], 2, 90), "item 5 (s1/four): it shows 83 frames that its clip does not have"),
        (lambda line: placed(clips(line)[3], 0, -4), "item 5 (s1/four): its range is not whole frames at 24 a second, or is empty"),
        (lambda line: placed(clips(line)[3], 1, 5, 30), "item 5 (s1/four): its range is not whole frames at 24 a second"),
        (lambda line: placed(clips(line)[3], float("nan"), 5), "item 5 (s1/four): its range is not whole frames"),
        (lambda line: placed(clips(line)[0], 0, 9), "item 1 (s0/one): its last frame is the next clip's first"),
        (lambda line: setattr(clips(line)[0], "enabled", False), "item 1 (s0/one): it is switched off"),
        (
            lambda line: clips(line)[0].effects.append(otio.schema.LinearTimeWarp(name="half", time_scalar=0.5)),
            "item 1 (s0/one): the effect half is not kept",
        ),
        (
            lambda line: setattr(clips(line)[0], "media_reference", otio.schema.ExternalReference("file:///etc/passwd")),
            "item 1 (s0/one): its media is no kept take of the film",
        ),
        (
            lambda line: setattr(clips(line)[0], "media_reference", otio.schema.MissingReference()),
            "item 1 (s0/one): its media is no kept take of the film",
        ),
        (
            lambda line: line.video_tracks()[0].append(otio.schema.Stack(name="nest", children=[clips(line)[0].clone()])),
            "item 6 (nest): a Stack is no clip of the film",
        ),
        (
            lambda line: line.video_tracks()[0].insert(1, otio.schema.Gap(duration=otio.opentime.RationalTime(5, 24))),
            "item 2 (): a gap is no clip of the film",
        ),
        (lambda line: line.video_tracks()[0].append(clips(line)[0].clone()), "s0/one is in the edit twice"),
        (lambda line: line.video_tracks()[0].pop(4), "four: the edit does not show it; it stays in the film"),
        (
            lambda line: line.tracks.append(otio.schema.Track("titles", [clips(line)[0].clone()], kind="Video")),
            "video track 2 (titles): a film has one track of pictures",
        ),
    ],
)  # fmt: skip
def test_what_no_film_can_have_is_named_with_its_place(imported, change, said):
    code, answer, _ = imported(lambda line: change(line) and None)
    assert code == 0
    assert any(one.startswith(said) or said in one for one in answer["left_out"]), answer


def test_a_transition_of_another_kind_becomes_a_cut_and_is_named(imported):
    def change(line):
        led = next(item for item in line.video_tracks()[0] if isinstance(item, otio.schema.Transition))
        led.metadata["longtake"]["kind"] = "star-wipe"

    code, answer, text = imported(change)
    assert code == 0
    assert answer["left_out"] == [
        "item 4 (s1/three): the transition in front of it is of no kind that films have; it becomes a cut"
    ]
    assert "s1/three: transition: {kind: cut}" in answer["changes"]
    assert "transition: {kind: cut}" in text


def test_lengths_of_transitions_and_frames_at_another_rate_are_taken(imported):
    def change(line):
        led = next(item for item in line.video_tracks()[0] if isinstance(item, otio.schema.Transition))
        led.in_offset = led.out_offset = otio.opentime.RationalTime(2, 24)
        placed(clips(line)[3], 4, 10, 48)  # frames 2 to 6 at 24
        placed(clips(line)[1], 0, 7)
        placed(clips(line)[2], 2, 6)

    code, answer, _ = imported(change)
    assert (code, answer["left_out"]) == (0, [])
    assert "s1/four: trim: {head: 2f, tail: 2f}" in answer["changes"]
    assert "s1/three: transition: {kind: crossfade, seconds: 0.166667}" in answer["changes"]


def test_sound_that_was_edited_apart_is_named(imported):
    def raw(data):
        edit = json.loads(data)
        edit["tracks"]["children"][1]["children"].pop(0)
        return json.dumps(edit).encode()

    code, answer, _ = imported(raw=raw)
    assert (code, answer["changes"]) == (0, [])
    assert answer["left_out"] == [
        "the sound: it differs from the picture; in a film each clip's sound goes with its picture"
    ]


def test_a_storyboard_that_cannot_be_changed_in_place_stays(file, imported):
    text = file.read_text()
    file.write_text(text.replace('"A"}', '"A", trim: &none {head: 0}}').replace("takes: 2}", "takes: 2, trim: *none}"))
    code, answer, after = imported(lambda line: placed(clips(line)[3], 1, 7))
    assert code == 2
    assert "cannot be changed in place" in answer["error"]["message"]
    assert "*none" in after
