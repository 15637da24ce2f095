from __future__ import annotations

import io
import time

import av
import pytest


def pictures(data):
    with av.open(io.BytesIO(data)) as file:
        return [bytes(frame.planes[0]) for frame in file.decode(video=0)]


def files(here, done):
    output = done["output"]
    return here.http.get(output["video_urls"][0]).content, here.http.get(output["last_frame_url"]).content


def test_copies_show_the_same_pictures_and_are_different_files(stand):
    here = stand(copies=True)
    one, other = (
        files(here, here.made(prompt=prompt, return_last_frame=True)) for prompt in ("A pier at dawn", "A dark harbor")
    )
    assert one[0] != other[0]
    assert one[1] != other[1]
    assert pictures(one[0]) == pictures(other[0])
    assert len(pictures(one[0])) == 97
    assert pictures(one[1]) == pictures(other[1])


@pytest.mark.slow
def test_copies_have_the_size_and_the_length_asked_for(stand):
    here = stand(copies=True)
    clips = [
        files(here, here.made(return_last_frame=True, **asked))[0] for asked in ({}, {"duration": 5}, {"size": "1:1"})
    ]
    found = []
    for clip in clips:
        with av.open(io.BytesIO(clip)) as file:
            video = file.streams.video[0]
            found.append((video.frames, video.width, video.height))
    assert found == [(97, 854, 480), (121, 854, 480), (97, 640, 640)]


def test_the_back_door_says_when_a_post_came_and_when_its_task_ended(stand):
    here = stand()
    before = time.time()
    here.submit()
    shown = here.http.get(f"{here.admin}/tasks").json()[0]
    assert before <= shown["received_at"] <= shown["created_at"]
    assert shown["finished_at"] is None
    here.finish()
    shown = here.http.get(f"{here.admin}/tasks").json()[0]
    assert shown["created_at"] <= shown["finished_at"] <= time.time()
