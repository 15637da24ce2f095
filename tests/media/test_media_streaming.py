"""A film for HLS keeps the rules of RFC 8216: codecs are named, segments hold the film's own frames, captions are a rendition."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from longtake import media
from longtake.errors import MediaError
from longtake.media import JoinClip

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)(?:,|$)')
MEDIA_TAGS = (
    "#EXTINF",
    "#EXT-X-TARGETDURATION",
    "#EXT-X-MEDIA-SEQUENCE",
    "#EXT-X-ENDLIST",
    "#EXT-X-PLAYLIST-TYPE",
    "#EXT-X-MAP",
)
MULTIVARIANT_TAGS = ("#EXT-X-STREAM-INF", "#EXT-X-MEDIA:", "#EXT-X-I-FRAME-STREAM-INF")


def attributes(line):
    found = dict(ATTRIBUTE.findall(line.partition(":")[2]))
    assert ",".join(f"{name}={value}" for name, value in found.items()) == line.partition(":")[2], line
    return found


def playlist(path):
    """The lines of a playlist that keeps the rules for all playlists (RFC 8216 §4.1, §4.3.1)."""
    data = path.read_bytes()
    assert not data.startswith(b"\xef\xbb\xbf")
    lines = data.decode().splitlines()
    assert lines[0] == "#EXTM3U"
    assert sum(line.startswith("#EXT-X-VERSION:") for line in lines) == 1
    assert any(line.startswith(MEDIA_TAGS) for line in lines) != any(
        line.startswith(MULTIVARIANT_TAGS) for line in lines
    )
    return lines


def segments(path):
    """Seconds and file of each segment of a media playlist that keeps the rules (§4.3.2, §4.3.3)."""
    lines = playlist(path)
    (target,) = [int(line.partition(":")[2]) for line in lines if line.startswith("#EXT-X-TARGETDURATION:")]
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in lines
    found = []
    for line, name in pairwise(lines):
        if line.startswith("#EXTINF:"):
            seconds = float(line.removeprefix("#EXTINF:").partition(",")[0])
            assert round(seconds) <= target
            assert (path.parent / name).is_file()
            found.append((seconds, path.parent / name))
    named = [line for line in lines if line and not line.startswith("#")]
    assert len(found) == len(named) > 0
    if found[0][1].suffix == ".m4s":
        (given,) = [attributes(line) for line in lines if line.startswith("#EXT-X-MAP:")]
        assert (path.parent / given["URI"].strip('"')).is_file()
        assert int(next(line for line in lines if line.startswith("#EXT-X-VERSION:")).partition(":")[2]) >= 6
    return found


def checked(folder):
    """The variant of a folder's multivariant playlist, and the segments of it and of its captions (§4.3.4)."""
    lines = playlist(folder / "index.m3u8")
    groups = {}
    for line in lines:
        if line.startswith("#EXT-X-MEDIA:"):
            given = attributes(line)
            assert {"TYPE", "GROUP-ID", "NAME", "URI"} <= set(given)
            assert given["TYPE"] == "SUBTITLES"
            assert given.get("AUTOSELECT") == "YES" or given.get("DEFAULT") != "YES"
            groups[given["GROUP-ID"]] = given
    (number,) = [at for at, line in enumerate(lines) if line.startswith("#EXT-X-STREAM-INF:")]
    variant = attributes(lines[number])
    parts = segments(folder / lines[number + 1])
    rates = [path.stat().st_size * 8 / seconds for seconds, path in parts]
    assert max(rates) <= int(variant["BANDWIDTH"]) < max(rates) + 2
    assert int(variant["AVERAGE-BANDWIDTH"]) <= int(variant["BANDWIDTH"])
    assert {variant["SUBTITLES"]} == set(groups) if groups else "SUBTITLES" not in variant
    texts = [segments(folder / given["URI"].strip('"')) for given in groups.values()]
    return variant, parts, texts[0] if texts else []


@pytest.fixture
def pair(studio):
    return studio.clip("one"), studio.clip("two", frames=97, pattern=1)


def test_a_playlist_holds_the_films_own_frames(pair, tmp_path, hashes):
    film = tmp_path / "film.mp4"
    done = media.join([JoinClip(path, path.stem) for path in (*pair, pair[1], *pair)], film, title="T")
    for name in ("a", "b"):
        media.hls(film, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files[-3:] == ["film.m3u8", "index.m3u8", "init.mp4"]
    assert [(tmp_path / "a" / name).read_bytes() for name in files] == [
        (tmp_path / "b" / name).read_bytes() for name in files
    ]
    variant, parts, texts = checked(tmp_path / "a")
    assert texts == []
    assert sum(seconds for seconds, _ in parts) == pytest.approx(done.seconds, abs=0.05)
    facts = media.probe(film)
    assert variant["RESOLUTION"] == f"{facts.width}x{facts.height}"
    assert (variant["FRAME-RATE"], variant["VIDEO-RANGE"]) == ("24.000", "SDR")
    assert re.fullmatch(r'"avc1\.[0-9A-F]{6},mp4a\.40\.2"', variant["CODECS"])
    whole = tmp_path / "whole.mp4"
    whole.write_bytes(
        b"".join(path.read_bytes() for path in (tmp_path / "a" / "init.mp4", *(path for _, path in parts)))
    )
    assert hashes(whole) == hashes(film)


def test_captions_are_a_rendition(pair, tmp_path):
    film, text = tmp_path / "film.mp4", tmp_path / "film.vtt"
    done = media.join(
        [JoinClip(pair[0], "one", caption="Hey"), JoinClip(pair[1], "two", caption="Ho")], film, webvtt=text
    )
    media.hls(film, tmp_path / "hls", captions=text)
    _, _, ((seconds, path),) = checked(tmp_path / "hls")
    assert seconds == pytest.approx(done.seconds, abs=0.001)
    assert path.read_text() == text.read_text()


def test_an_hevc_film_names_its_codec(studio, tmp_path):
    clip = studio.make("hevc-10-bit")
    media.join([JoinClip(clip, "a")], tmp_path / "film.mp4")
    media.hls(tmp_path / "film.mp4", tmp_path / "hls")
    variant, _, _ = checked(tmp_path / "hls")
    assert re.fullmatch(r'"hvc1\.2\.4\.L\d+(\.[0-9A-F]{1,2})*(,mp4a\.40\.2)?"', variant["CODECS"])


def test_a_playlist_overwrites_nothing(pair, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(MediaError, match="exists"):
        media.hls(pair[0], tmp_path / "there")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(pair[0].read_bytes()[:4000])
    with pytest.raises(MediaError):
        media.hls(broken, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.mp4", "there"]
