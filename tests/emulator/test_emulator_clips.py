from __future__ import annotations

import io
import itertools

import av
import pytest

WIDE, HIGH = 854, 480


def frames_of(data):
    with av.open(io.BytesIO(data)) as file:
        return list(file.decode(video=0))


def rgb(frame, width=64, height=36):
    """A small RGB copy as bytes; the decoder's color tags decide the matrix."""
    small = frame.reformat(width=width, height=height, format="rgb24", src_colorspace="ITU709")
    plane = small.planes[0]
    data, line = bytes(plane), plane.line_size
    return b"".join(data[row * line : row * line + width * 3] for row in range(height))


def image(data, **size):
    with av.open(io.BytesIO(data)) as file:
        frame = next(file.decode(video=0))
        small = frame.reformat(width=size.get("width", 64), height=size.get("height", 36), format="rgb24")
        plane = small.planes[0]
        line, wide = plane.line_size, small.width * 3
        return b"".join(bytes(plane)[row * line : row * line + wide] for row in range(small.height))


def apart(one, other):
    """Mean difference of two pictures, 0 to 255."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def fetch(here, done):
    output = done["output"]
    last = here.http.get(output["last_frame_url"])
    clip = here.http.get(output["video_urls"][0])
    assert (clip.headers["content-type"], last.headers["content-type"]) == ("video/mp4", "image/png")
    return clip.content, last.content


@pytest.mark.slow
def test_a_chain_is_continuous_and_every_clip_is_as_described(stand, tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    here = stand(public=tmp_path)
    first, last = fetch(here, here.made(return_last_frame=True, generate_audio=True))
    with av.open(io.BytesIO(first)) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", WIDE, HIGH)
        assert (video.frames, video.average_rate, video.codec_context.pix_fmt) == (97, 24, "yuv420p")
        assert (audio.codec_context.name, audio.codec_context.channels) == ("aac", 1)
        assert abs(float(audio.duration * audio.time_base) - 97 / 24) < 0.025
    shown = frames_of(first)
    assert len(shown) == 97
    assert apart(image(last), rgb(shown[-1])) < 3
    assert apart(rgb(shown[0]), rgb(shown[-1])) > 1  # it moves

    (folder / "last.png").write_bytes(last)
    pinned = [{"url": f"{here.store}/media/last.png", "role": "first_frame"}]
    told = {"prompt": "A forest in the morning", "image_with_roles": pinned, "return_last_frame": True}
    second, _ = fetch(here, here.made(**told))
    chained = frames_of(second)
    assert len(chained) == 97
    assert apart(rgb(chained[0]), image(last)) < 3  # begins in the given picture
    assert apart(rgb(chained[-1]), image(last)) > 15  # and ends in its own
    steps = [apart(rgb(one), rgb(other)) for one, other in itertools.pairwise(chained)]
    assert max(steps) < 4  # without a jump on the way
    with av.open(io.BytesIO(second)) as file:
        assert not file.streams.audio


@pytest.mark.slow
def test_equal_requests_give_equal_bytes_and_other_prompts_other_pictures(stand):
    here = stand()
    one, other = (fetch(where, where.made(return_last_frame=True, size="1:1")) for where in (here, stand()))
    assert one == other
    again = fetch(here, here.made(return_last_frame=True, size="1:1"))
    assert apart(image(one[1]), image(again[1])) > 2, "asked again, a model makes another clip"
    reseeded = fetch(here, here.made(return_last_frame=True, size="1:1", seed=5))
    assert reseeded[0] != one[0]
    assert apart(image(one[1]), image(reseeded[1])) > 2


@pytest.mark.slow
def test_both_ends_pinned_and_the_ratio_follows_the_picture(stand, public):
    here = stand(public=public)
    pinned = [
        {"url": f"{here.store}/media/red.png", "role": "first_frame"},
        {"url": f"{here.store}/media/blue.png", "role": "last_frame"},
    ]
    clip, last = fetch(here, here.made(image_with_roles=pinned, size="adaptive", return_last_frame=True))
    shown = frames_of(clip)
    assert (shown[0].width, shown[0].height) == (640, 640)  # red.png is square
    red, blue = bytes((200, 30, 40)) * 64 * 36, bytes((20, 60, 200)) * 64 * 36
    assert apart(rgb(shown[0]), red) < 4
    assert apart(rgb(shown[-1]), blue) < 4
    assert apart(image(last), blue) < 1.5  # less than what would darken a long chain


def test_hostile_prompts_are_only_text(stand):
    here = stand()
    prompt = "it's 'quoted': %{pts} \\ [x];, \u202e\x07 夜 \U0001f600 " + "y" * 200
    assert here.made(prompt=prompt)["status"] == "completed"


def test_no_picture_is_read_as_a_list_of_files(stand, public):
    (public / "media" / "list.png").write_bytes(b"ffconcat version 1.0\nfile /etc/passwd\n")
    here = stand(public=public)
    assert here.post(image_urls=[f"{here.store}/media/list.png"]).json()["error"]["code"] == 20002
