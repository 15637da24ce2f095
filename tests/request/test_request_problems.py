"""What the provider would refuse is refused here, with its place, before anything is sent."""

from __future__ import annotations

import pytest

from longtake import storyboard
from longtake.catalog import Catalog
from longtake.errors import StoryboardError
from longtake.request import resolve

TEN_MISTAKES = """\
schema: longtake/1
title: Ten mistakes
model: seedance-2.5
references: {keeper: keeper.png}
scenes:
  - id: one
    shots:
      - {id: a, prompt: fine}
      - {id: b, prompt: x, duratoin: 5}
      - {id: c, prompt: x, generate_audio: loud}
      - {id: d, prompt: x, references: [keper], continue_from: null}
      - {id: a, prompt: x}
      - {id: f, prompt: x, continue_from: g}
      - {id: g, prompt: x, continue_from: f}
      - {id: h, prompt: x, duration: 40}
      - {id: i, prompt: x, model: seedance-2.5-fast, resolution: 1080p}
      - id: j
        prompt: "@keeper turns"
        references: [keeper]
      - {id: k, prompt: x, model: seedance-3}
      - {id: l, prompt: fine}
  - id: two
    shots:
      - id: m
        prompt: x
        first_frame: nowhere/at all.png
"""


def test_ten_mistakes_are_ten_problems(tmp_path, catalog, png):
    png(tmp_path / "keeper.png")
    (tmp_path / "film.yaml").write_text(TEN_MISTAKES)
    with pytest.raises(StoryboardError) as caught:
        resolve(storyboard.draft(tmp_path / "film.yaml"), catalog)
    found = [(one.line, one.shot, one.message) for one in caught.value.problems]
    assert found == [
        (9, "b", 'the key "duratoin" is unknown (did you mean duration?)'),
        (10, "c", 'generate_audio is "loud"'),
        (11, "d", 'the reference "keper" is unknown'),
        (12, "a", "the id a is already that of line 8"),
        (13, "f", "this goes round in a circle: f continues g continues f"),
        (15, "h", "duration is 40"),
        (16, "i", 'resolution is "1080p"'),
        (19, "j", "this shot continues i and carries references (keeper), the provider takes only one"),
        (20, "k", 'the model "seedance-3" is not in the catalog (did you mean seedance-2.5 or seedance-2.5-fast?)'),
        (26, "m", '"nowhere/at all.png" cannot be read: No such file or directory'),
    ]
    allowed = [one.allowed for one in caught.value.problems]
    assert allowed[1] == "true or false"
    assert allowed[2] == "keeper"
    assert allowed[5] == "4 to 15 (seconds, seedance-2.5)"
    assert allowed[6] == "480p, 720p (seedance-2.5-fast)"
    assert all(allowed)
    assert {one.file for one in caught.value.problems} == {str(tmp_path / "film.yaml")}


@pytest.mark.parametrize(
    ("shot", "expected"),
    [
        ("{id: a, prompt: x, size: 2:1}", 'size is "2:1"; allowed: 16:9, 9:16, 1:1, 4:3, 3:4, 21:9, adaptive'),
        ("{id: a, prompt: x, duration: -1}", "duration is -1; allowed: 4 to 15 (seconds, seedance-2.5)"),
        ("{id: a, prompt: x, duration: 31, model: doubao-seedance-2.5-face}", "allowed: 4 to 30, or -1"),
        ("{id: a, prompt: waves, seed: 5, model: doubao-seedance-2.0}", "doubao-seedance-2.0 takes no seed"),
        ("{id: a}", "there is no prompt, and no reference instead of one"),
        ("{id: a, prompt: '  '}", "there is no prompt"),
        ("{id: a, prompt: ab, model: doubao-seedance-2.0}", "the prompt has 2 characters; allowed: 3 to 4000"),
        ("{id: a, prompt: " + "x" * 4001 + "}", "the prompt has 4001 characters; allowed: 1 to 4000"),
        ("{id: a, prompt: see @keeper}", "the prompt names @keeper, which is not among the shot's references"),
        ("{id: a, prompt: see @image1}", "the prompt names @image1"),
        ("{id: a, prompt: x, last_frame: a.png}", "last_frame is given without a first frame"),
        ("{id: a, prompt: x, first_frame: 'data:image/png;base64,AA'}", "is not an http(s) URL"),
        ("{id: a, prompt: x, first_frame: 'ftp://host/a.png'}", "is not an http(s) URL"),
        ("{id: a, prompt: x, first_frame: 'http:///a.png'}", "is not an http(s) URL"),
        ("{id: a, prompt: x, first_frame: 'http://[1/a.png'}", "is not an http(s) URL"),
        ("{id: a, prompt: x, first_frame: 'https://me:secret@host/a.png'}", "the URL on host holds a user name"),
        ("{id: a, prompt: x, first_frame: 'https://host/a b.png'}", "the URL on host cannot be sent"),
        ("{id: a, prompt: x, first_frame: 'https://host/a.mp4?sig=secret'}", "is not an image but video"),
        ("{id: a, prompt: x, first_frame: clip.mp4}", "is not an image but video"),
        ("{id: a, prompt: x, first_frame: small.png}", '"small.png" has 299 x 300 pixels; allowed: 300 to 6000'),
        ("{id: a, prompt: x, first_frame: lies.png}", '"lies.png" cannot be used: '),
        ("{id: a, prompt: x, first_frame: torn.png}", '"torn.png" cannot be used: torn.png is '),
        ("{id: a, prompt: x, first_frame: folder}", '"folder" is not a regular file'),
        ("{id: a, prompt: x, first_frame: sound.wav}", '"sound.wav" is not an image but audio'),
    ],
)
def test_each_broken_rule_of_an_input_is_named(*, problems, tmp_path, png, wav, clips, shot, expected):
    png(tmp_path / "a.png")
    png(tmp_path / "small.png", 299, 300)
    wav(tmp_path / "sound.wav")
    torn = png(tmp_path / "torn.png")
    torn.write_bytes(torn.read_bytes()[:-20])
    (tmp_path / "lies.png").write_text("<html>not here</html>")
    (tmp_path / "clip.mp4").write_bytes(clips(1).read_bytes())
    (tmp_path / "folder").mkdir()
    (only,) = problems(shot)
    assert only.startswith("film.yaml:7: shot a: ")
    assert expected in only
    assert "secret" not in only


@pytest.mark.parametrize(
    ("names", "model", "expected"),
    [
        ("p0 p1 p2 p3 p4 p5 p6 p7 p8 p9", "seedance-2.5", "there are 10 image references; allowed: up to 9"),
        ("c4 c5 c7", "seedance-2.5", "the video references are 16.00 seconds long together; allowed: up to 15 seconds"),
        ("s1", "doubao-seedance-2.5-face", "s1 is 1.00 seconds long; allowed: 2 to 30 seconds"),
        ("s2", "doubao-seedance-2.0", "takes audio only with an image or a video"),
        ("web", "seedance-2.5", '"c1.webm" is webm vp9; allowed: video as mp4, mov (h264 or hevc)'),
        ("far", "seedance-2.5", "does not say whether it is an image, a video or audio"),
    ],
)
def test_references_have_limits_of_number_length_and_size(
    *, problems, tmp_path, png, wav, clips, names, model, expected
):
    for number in range(10):
        png(tmp_path / f"p{number}.png", shade=number)
    for seconds in (4, 5, 7):
        (tmp_path / f"c{seconds}.mp4").write_bytes(clips(seconds).read_bytes())
    (tmp_path / "c1.webm").write_bytes(clips(1, "webm").read_bytes())
    wav(tmp_path / "s1.wav", 1)
    wav(tmp_path / "s2.wav", 2)
    files = [f"p{number}: p{number}.png" for number in range(10)]
    files += ["c4: c4.mp4", "c5: c5.mp4", "c7: c7.mp4", "s1: s1.wav", "s2: s2.wav", "web: c1.webm"]
    files.append("far: 'https://host/get?file=a.png'")
    head = f"model: {model}\nreferences: {{{', '.join(files)}}}\n"
    (only,) = problems(f"{{id: a, prompt: hello, references: [{', '.join(names.split())}]}}", head=head)
    assert expected in only


def test_a_bad_default_is_one_problem_at_its_line(problems):
    head = "model: seedance-2.5\ndefaults: {duration: 2}\n"
    shots = [f"{{id: s{number}, prompt: x}}" for number in range(20)]
    assert problems(*shots, head=head) == [
        "film.yaml:4: duration is 2; allowed: 4 to 15 (seconds, seedance-2.5)",
    ]


def test_a_default_that_one_shots_model_cannot_take_is_that_shots_problem(problems):
    head = "model: seedance-2.5\ndefaults: {resolution: 1080p}\n"
    (only,) = problems("{id: a, prompt: x}", "{id: b, prompt: x, model: seedance-2.5-fast}", head=head)
    assert only == 'film.yaml:9: shot b: resolution is "1080p"; allowed: 480p, 720p (seedance-2.5-fast)'


def test_an_unusable_reference_is_one_problem_and_blames_no_shot(problems):
    head = "model: seedance-2.5\nreferences: {keeper: gone.png}\n"
    shot = "{id: %s, prompt: '@keeper', references: [keeper], continue_from: null}"
    (only,) = problems(shot % "a", shot % "b", head=head)
    assert only.startswith('film.yaml:4: "gone.png" cannot be read: No such file')


def test_no_model_and_an_unknown_one(problems):
    assert "this shot has no model; allowed: seedance-2.5" in problems("{id: a, prompt: x}", head="")[0]
    (only,) = problems("{id: a, prompt: x}", "{id: b, prompt: x}", head="model: seedance-2.6\n")
    assert only.startswith('film.yaml:3: the model "seedance-2.6" is not in the catalog (did you mean seedance-2.5 or ')
    assert "; allowed: seedance-2.5, " in only


def test_continuing_excludes_other_starts(problems, tmp_path, png):
    png(tmp_path / "a.png")
    (only,) = problems("{id: a, prompt: x}", "{id: b, prompt: x, first_frame: a.png}")
    assert "film.yaml:8: shot b: this shot continues a, so it cannot start from first_frame too" in only


def test_frames_exclude_references(problems, tmp_path, png):
    png(tmp_path / "a.png")
    head = "model: seedance-2.5\nreferences: {k: a.png}\n"
    (only,) = problems("{id: a, prompt: x, first_frame: k, references: [k]}", head=head)
    assert "this shot pins a frame and carries references (k)" in only


def test_no_rate_with_video_is_said_before_sending(problems, tmp_path, clips):
    (tmp_path / "c.mp4").write_bytes(clips(4).read_bytes())
    head = "model: doubao-seedance-2.5-face\nreferences: {c: c.mp4}\n"
    (tmp_path / "mine.yaml").write_text(
        "models: {doubao-seedance-2.5-face: {rates: {1080p: {usd: 0.46185, as_of: 2026-09-14, source: s}}}}"
    )
    mine = Catalog.load(tmp_path / "mine.yaml")
    (only,) = problems("{id: a, prompt: x, references: [c], resolution: 1080p}", head=head, using=mine)
    assert "no rate with video inputs" in only
    assert only.endswith("allowed: 480p, 720p")


def test_music_must_be_a_sound_file(problems, tmp_path, png):
    png(tmp_path / "a.png")
    for music, says in [
        ("gone.wav", "cannot be read"),
        ("a.png", "is not audio but image"),
        ("'https://host/a.wav?secret'", "a file, not a URL"),
    ]:
        head = f"model: seedance-2.5\nsound: {{music: {music}}}\n"
        (only,) = problems("{id: a, prompt: x}", head=head)
        assert only.startswith("film.yaml:4: ")
        assert says in only
        assert "secret" not in only


def test_crossfades_must_fit_their_shots(catalog, tmp_path):
    scenes = "".join(
        f"  - id: s{n}\n    transition: {{kind: {'crossfade, seconds: 3' if n else 'cut'}}}\n"
        f"    shots: [{{id: a{n}, prompt: x, duration: 4}}]\n"
        for n in range(3)
    )
    text = f"schema: longtake/1\ntitle: T\nmodel: seedance-2.5\nscenes:\n{scenes}"
    with pytest.raises(StoryboardError) as caught:
        resolve(storyboard.parse(text, name="film.yaml", base=tmp_path), catalog)
    (only,) = caught.value.problems
    assert (only.line, only.message) == (12, "the crossfades of shot a1 take all of its 4 seconds")
