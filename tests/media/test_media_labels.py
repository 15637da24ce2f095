"""What a film says about itself: metadata, captions, playlists."""

from __future__ import annotations

import pytest

from longtake import media
from longtake.media import JoinClip, JoinTransition, ffmpeg

BOMBS = (
    "a;b#c=d\\e",
    "line\nbreak\r\n[CHAPTER]\nSTART=0",
    "\\",
    "=",
    "[CHAPTER]",
    "é" * 5000,
    "x" * 100_000,
    "\0\x1b[2J\u202e",
)
SHOWN = ("a;b#c=d\\e", "line break  [CHAPTER] START=0", "\\", "=", "[CHAPTER]", "é" * 127, "x" * 255, "[2J")
"""Titles that mean something in the ffmetadata format or to a terminal, or are too long; and what the film has of them."""


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


def test_captions_of_ten_thousand_bytes_are_whole_in_track_file_and_playlist(pair, tmp_path):
    long = "\n".join(f"{number}: Ende – 漢字 & <b>" for number in range(400))
    assert len(long.encode()) > 10_000
    clips = [JoinClip(pair[0], "one", caption=long), JoinClip(pair[1], "two", caption="b" * 10_000)]
    film, text = tmp_path / "film.mp4", tmp_path / "film.vtt"
    media.join(clips, film, webvtt=text)
    assert [words for _, words in captions(film) if words] == [long, "b" * 10_000]
    escaped = long.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"\n{escaped}\n" in text.read_text()
    assert "\n" + "b" * 10_000 + "\n" in text.read_text()
    media.hls(film, tmp_path / "hls", captions=text)
    assert (tmp_path / "hls" / "captions.vtt").read_bytes() == text.read_bytes()
    ffmpeg.run(["-i", ffmpeg.file_url(film), "-map", "0:s", ffmpeg.file_url(tmp_path / "film.srt")])
    assert "b" * 10_000 in (tmp_path / "film.srt").read_text()


def test_titles_that_look_like_metadata_are_only_titles(studio, tmp_path):
    import av

    clip = studio.clip("brief", frames=2, size="64x64", audio=False)
    film = tmp_path / "film.mp4"
    media.join(
        [JoinClip(clip, BOMBS[number % len(BOMBS)]) for number in range(300)], film, title=BOMBS[0], comment=BOMBS[1]
    )
    with av.open(str(film)) as container:
        chapters = container.chapters()
        assert (container.metadata["title"], container.metadata["comment"]) == (SHOWN[0], SHOWN[1])
    assert [chapter["metadata"]["title"] for chapter in chapters] == [
        SHOWN[number % len(SHOWN)] for number in range(300)
    ]
    assert [round(chapter["start"] * chapter["time_base"] * 24) for chapter in chapters] == list(range(0, 600, 2))


def test_what_a_clip_says_of_itself_does_not_reach_the_film(studio, tmp_path):
    import av

    texts = tmp_path / "bomb.txt"
    chapters = "".join(f"[CHAPTER]\nTIMEBASE=1/100000\nSTART={n}\nEND={n + 1}\ntitle=c{n}\n" for n in range(3000))
    texts.write_text(f";FFMETADATA1\nartist={'T' * 50_000}\ncomment=\\;\\#\\=\\\\\\\nsecond\n{chapters}")
    inputs = ("-i", ffmpeg.file_url(studio.clip("one")), "-f", "ffmetadata", "-i", ffmpeg.file_url(texts))
    bomb = studio.file("bomb.mp4", *inputs, "-map", "0", "-map_metadata", "1", "-map_chapters", "1", "-c", "copy")
    with av.open(str(bomb)) as container:
        assert len(container.chapters()) > 2000
        assert len(container.metadata["artist"]) == 50_000
    assert media.examine(bomb, audio=True).findings == media.examine(studio.clip("one"), audio=True).findings
    media.join([JoinClip(bomb, "only")], tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert [chapter["metadata"] for chapter in container.chapters()] == [{"title": "only"}]
        assert set(container.metadata) == {"major_brand", "minor_version", "compatible_brands"}
