"""Clips of another pixel shape, rotation, dynamic range or rate keep the look they have alone, and one of them decides no film."""

from __future__ import annotations

from fractions import Fraction

import pytest

from longtake import media
from longtake.media import JoinClip, JoinTransition

BOX = "color=red:s={size}:r=24:d=1,drawbox=x=0:y=0:w=iw/2:h=ih:color=blue:t=fill"
"""Blue on the left, red on the right: what is turned, squeezed or barred can be seen at four points."""
PQ = "zscale=min=709:pin=709:tin=709:rin=limited:m=2020_ncl:p=2020:t={}:r=limited:npl=203,format=yuv420p10le"


def joined(paths, folder, *, continues=False):
    done = media.join([JoinClip(path, path.stem, continues=continues) for path in paths], folder / "film.mp4")
    return done, folder / "film.mp4"


def shown(path, number):
    """A frame as a player turns it, in RGB: a function from shares of width and height to a pixel."""
    import av

    from longtake.media.image.stills import chain

    with av.open(str(path)) as container:
        frame = next(frame for at, frame in enumerate(container.decode(video=0)) if at == number)
    graph = chain(frame, [("format", "rgb24")])
    graph.vpush(frame)
    plane = graph.vpull().planes[0]
    raw = bytes(plane)

    def pixel(x, y):
        at = min(int(y * frame.height), frame.height - 1) * plane.line_size + 3 * min(
            int(x * frame.width), frame.width - 1
        )
        return tuple(raw[at : at + 3])

    return pixel


def is_blue(pixel):
    return pixel[2] > 150 and pixel[0] < 100


def is_red(pixel):
    return pixel[0] > 150 and pixel[2] < 100


def boxed(studio, name, size, *options):
    source = ("-f", "lavfi", "-i", BOX.format(size=size), "-c:v", "libx264", "-pix_fmt", "yuv420p")
    return studio.file(f"shape-{name}.mp4", *source, *options)


def test_a_fast_clip_does_not_decide_the_rate(studio, tmp_path):
    slow = studio.clip("rate-24", frames=72, size="64x48")
    fast = studio.clip("rate-60", frames=120, rate=60, size="64x48")
    done, film = joined([fast, slow], tmp_path)
    assert media.probe(film).fps == 24
    assert done.frames == 48 + 72


def test_clips_of_one_pixel_shape_are_copied_where_they_continue(studio, tmp_path):
    clip = studio.clip("shape-near", frames=40, size="96x64", options=("-bf", "2", "-vf", "setsar=1280/1281:max=2000"))
    done, film = joined([clip, clip, clip], tmp_path, continues=True)
    assert done.plan.copied > 100
    assert media.probe(film).sar == Fraction(1280, 1281)


def test_wide_pixels_fill_the_frame_they_are_shown_in(studio, tmp_path):
    film = boxed(studio, "square", "128x72")
    wide = boxed(studio, "wide", "96x72", "-vf", "setsar=4/3", "-t", "0.5")
    _, path = joined([film, wide], tmp_path)
    pixel = shown(path, 30)
    assert all(is_blue(pixel(0.02, y)) and is_red(pixel(0.98, y)) for y in (0.02, 0.98))


def test_a_square_picture_among_wide_pixels_has_bars_and_is_not_stretched(studio, tmp_path):
    film = boxed(studio, "wide-film", "96x72", "-vf", "setsar=4/3")
    square = boxed(studio, "square-clip", "72x72", "-t", "0.5")
    _, path = joined([film, square], tmp_path)
    pixel = shown(path, 30)
    assert pixel(0.1, 0.5) < (40, 40, 40)
    assert is_blue(pixel(0.25, 0.5))
    assert is_red(pixel(0.75, 0.5))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_clip_stands_upright_among_others(studio, tmp_path, degrees):
    film = boxed(studio, "square", "128x72")
    plain = boxed(studio, f"turn-{degrees}", "128x72" if degrees == 180 else "72x128", "-t", "0.5")
    turned = studio.file(f"turned-{degrees}.mp4", "-display_rotation", f"{degrees}", "-i", str(plain), "-c", "copy")
    assert media.probe(turned).rotation % 180 == degrees % 180
    done, path = joined([film, turned], tmp_path)
    assert "rotation" in done.plan.rows[2].why
    pixel = shown(path, 30)
    ends = (pixel(0.9, 0.5), pixel(0.1, 0.5)) if degrees == 180 else (pixel(0.5, 0.1), pixel(0.5, 0.9))
    blue, red = ends[::-1] if degrees == 90 else ends
    assert is_blue(blue)
    assert is_red(red)


def test_a_film_of_turned_clips_is_turned(studio, tmp_path):
    plain = boxed(studio, "to-turn", "72x128", "-t", "0.5")
    turned = studio.file("turned-90.mp4", "-display_rotation", "90", "-i", str(plain), "-c", "copy")
    done, path = joined([turned, turned], tmp_path)
    assert (done.way, media.probe(path).rotation) == ("copy", media.probe(turned).rotation)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_film_of_turned_clips_is_copied_with_turned_pieces_between(studio, tmp_path, degrees):
    size, upright = ("128x72", "128x72") if degrees == 180 else ("72x128", "128x72")
    plain = boxed(studio, f"turned-bent-{degrees}", size, "-t", "1", "-bf", "2")
    turned = studio.file(
        f"turned-film-{degrees}.mp4", "-display_rotation", f"{degrees}", "-i", str(plain), "-c", "copy"
    )
    other = boxed(studio, f"upright-{degrees}", upright, "-t", "0.5")
    fade = JoinTransition("crossfade", 0.25)
    clips = [
        JoinClip(turned, "a"),
        JoinClip(turned, "b", continues=True),
        JoinClip(turned, "c", fade),
        JoinClip(other, "d"),
    ]
    done, path = media.join(clips, tmp_path / "film.mp4"), tmp_path / "film.mp4"
    assert media.probe(path).rotation == media.probe(turned).rotation
    assert done.plan.copied > 30
    # As coded, so not turned: the clip itself, the tail of the first, the middle of the fade, and the upright clip.
    own = shown(turned, 3)
    for number in (3, 22, 44, 70):
        pixel = shown(path, number)
        for x, y in ((0.2, 0.5), (0.8, 0.5)) if number != 70 else ():
            assert all(abs(a - b) < 40 for a, b in zip(pixel(x, y), own(x, y), strict=True)), number
    turn = {90: [(0.5, 0.9), (0.5, 0.1)], 270: [(0.5, 0.1), (0.5, 0.9)], 180: [(0.9, 0.5), (0.1, 0.5)]}
    blue, red = turn[media.probe(path).rotation]
    assert is_blue(shown(path, 70)(*blue))
    assert is_red(shown(path, 70)(*red))


@pytest.mark.parametrize("kind", ["turned", "HDR"])
def test_a_poster_is_upright_and_sdr(studio, tmp_path, kind):
    if kind == "HDR":
        sdr = boxed(studio, "sdr", "96x64", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
        film = studio.file(
            *("poster-PQ.mp4", "-i", str(sdr), "-vf", PQ.format("smpte2084"), "-t", "0.5", "-c:v", "libx265"),
            *("-x265-params", "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"),
        )
    else:
        plain = boxed(studio, "to-turn", "72x128", "-t", "0.5")
        film = studio.file("turned-90.mp4", "-display_rotation", "90", "-i", str(plain), "-c", "copy")
    media.poster(film, tmp_path / "poster.png", 0.3)
    pixel = shown(tmp_path / "poster.png", 0)
    blue, red = (pixel(0.5, 0.9), pixel(0.5, 0.1)) if kind == "turned" else (pixel(0.2, 0.5), pixel(0.8, 0.5))
    assert is_blue(blue)
    assert is_red(red)


@pytest.mark.parametrize(("kind", "transfer"), [("PQ", "smpte2084"), ("HLG", "arib-std-b67")])
def test_an_hdr_clip_among_sdr_is_tone_mapped_and_said_to_be(studio, tmp_path, kind, transfer):
    sdr = boxed(studio, "sdr", "96x64", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
    hdr = studio.file(
        *(f"{kind}.mp4", "-i", str(sdr), "-vf", PQ.format(transfer), "-t", "0.5", "-c:v", "libx265"),
        *("-x265-params", f"log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"),
    )
    assert media.probe(hdr).color.hdr == kind
    assert [found.kind for found in media.examine(hdr).findings] == ["hdr"]
    done, path = joined([sdr, hdr], tmp_path)
    assert f"{kind} is mapped to SDR" in done.plan.rows[2].why
    assert media.probe(path).color.hdr == ""
    pixel, own = shown(path, 30), shown(path, 3)
    for x in (0.2, 0.8):
        assert all(abs(a - b) < 70 for a, b in zip(pixel(x, 0.5), own(x, 0.5), strict=True))


def test_an_hdr_film_stays_hdr_and_takes_sdr_clips_in(studio, tmp_path):
    sdr = boxed(studio, "sdr", "96x64", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
    hdr = studio.file(
        *("long-PQ.mp4", "-stream_loop", "2", "-i", str(sdr), "-vf", PQ.format("smpte2084"), "-c:v", "libx265"),
        *("-x265-params", "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"),
    )
    done, path = joined([hdr, sdr], tmp_path)
    facts = media.probe(path)
    assert (facts.color.hdr, facts.pix_fmt, done.plan.copied) == ("PQ", "yuv420p10le", 72)
    assert "SDR is mapped to PQ" in done.plan.rows[2].why
    pixel, own = shown(path, 80), shown(path, 3)
    for x in (0.2, 0.8):
        assert all(abs(a - b) < 25 for a, b in zip(pixel(x, 0.5), own(x, 0.5), strict=True))
