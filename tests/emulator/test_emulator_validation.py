from __future__ import annotations

import pytest

LAUNCHED = "doubao-seedance-2.5-face"
TWO = "doubao-seedance-2.0"
URL = "https://example.com/a.png"


def frames(*roles, url=URL):
    return [{"url": url, "role": role} for role in roles]


BAD = {
    "unknown field": ({"fps": 24}, "fps"),
    "model missing": ({"model": None}, "model"),
    "model not text": ({"model": 3}, "model"),
    "prompt missing": ({"prompt": None}, "prompt"),
    "prompt blank": ({"prompt": "  "}, "prompt"),
    "prompt long": ({"prompt": "x" * 4001}, "4001"),
    "prompt not text": ({"prompt": ["x"]}, "prompt"),
    "prompt short on 2.0": ({"model": TWO, "prompt": "ab"}, "prompt"),
    "prompt needed on 2.0": ({"model": TWO, "prompt": None, "image_urls": [URL]}, "prompt"),
    "duration low": ({"duration": 3}, "4 to 15"),
    "duration high": ({"duration": 16}, "4 to 15"),
    "duration open": ({"duration": -1}, "4 to 15"),
    "duration text": ({"duration": "5"}, "duration"),
    "duration fraction": ({"duration": 5.5}, "duration"),
    "duration true": ({"duration": True}, "duration"),
    "duration high launched": ({"model": LAUNCHED, "duration": 31}, "4 to 30"),
    "size": ({"size": "2:1"}, "16:9"),
    "resolution": ({"resolution": "4k"}, "480p"),
    "resolution of fast": ({"model": "seedance-2.5-fast", "resolution": "1080p"}, "480p, 720p"),
    "seed fraction": ({"seed": 1.5}, "seed"),
    "seed true": ({"seed": True}, "seed"),
    "seed not offered": ({"model": LAUNCHED, "seed": 1}, "seed"),
    "audio flag text": ({"generate_audio": "true"}, "generate_audio"),
    "last frame flag": ({"return_last_frame": 1}, "return_last_frame"),
    "tools bare": ({"tools": True}, "tools"),
    "tools unknown": ({"tools": [{"type": "code"}]}, "tools"),
    "images not list": ({"image_urls": URL}, "image_urls"),
    "too many images": ({"image_urls": [URL] * 10}, "up to 9"),
    "too many videos": ({"video_urls": [URL] * 4}, "up to 3"),
    "too many sounds": ({"audio_urls": [URL] * 4}, "up to 3"),
    "sound alone on 2.0": ({"model": TWO, "audio_urls": [URL]}, "audio_urls"),
    "data uri": ({"image_urls": ["data:image/png;base64,AAAA"]}, "data:"),
    "data uri in frame": ({"image_with_roles": frames("first_frame", url="DATA:image/png,x")}, "data:"),
    "file uri": ({"image_urls": ["file:///etc/passwd"]}, "http(s)"),
    "no host": ({"image_urls": ["http://"]}, "http(s)"),
    "url with newline": ({"image_urls": [f"{URL}\n"]}, "http(s)"),
    "url null": ({"image_urls": [None]}, "image_urls"),
    "frame role": ({"image_with_roles": frames("middle_frame")}, "role"),
    "frame role twice": ({"image_with_roles": frames("first_frame", "first_frame")}, "once"),
    "frame extra key": ({"image_with_roles": [{"url": URL, "role": "first_frame", "weight": 1}]}, "exactly"),
    "frame not object": ({"image_with_roles": [URL]}, "exactly"),
    "last without first": ({"image_with_roles": frames("last_frame")}, "first_frame"),
    "frame fixes ratio": ({"model": LAUNCHED, "image_with_roles": frames("first_frame")}, "adaptive"),
    "constant not like ours": ({"model": TWO, "fallback": False}, "enabled"),
    "constant with a key too many": ({"model": TWO, "fallback": {"enabled": False, "to": "x"}}, "enabled"),
    "constant of another type": ({"model": TWO, "fallback": {"enabled": 0}}, "enabled"),
    "constant of another model": ({"fallback": {"enabled": False}}, "fallback"),
    "size of the mini": ({"model": "seedance-2.0-mini"}, "aspect_ratio"),
    "resolution of the mini": (
        {"model": "seedance-2.0-mini", "size": None, "aspect_ratio": "16:9", "resolution": "1080p"},
        "480p, 720p",
    ),
    "nested option": ({"model": LAUNCHED, "watermark": {"a": 1}}, "watermark"),
}


@pytest.mark.parametrize(("fields", "says"), BAD.values(), ids=BAD)
def test_refused_with_20002_and_nothing_charged(shared, fields, says):
    answer = shared.post(**fields)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == 20002
    assert says in error["message"]
    assert error["request_id"].startswith("req_")
    assert shared.balance() == 100_000


@pytest.mark.parametrize(
    ("fields", "credits"),
    [
        ({"model": "doubao-seedance-2.0-official", "resolution": "4k", "fallback": {"enabled": False}}, 3419),
        ({"model": "doubao-seedance-2.0-fast-official", "fallback": {"enabled": True}}, 263),
        ({"model": "seedance-2.0-mini", "size": None, "aspect_ratio": "9:16", "fallback": {}}, 257),
    ],
)
def test_new_models_are_taken_and_charged(stand, fields, credits):
    here = stand()
    assert here.post(duration=4, **fields).status_code == 200
    assert 100_000 - here.balance() == credits


@pytest.mark.parametrize("field", ["image_urls", "video_urls", "audio_urls"])
@pytest.mark.parametrize("model", ["seedance-2.5", TWO])
def test_frames_exclude_references(shared, field, model):
    answer = shared.post(model=model, image_with_roles=frames("first_frame"), **{field: [URL]})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 20003


@pytest.mark.parametrize("model", ["seedance-3", "SEEDANCE-2.5", "seedance-2.5 "])
def test_an_unknown_model_is_answered_404(shared, model):
    assert shared.post(model=model).status_code == 404


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'{"model": "a", "model": "b"}', b'{"seed": NaN}', b"\xff\xfe", b"[" * 100_000, b'"x"'],
    ids=range(9),
)
def test_bodies_that_are_not_an_object(shared, raw):
    answer = shared.http.post(f"{shared.base}/videos/generations", content=raw)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 20002


def test_a_huge_body_is_answered_413(shared):
    answer = shared.http.post(f"{shared.base}/videos/generations", content=b" " * (1024 * 1024 + 1))
    assert answer.status_code == 413


def test_all_documented_fields_are_taken(stand, public):
    here = stand({"where": "submit", "what": "fail-80003"}, public=public)
    url = f"{here.store}/media/red.png"
    tools = [{"type": "web_search"}]
    here.submit(seed=7, return_last_frame=True, generate_audio=True, tools=tools, image_urls=[url], prompt=None)
    here.submit(image_with_roles=frames("first_frame", "last_frame", url=url), prompt=None)
    here.submit(
        model=LAUNCHED,
        resolution="720p",
        size="adaptive",
        duration=30,
        tools=tools,
        image_with_roles=frames("first_frame", url=url),
        watermark=False,
    )
    here.submit(model=TWO, resolution="4k", nsfw_checker=True)
    here.submit(model="doubao-seedance-2.0-face", seed=1)


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("missing.png", 30002, "HEAD answered 404"),
        ("note.txt", 30002, "content type"),
        ("not.png", 20002, "HTML"),
        ("tiny.png", 20002, "300"),
    ],
)
def test_inputs_are_probed_at_submit(stand, public, name, code, says):
    here = stand(public=public)
    answer = here.post(image_urls=[f"{here.store}/media/{name}"])
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code
    assert says in answer.json()["error"]["message"]
    assert here.balance() == 100_000


def test_an_input_host_that_is_away(shared):
    answer = shared.post(image_urls=["http://127.0.0.1:9/a.png"])
    assert answer.json()["error"]["code"] == 30002
    assert shared.balance() == 100_000


def test_an_input_that_is_gone_after_submit_fails_with_80007(stand, fickle):
    here = stand()
    failed = here.made(image_urls=[fickle])
    assert failed["error"]["code"] == 80007
    assert here.balance() == 100_000


def test_reference_clips_are_priced_by_their_seconds(stand, public, clip_4s, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("models: {doubao-seedance-2.5-face: {rates: {1080p: {usd: 1, as_of: 2026-09-14, source: s}}}}")
    (public / "media" / "clip.mp4").write_bytes(clip_4s)
    here = stand({"where": "submit", "what": "fail-80003"}, public=public, catalog=mine)
    here.submit(model=LAUNCHED, resolution="720p", video_urls=[f"{here.store}/media/clip.mp4"])
    # 97 frames are 4.04 s, so five seconds of source: 4 + 5 beat 5/3 of 4; 9 s at 0.1601 (provider-contract.md §2).
    assert here.books()["tasks"][0]["debited"] == 1441
    four = here.post(video_urls=[f"{here.store}/media/clip.mp4"] * 4)
    assert four.json()["error"]["code"] == 20002
    # This catalog has no rate with video inputs at 1080p, so it cannot be sold.
    unknown = here.post(model=LAUNCHED, resolution="1080p", video_urls=[f"{here.store}/media/clip.mp4"])
    assert unknown.status_code == 400
