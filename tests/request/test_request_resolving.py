"""What a storyboard becomes: values, names, inputs, chains, sizes and prices."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from longtake import storyboard
from longtake.request import resolve

LAUNCHED = "model: doubao-seedance-2.5-face\n"


def test_the_starter_resolves_clean_with_nothing_beside_it(catalog):
    loaded = storyboard.parse(storyboard.starter(), name="starter.yaml", base=Path("/nowhere"))
    film = resolve(loaded, catalog)
    assert [shot.label for shot in film.shots] == [
        "dawn/rocks", "dawn/stairs", "dawn/lamp", "storm/clouds", "storm/beam", "storm/signal",
    ]  # fmt: skip
    assert film.chains == (("rocks", "stairs", "lamp", "signal"), ("clouds", "beam"))
    assert sum(shot.reserve.credits for shot in film.shots) < loaded.board.budget
    assert all(shot.expected.planning for shot in film.shots)
    assert film.frames == 33 * 24 + 6 - 12 - 3, "a crossfade, and three shots that begin with the frame just shown"
    assert film.seconds == film.frames / 24
    lamp = film.shot("lamp")
    assert (lamp.parent, lamp.continued, lamp.pixels, lamp.transition) == ("stairs", True, (854, 480), None)
    assert film.shot("clouds").transition.kind == "crossfade"
    with pytest.raises(KeyError):
        film.shot("nothing")


def test_a_frame_is_shared_only_with_the_shot_just_before_and_where_no_crossfade_hides_it(catalog):
    def frames(second_scene):
        text = f"""
schema: longtake/1
title: T
model: seedance-2.5
defaults: {{duration: 4}}
scenes:
  - {{id: s, shots: [{{id: a, prompt: x}}, {{id: b, prompt: x}}]}}
  - {second_scene}
"""
        return resolve(storyboard.parse(text, name="b.yaml", base=Path("/nowhere")), catalog).frames

    whole = 3 * 97 - 1
    assert frames("{id: t, shots: [{id: c, prompt: x}]}") == whole
    assert frames("{id: t, shots: [{id: c, prompt: x, continue_from: b}]}") == whole - 1
    assert frames("{id: t, shots: [{id: c, prompt: x, continue_from: a}]}") == whole
    fade = "transition: {kind: crossfade, seconds: 0.5}"
    assert frames(f"{{id: t, {fade}, shots: [{{id: c, prompt: x, continue_from: b}}]}}") == whole - 12


def test_a_shots_own_values_go_before_defaults_and_these_before_the_models(film):
    head = LAUNCHED + "defaults: {duration: 8, generate_audio: true}\n"
    first, second = film(
        "{id: a, prompt: x}", "{id: b, prompt: x, duration: 4, generate_audio: false}", head=head
    ).shots
    assert (first.duration, first.generate_audio, first.resolution, first.size) == (8, True, "720p", "adaptive")
    assert (second.duration, second.generate_audio, second.seed, second.web_search) == (4, False, None, False)
    assert (first.line, second.line) == (8, 9)


def test_names_become_the_providers_by_kind_and_order(film, tmp_path, png, wav, clips):
    png(tmp_path / "refs/keeper.png")
    png(tmp_path / "refs/boat.png", shade=3)
    wav(tmp_path / "sea.wav", 2)
    (tmp_path / "c.mp4").write_bytes(clips(4).read_bytes())
    head = (
        "model: seedance-2.5\nreferences: {keeper: refs/keeper.png, sea: sea.wav, pan: c.mp4, boat: refs/boat.png,"
        " far: 'https://host/x/far.webp?sig=abc'}\n"
    )
    prompt = "'@keeper, @boat-like, (@sea) @pan and@keeper a@keeper @@keeper @far. @image2'"
    (shot,) = film(f"{{id: a, prompt: {prompt.replace('@boat-like', '@boat, like')}, "
                   "references: [sea, boat, keeper, pan, far]}", head=head).shots  # fmt: skip
    assert shot.prompt == "@image2, @image1, like, (@audio1) @video1 and@keeper a@keeper @keeper @image3. @image2"
    assert [given.role for given in shot.inputs] == ["audio", "image", "image", "video", "image"]
    assert [given.name for given in shot.inputs] == ["sea", "boat", "keeper", "pan", "far"]
    boat, far = shot.inputs[1], shot.inputs[4]
    assert boat.sha256 == hashlib.sha256((tmp_path / "refs/boat.png").read_bytes()).hexdigest()
    assert (boat.source, boat.bytes, boat.format) == (tmp_path / "refs/boat.png", boat.source.stat().st_size, "png")
    assert (far.sha256, far.source) == (None, "https://host/x/far.webp?sig=abc")
    assert "sig" not in repr(shot)
    assert shot.inputs[3].seconds == pytest.approx(4, abs=0.05)


def test_frames_by_name_file_or_url(film, tmp_path, png):
    png(tmp_path / "a.png")
    head = "model: seedance-2.5\nreferences: {start: a.png}\n"
    (shot,) = film("{id: a, first_frame: start, last_frame: 'https://host/end?x=1'}", head=head).shots
    assert [(given.role, given.name) for given in shot.inputs] == [
        ("first_frame", "start"),
        ("last_frame", "https://host/end"),
    ]


def test_a_continued_shot_may_end_on_an_image(film, tmp_path, png):
    png(tmp_path / "a.png")
    shots = film("{id: a, prompt: x}", "{id: b, prompt: x, last_frame: a.png}").shots
    assert [given.role for given in shots[1].inputs] == ["last_frame"]
    assert shots[1].parent == "a"


def test_chains_branch_and_may_run_against_the_film(film):
    found = film(
        "{id: a, prompt: x}",
        "{id: b, prompt: x, continue_from: e}",
        "{id: c, prompt: x, continue_from: a}",
        "{id: d, prompt: x, continue_from: a}",
        "{id: e, prompt: x, continue_from: null}",
        "{id: f, prompt: x, continue_from: null}",
    )
    assert found.chains == (("a", "c", "d"), ("e", "b"), ("f",))
    assert [shot.continued for shot in found.shots] == [True, False, False, False, True, False]


def test_an_open_length_expects_and_reserves_the_longest(film):
    (shot,) = film("{id: a, prompt: x, duration: -1}", head=LAUNCHED).shots
    assert (shot.expected.credits, shot.reserve.credits) == (8005, 8005)


def test_prices_are_for_one_attempt(film):
    (shot,) = film("{id: a, prompt: x, takes: 3}", head=LAUNCHED).shots
    assert (shot.takes, shot.expected.credits, shot.reserve.credits) == (3, 1335, 1335)


def test_clips_change_the_price_and_behind_urls_count_as_the_longest(film, tmp_path, clips):
    (tmp_path / "c.mp4").write_bytes(clips(4).read_bytes())
    head = LAUNCHED + "references: {near: c.mp4, far: 'https://host/c.mp4'}\n"
    near, far = film(
        "{id: a, prompt: x, references: [near]}",
        "{id: b, prompt: x, references: [far], continue_from: null}",
        head=head,
    ).shots
    assert near.expected.credits == 1441  # 0.1601 x (5 + 4) x 1000
    assert far.expected.credits == 5604  # 0.1601 x (5 + 30) x 1000
    assert near.extras == (("omni_reference_task_type", "reference"),)


def test_adaptive_sizes_are_known_where_the_first_frame_is(film, tmp_path, png):
    png(tmp_path / "wide.png", 1280, 720)
    png(tmp_path / "odd.png", 1000, 720)
    shots = film(
        "{id: a, prompt: x}",
        "{id: b, prompt: x, first_frame: wide.png, continue_from: null}",
        "{id: c, prompt: x, resolution: 480p}",
        "{id: d, prompt: x, first_frame: odd.png, continue_from: null}",
        "{id: e, prompt: x, size: '1:1', continue_from: null}",
        "{id: f, prompt: x, size: '16:9'}",
        head=LAUNCHED,
    ).shots
    assert [shot.sent_size for shot in shots] == ["adaptive"] * 4 + ["1:1", "adaptive"]
    assert [shot.pixels for shot in shots] == [None, (1280, 720), (854, 480), None, (960, 960), (960, 960)]


def test_a_file_is_read_as_often_for_eight_shots_as_for_one(film, tmp_path, png, monkeypatch):
    png(tmp_path / "a.png")
    opened = []
    original = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *args, **named: opened.append(path) or original(path, *args, **named)
    )
    counts = []
    for number in (1, 8):
        opened.clear()
        shots = [f"{{id: s{n}, prompt: x, references: [k], continue_from: null}}" for n in range(number)]
        film(*shots, head="model: seedance-2.5\nreferences: {k: a.png}\n")
        counts.append(sum(path.name == "a.png" for path in opened))
    assert counts[0] == counts[1] > 0


def test_music_is_a_file_with_its_digest(film, tmp_path, wav):
    wav(tmp_path / "score.wav", 2)
    found = film("{id: a, prompt: x}", head="model: seedance-2.5\nsound: {music: score.wav}\n")
    assert found.music.source == tmp_path / "score.wav"
    assert found.music.sha256 == hashlib.sha256((tmp_path / "score.wav").read_bytes()).hexdigest()
