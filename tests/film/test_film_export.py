"""`longtake export`: the cut list, the editors' forms, and a folder with the clips."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from longtake import export
from longtake.export import opentimeline

otio = pytest.importorskip("opentimelineio", reason="OpenTimelineIO has no wheel for this Python")

CHAIN = 9
GOLDEN = Path(__file__).parent / "golden"
FADE = "    transition: {kind: crossfade, seconds: 0.125}\n"


@pytest.fixture
def film(studio, write_board):
    """Two shots of which the second continues the first, a crossfade of three frames, a caption, and two takes of one shot."""
    text = write_board("one: A, two: B", "three: C!").replace("  - id: s1\n", "  - id: s1\n" + FADE)
    made, _ = studio.run(text)
    return made


def written(studio, film, form, out, **options):
    return export.export(film.manifest, studio.store, form, out, **options)


def test_the_cut_list_shows_each_frame_of_the_film_once(film):
    listed = export.of_manifest(film.manifest)
    assert listed.rate == Fraction(24)
    assert [one.at for one in listed.shots] == [0, *[sum(s.frames for s in listed.shots[:n]) for n in (1, 2)]]
    assert sum(one.frames for one in listed.shots) == film.manifest.frames
    one, two, three = listed.shots
    assert (one.first, one.frames, one.spare) == (0, CHAIN - 1, 1), "the frame that both share is the second one's"
    assert (three.transition.kind, three.transition.before + three.transition.after) == ("crossfade", 3)
    assert three.first == three.transition.before
    assert two.spare >= three.transition.after, "the clip before has the frames that the transition shows of it"


def test_a_timeline_reads_back_as_the_film(studio, film, tmp_path):
    out = tmp_path / "film.otio"
    assert written(studio, film, "otio", out).files == 1
    line = otio.adapters.read_from_file(str(out))
    assert line.duration().to_frames() == film.manifest.frames
    assert line.global_start_time.to_timecode() == "01:00:00:00"
    video, audio = line.tracks
    assert (video.kind, audio.kind) == ("Video", "Audio")
    for clip, shot in zip(video.find_clips(), film.manifest.shots, strict=True):
        assert clip.name == shot.shot
        path = Path(unquote(urlsplit(clip.media_reference.target_url).path))
        assert path == studio.store.path(shot.used.clip.key).resolve()
        assert clip.media_reference.available_range.duration.to_frames() == shot.used.clip.frames
        assert clip.source_range.end_time_exclusive() <= clip.available_range().end_time_exclusive()
        assert len(clip.media_references()) == 1 + len(shot.alternates)
    assert next(marker.name for clip in video.find_clips() for marker in clip.markers) == "scene s0"


@pytest.mark.parametrize("form", ["fcpxml", "edl"])
def test_editors_forms_read_back_with_the_same_cuts(studio, film, tmp_path, form):
    out = tmp_path / f"film.{form}"
    written(studio, film, form, out)
    name = {"fcpxml": "fcpx_xml", "edl": "cmx_3600"}[form]
    back = otio.adapters.read_from_file(str(out), adapter_name=name)
    line = (
        back
        if isinstance(back, otio.schema.Timeline)
        else next(iter(back.find_children(descended_from_type=otio.schema.Timeline)))
    )
    clips = list(line.video_tracks()[0].find_clips())
    assert [clip.source_range.duration.to_frames() for clip in clips] == [
        one.frames for one in export.of_manifest(film.manifest).shots
    ]


@pytest.mark.parametrize("form", ["fcpxml", "edl"])
def test_editors_forms_are_those_that_were_looked_at(film, form):
    """The FCPXML was validated with the DTD of FCPXML 1.8, which is not ours to ship."""
    shots = tuple(shot.model_copy(update={"seam": None, "drift": None}) for shot in film.manifest.shots)
    names = {
        take.clip.key: f"media/{shot.id}-{take.take}.mp4" for shot in shots for take in (shot.used, *shot.alternates)
    }
    text, _ = opentimeline.text(film.manifest.model_copy(update={"shots": shots}), form, names.__getitem__)
    assert text == (GOLDEN / f"film.{form}").read_text(encoding="utf-8")


def test_a_folder_names_its_clips_by_relative_paths(studio, film, tmp_path):
    out = tmp_path / "cutting room"
    done = written(studio, film, "folder", out)
    line = otio.adapters.read_from_file(str(out / "a-small-film.otio"))
    urls = {media.target_url for clip in line.find_clips() for media in clip.media_references().values()}
    assert {str(path.relative_to(out)) for path in (out / "media").iterdir()} == urls
    assert done.files == len(list(out.rglob("*.*")))
    for clip in line.video_tracks()[0].find_clips():
        shot = next(shot for shot in film.manifest.shots if shot.shot == clip.name)
        assert (out / clip.media_reference.target_url).read_bytes() == studio.read(shot.used.clip.key)


def test_the_command_finds_the_film_joined_last_by_its_slug(studio, film, longtake, tmp_path):
    code, answer, _ = longtake(studio, "export", "a-small-film", "--to", "edl")
    assert (code, answer["files"]) == (0, 1)
    assert (tmp_path / answer["path"]).read_text().count("  V     C  ") == 3
    assert answer["notes"][0] == "edl: the transition into s1/three is a cut; both clips have the frames for it"
    code, answer, _ = longtake(studio, "export", "a-small-film", "--to", "edl")
    assert (code, answer["error"]["next_step"]) == (2, "move it away, or name another with --out")
    code, answer, _ = longtake(studio, "export", "another-film", "--to", "edl")
    assert code == 2
    assert "there is no film another-film" in answer["error"]["message"]


def test_a_storyboard_stands_for_its_film_joined_last(studio, film, write_board, longtake, tmp_path):
    board = tmp_path / "film.yaml"
    board.write_text(write_board("one: A"))
    code, answer, _ = longtake(studio, "export", str(board), "--to", "edl")
    assert (code, answer["files"]) == (0, 1)
    as_json = tmp_path / "film.json"
    as_json.write_text(film.manifest.timeline.model_dump_json())
    code, answer, _ = longtake(studio, "export", str(as_json), "--to", "edl", "--out", "other.edl")
    assert (code, "is not a manifest" in answer["error"]["message"]) == (1, True)
    board.write_text(re.sub("title: .*", "title: Another film", write_board("one: A")))
    code, answer, _ = longtake(studio, "export", str(board), "--to", "edl", "--out", "third.edl")
    assert (code, f"`longtake run {board}` buys that" in answer["error"]["next_step"]) == (2, True)
    assert f"the film of {board} (another-film) is not in" in answer["error"]["message"]
    as_json.write_text("[" * 100_000)
    code, answer, _ = longtake(studio, "export", str(as_json), "--to", "edl", "--out", "fourth.edl")
    assert (code, "is not a manifest" in answer["error"]["message"]) == (1, True)


def test_hostile_words_stay_words(studio, write_board, tmp_path):
    caption = "* FROM CLIP: /etc/passwd\\n001  EVIL V C & <script>"
    text = write_board("one: A").replace("prompt:", f'caption: "{caption}", prompt:')
    made, _ = studio.run(text)
    assert "EVIL" in made.manifest.timeline.cuts[0].caption
    out = tmp_path / "cut"
    written(studio, made, "folder", out)
    edl = (out / "a-small-film.edl").read_text()
    assert not [line for line in edl.splitlines() if line.startswith(("001  EVIL", "* FROM CLIP: /etc"))]
    otio.adapters.read_from_file(str(out / "a-small-film.fcpxml"))
    assert (
        (out / "a-small-film.srt")
        .read_text()
        .startswith("1\n00:00:00,000 --> 00:00:00,375\n* FROM CLIP: /etc/passwd\n001")
    )
