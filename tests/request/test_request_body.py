"""The JSON that is sent, in the provider's words."""

from __future__ import annotations

import json

import pytest

from longtake.catalog import Catalog
from longtake.errors import UrlRefusedError
from longtake.request import body, frozen_body

FRAME = "https://store/frame.png"


def test_every_field_that_bears_on_the_price_is_always_sent(film, catalog):
    (shot,) = film("{id: a, prompt: Waves}").shots
    assert body(shot, urls={}, frame_url=None, catalog=catalog) == {
        "model": "seedance-2.5",
        "prompt": "Waves",
        "duration": 5,
        "size": "16:9",
        "resolution": "480p",
        "generate_audio": False,
        "return_last_frame": False,
    }


def test_a_chain_goes_through_frames(film, catalog, tmp_path, png):
    png(tmp_path / "end.png")
    first, second = film(
        "{id: a, prompt: x, seed: 7, web_search: true}", "{id: b, prompt: x, last_frame: end.png}"
    ).shots
    sent = body(first, urls={}, frame_url=None, catalog=catalog)
    assert (sent["return_last_frame"], sent["seed"], sent["tools"]) == (True, 7, [{"type": "web_search"}])
    sent = body(second, urls={0: "https://store/end.png"}, frame_url=FRAME, catalog=catalog)
    assert sent["image_with_roles"] == [
        {"url": FRAME, "role": "first_frame"},
        {"url": "https://store/end.png", "role": "last_frame"},
    ]
    assert not {"image_urls", "video_urls", "audio_urls", "seed", "tools"} & set(sent)
    json.dumps(sent)


def test_references_go_by_kind_in_order(film, catalog, tmp_path, png, wav):
    png(tmp_path / "a.png")
    wav(tmp_path / "s.wav")
    head = (
        "model: doubao-seedance-2.5-face\n"
        "references: {a: a.png, s: s.wav, far: 'https://host/b.png?sig=1', clip: 'https://host/c.mp4'}\n"
    )
    (shot,) = film("{id: a, references: [s, far, a, clip]}", head=head).shots
    sent = body(shot, urls={0: "https://store/s.wav", 2: "https://store/a.png"}, frame_url=None, catalog=catalog)
    assert sent["image_urls"] == ["https://host/b.png?sig=1", "https://store/a.png"]
    assert sent["audio_urls"] == ["https://store/s.wav"]
    assert sent["video_urls"] == ["https://host/c.mp4"]
    assert sent["omni_reference_task_type"] == "reference"
    assert "prompt" not in sent
    assert "image_with_roles" not in sent


def test_a_frame_decides_the_size_where_the_model_wants_it(film, catalog):
    shots = ["{id: a, prompt: x, size: '16:9'}", "{id: b, prompt: x, size: '16:9'}"]
    for model, sizes in (("doubao-seedance-2.5-face", ["16:9", "adaptive"]), ("seedance-2.5", ["16:9", "16:9"])):
        first, second = film(*shots, head=f"model: {model}\n").shots
        sent = [
            body(first, urls={}, frame_url=None, catalog=catalog),
            body(second, urls={}, frame_url=FRAME, catalog=catalog),
        ]
        assert [one["size"] for one in sent] == sizes


def test_the_frozen_body_holds_digests_and_no_url(film, catalog, tmp_path, png):
    png(tmp_path / "a.png")
    head = "model: seedance-2.5\nreferences: {a: a.png, far: 'https://host/b.png?sig=secret'}\n"
    (shot,) = film("{id: a, prompt: x, references: [a, far]}", head=head).shots
    frozen = frozen_body(shot, digests={1: "b" * 64}, frame=None, catalog=catalog)
    assert frozen["image_urls"] == [f"sha256:{shot.inputs[0].sha256}", "sha256:" + "b" * 64]
    assert "http" not in json.dumps(frozen)


def test_field_names_come_from_the_catalog(film, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("families: {seedance-2.5: {fields: {generate_audio: audio, frames: pinned}}}\n")
    mine = Catalog.load(path)
    shot = film("{id: a, prompt: x}", "{id: b, prompt: x}", using=mine).shots[1]
    sent = body(shot, urls={}, frame_url=FRAME, catalog=mine)
    assert sent["audio"] is False
    assert sent["pinned"] == [{"url": FRAME, "role": "first_frame"}]


def test_a_2_0_model_is_told_not_to_reroute_a_paid_task(film, catalog):
    for model in ("doubao-seedance-2.0", "doubao-seedance-2.0-fast-face", "doubao-seedance-2.0-official"):
        (shot,) = film("{id: a, prompt: Waves}", head=f"model: {model}\n").shots
        sent = body(shot, urls={}, frame_url=None, catalog=catalog)
        assert sent["fallback"] == {"enabled": False}
        assert frozen_body(shot, frame=None, catalog=catalog) == sent
        sent["fallback"]["enabled"] = True
        assert catalog.model(model).constant_fields == {"fallback": {"enabled": False}}, (
            "the catalog is not the caller's"
        )


def test_the_mini_gets_its_ratio_under_its_own_name(film, catalog):
    (shot,) = film("{id: a, prompt: Waves, size: '9:16'}", head="model: seedance-2.0-mini\n").shots
    sent = body(shot, urls={}, frame_url=None, catalog=catalog)
    assert sent["aspect_ratio"] == "9:16"
    assert "size" not in sent


def test_refuses_what_must_not_be_sent(film, catalog, tmp_path, png):
    png(tmp_path / "a.png")
    (shot,) = film("{id: a, prompt: x, first_frame: a.png}").shots
    with pytest.raises(ValueError, match="has no URL"):
        body(shot, urls={}, frame_url=None, catalog=catalog)
    with pytest.raises(ValueError, match="no use for"):
        body(shot, urls={0: FRAME}, frame_url=FRAME, catalog=catalog)
    for url in ("data:image/png;base64,AA", "file:///etc/passwd"):
        with pytest.raises(UrlRefusedError):
            body(shot, urls={0: url}, frame_url=None, catalog=catalog)
