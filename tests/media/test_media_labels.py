"""What a film says about itself: metadata, captions, playlists."""

from __future__ import annotations

import pytest

from longtake import media
from longtake.media import JoinClip, JoinTransition


@pytest.fixture
def pair(studio):
    return studio.clip("one"), studio.clip("two", frames=97, pattern=1)


def captions(path):
    import av

    with av.open(str(path)) as container:
        return [
            (float(packet.pts * packet.time_base), bytes(packet)[2:].decode())
            for packet in container.demux(container.streams.subtitles[0])
            if packet.size
        ]


def test_title_and_comment_are_in_the_film(pair, tmp_path):
    import av

    film = tmp_path / "film.mp4"
    media.join([JoinClip(pair[0], "one")], film, title="The\x00 Lighthouse é", comment="longtake 1234abcd")
    with av.open(str(film)) as container:
        assert container.metadata["title"] == "The  Lighthouse é"
        assert container.metadata["comment"] == "longtake 1234abcd"


def test_captions_are_a_track_and_a_file(pair, tmp_path):
    clips = [
        JoinClip(pair[0], "one", caption="Waves <break> & fall\n\n--> nobody"),
        JoinClip(pair[1], "two", JoinTransition("crossfade", 0.5)),
        JoinClip(pair[0], "three", caption="Ende  "),
    ]
    film, text = tmp_path / "film.mp4", tmp_path / "film.vtt"
    media.join(clips, film, webvtt=text)
    assert text.read_text() == (
        "WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.542\nWaves &lt;break&gt; &amp; fall\n--&gt; nobody\n\n"
        "2\n00:00:05.583 --> 00:00:07.625\nEnde\n"
    )
    shown = [(at, words) for at, words in captions(film) if words]
    assert shown == [(0.0, "Waves <break> & fall\n--> nobody"), (pytest.approx(5.583), "Ende")]
    assert media.check_clip(film).frames == 183
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "film.vtt"]


def test_a_film_without_captions_has_no_such_track(pair, tmp_path):
    import av

    film, text = tmp_path / "film.mp4", tmp_path / "film.vtt"
    media.join([JoinClip(pair[0], "one", caption=" \n ")], film, webvtt=text)
    with av.open(str(film)) as container:
        assert not container.streams.subtitles
    assert text.read_text() == "WEBVTT\n"


def test_labels_make_equal_bytes(pair, tmp_path):
    for name in ("1.mp4", "2.mp4"):
        media.join([JoinClip(pair[0], "one", caption="Hey")] * 2, tmp_path / name, title="T", comment="C")
    assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "2.mp4").read_bytes()
