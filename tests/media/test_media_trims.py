"""Trims: a clip is shown from one frame to another, exactly, with its sound; what can be copied is copied."""

from __future__ import annotations

import pytest

from longtake import media
from longtake.errors import MediaError
from longtake.media import JoinClip, JoinTransition, JoinTrim, ffmpeg

KEYS = {"options": ("-g", "1"), "size": "96x64"}


def reference(clip, first, end, folder):
    """The frames of a cut that ffmpeg makes itself, as hashes."""
    out = folder / f"{clip.stem}-{first}-{end}.md5"
    cut = f"trim=start_frame={first}:end_frame={end},setpts=PTS-STARTPTS"
    ffmpeg.run(["-i", ffmpeg.file_url(clip), "-map", "0:v", "-vf", cut, "-f", "framemd5", ffmpeg.file_url(out)])
    return hashes_of(out)


def frames_of(film, folder):
    out = folder / f"{film.stem}.md5"
    ffmpeg.run(["-i", ffmpeg.file_url(film), "-map", "0:v", "-f", "framemd5", ffmpeg.file_url(out)])
    return hashes_of(out)


def hashes_of(file):
    return [line.rpartition(",")[2].strip() for line in file.read_text().splitlines() if not line.startswith("#")]


def test_frames_are_those_of_ffmpegs_own_cut(studio, tmp_path):
    clips = [studio.clip(f"trim-keys-{n}", pattern=n, **KEYS) for n in range(3)]
    trims = [JoinTrim("5f", 0.5), JoinTrim(head=0.25), JoinTrim(tail="1f")]
    film = tmp_path / "film.mp4"
    joined = [JoinClip(path, path.stem, trim=trim) for path, trim in zip(clips, trims, strict=True)]
    result = media.join(joined, film)
    spans = [(5, 49 - 12), (6, 49), (0, 48)]
    wanted = [one for clip, span in zip(clips, spans, strict=True) for one in reference(clip, *span, tmp_path)]
    assert frames_of(film, tmp_path) == wanted
    assert (result.way, result.frames, result.dropped) == ("copy", len(wanted), 0)
    assert [chapter.start for chapter in result.chapters] == [0, 32 / 24, 75 / 24]


def test_a_head_inside_a_group_of_pictures_is_encoded_up_to_the_next_key_frame(studio, tmp_path, hashes):
    clip = studio.clip("trim-groups", size="96x64", options=("-g", "12", "-bf", "2"))
    film = tmp_path / "film.mp4"
    result = media.join([JoinClip(clip, "a", trim=JoinTrim("5f"))], film)
    row = result.plan.rows[0]
    assert result.frames == 44
    assert 0 < row.encoded < 12, row
    assert row.why.endswith("trimmed by 5 frames at its head")
    assert hashes(film)[row.encoded :] == hashes(clip)[5 + row.encoded :], "behind the key frame all are copies"
    assert _like(film, clip, [(at, at + 5) for at in range(row.encoded)])


def test_a_trimmed_tail_is_copied_up_to_the_last_safe_frame(studio, tmp_path, hashes):
    clip = studio.make("plain")
    film = tmp_path / "film.mp4"
    result = media.join([JoinClip(clip, "a", trim=JoinTrim(tail="7f")), JoinClip(clip, "b", continues=True)], film)
    encoded = result.plan.rows[0].encoded
    assert (result.frames, result.dropped) == (42 + 49, 0), "the trim has cut the shared frame off"
    assert hashes(film)[: 42 - encoded] == hashes(clip)[: 42 - encoded]
    assert _like(film, clip, [(at, at) for at in range(42 - encoded, 42)])
    assert encoded < 8
    assert "a trim cuts off the frame" in result.plan.rows[1].why


def test_a_transition_blends_the_frames_behind_the_trims(studio, tmp_path):
    one, two = (studio.clip(f"trim-keys-{n}", pattern=n, **KEYS) for n in range(2))
    plain, film = tmp_path / "plain.mp4", tmp_path / "film.mp4"
    cut = [JoinTrim(tail="9f"), JoinTrim("6f")]
    fade = JoinTransition("crossfade", 0.25)
    joined = [JoinClip(one, "a", trim=cut[0]), JoinClip(two, "b", trim=cut[1], transition=fade)]
    result = media.join(joined, film)
    # The same of clips that ffmpeg has cut before: nothing is encoded for it, as each frame is a key frame.
    for clip, first, end in ((one, 0, 40), (two, 6, 49)):
        span = ["-ss", f"{first / 24:.6f}", "-i", ffmpeg.file_url(clip), "-frames:v", str(end - first), "-an"]
        ffmpeg.run([*span, "-c", "copy", "-f", "mp4", ffmpeg.file_url(tmp_path / clip.name)])
    media.join([JoinClip(tmp_path / one.name, "a"), JoinClip(tmp_path / two.name, "b", transition=fade)], plain)
    assert result.frames == 40 + 43 - 6
    assert frames_of(film, tmp_path) == frames_of(plain, tmp_path)


def test_sound_goes_with_the_picture(studio, tmp_path, heard):
    clip = studio.make("plain")
    film = tmp_path / "film.mp4"
    media.join([JoinClip(clip, "a", trim=JoinTrim("12f", 0.5)), JoinClip(clip, "b", trim=JoinTrim(0.75))], film)
    first, second = heard(film)
    assert first == pytest.approx(1.0 - 0.5, abs=0.003)
    assert second == pytest.approx((49 - 24) / 24 + 1.0 - 0.75, abs=0.003)


def test_a_trim_that_leaves_nothing_is_refused(studio, tmp_path):
    clip = studio.make("plain")
    with pytest.raises(MediaError, match="the trim of dawn/rocks takes 49 frames, and its clip has 49"):
        media.join([JoinClip(clip, "dawn/rocks", trim=JoinTrim(1.0, "25f"))], tmp_path / "film.mp4")


def _like(film, clip, pairs):
    """Whether of the clip's frames around it, each film frame looks most like the one it is paired with."""
    shown, own = _pictures(film), _pictures(clip)
    for at, wanted in pairs:
        near = range(max(wanted - 2, 0), min(wanted + 3, len(own)))
        best = min(near, key=lambda n: sum(abs(a - b) for a, b in zip(shown[at], own[n], strict=True)))
        assert best == wanted, f"frame {at} of the film shows frame {best}, not {wanted}"
    return True


def _pictures(path):
    import av

    with av.open(str(path)) as container:
        return [bytes(frame.reformat(96, 64, "gray").planes[0]) for frame in container.decode(video=0)]
