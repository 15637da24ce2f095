"""`longtake deliver`: other frames of a film have its cuts and its sound, and are encoded only where the picture changes."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from longtake import film as films
from longtake import housekeeping, media, preflight
from longtake.errors import MediaError, PreflightError, SettingsError
from longtake.media import ffmpeg
from longtake.media.concat import drawing, reframing
from longtake.settings import Settings
from longtake.storyboard import Deliverable
from longtake.studio.delivering import deliver

FADE = "    transition: {kind: crossfade, seconds: 0.125}\n"
WIDE, HIGH = 64, 48


@pytest.fixture(scope="module")
def film(module_studio, write_board):
    """Three shots with a crossfade of three frames, sound and two captions."""
    text = write_board("one: A, two: B", "three: C").replace("  - id: s1\n", "  - id: s1\n" + FADE)
    text = text.replace('"A"}', '"A", caption: "Rain & <wind>"}').replace('"C"}', '"C", caption: "Sun"}')
    made, _ = module_studio.run(text)
    return made


def gray(path, folder, *filters):
    out = folder / "frames.raw"
    ffmpeg.run(
        [
            "-i",
            f"file:{path}",
            "-map",
            "0:v",
            "-vf",
            ",".join([*filters, "format=gray"]),
            "-f",
            "rawvideo",
            f"file:{out}",
        ]
    )
    return out.read_bytes()


def sound(path):
    import av

    with av.open(str(path)) as container:
        packets = [(p.pts, bytes(p)) for p in container.demux(audio=0) if p.size]
        return packets, len(container.chapters()), [stream.type for stream in container.streams]


def test_a_crop_follows_the_focus_of_each_shot(module_studio, film, tmp_path):
    wanted = Deliverable(name="vertical", size="9:16", focus={"s0/one": (0.0, 0.5), "s1/three": (1.0, 0.5)})
    made = films.deliver(film.manifest, module_studio.store, wanted)
    path, source = module_studio.store.path(made.key), module_studio.store.path(film.key)
    assert (made.manifest.width, made.manifest.height) == (26, HIGH)
    assert (made.manifest.frames, made.manifest.encoded) == (film.manifest.frames, True)
    one, two, three = film.manifest.shots
    starts = [round(shot.start * 24) for shot in (one, two, three)]
    mine, size = gray(path, tmp_path), 26 * HIGH
    for first, end, x in ((0, starts[1], 0), (starts[1], starts[2], 20), (starts[2] + 3, film.manifest.frames, 38)):
        theirs = gray(source, tmp_path, f"crop=26:{HIGH}:{x}:0")
        span = slice(first * size, end * size)
        assert sum(abs(a - b) for a, b in zip(mine[span], theirs[span], strict=True)) / len(mine[span]) < 4
    assert sound(path) == sound(source), "sound, chapters and the text track are those of the film"
    again = films.deliver(film.manifest, module_studio.store, wanted)
    assert (again.made, again.manifest) == (False, made.manifest)


def test_bars_leave_the_picture_whole(module_studio, film, tmp_path):
    wanted = Deliverable(name="square", size="96x96", fit="pad")
    made = films.deliver(film.manifest, module_studio.store, wanted)
    frames = gray(module_studio.store.path(made.key), tmp_path)
    first = frames[: 96 * 96]
    assert max(first[: 96 * 10]) < 20, "a black bar above"
    assert max(first[-96 * 10 :]) < 20, "and below"
    assert max(first[96 * 40 : 96 * 60]) > 60


def test_without_another_picture_the_film_is_taken_as_it_is(module_studio, film):
    wanted = Deliverable(name="files", captions=("srt", "ttml", "vtt"))
    made = films.deliver(film.manifest, module_studio.store, wanted)
    assert (made.manifest.encoded, made.manifest.sha256) == (False, film.manifest.sha256)
    assert made.manifest.files == ("film.mp4", "poster.jpg", "film.srt", "film.ttml", "film.vtt")
    home = made.key.removesuffix("film.mp4")
    texts = {form: module_studio.read(f"{home}film.{form}").decode() for form in ("srt", "ttml", "vtt")}
    assert texts["srt"].startswith("1\n00:00:00,000 --> 00:00:00,333\nRain & <wind>\n")
    assert '<p begin="00:00:00.000" end="00:00:00.333">Rain &amp; &lt;wind&gt;</p>' in texts["ttml"]
    assert texts["vtt"].startswith("WEBVTT")


def test_captions_are_burned_in_and_their_track_goes(module_studio, film, tmp_path):
    made = films.deliver(film.manifest, module_studio.store, Deliverable(name="burned", size="320x240", burn=True))
    plain = films.deliver(film.manifest, module_studio.store, Deliverable(name="plain", size="320x240"))
    mine, theirs = (gray(module_studio.store.path(one.key), tmp_path) for one in (made, plain))
    size = 320 * 240
    changed = [
        sum(abs(a - b) > 60 for a, b in zip(mine[at : at + size : 3], theirs[at : at + size : 3], strict=True))
        for at in (2 * size, 12 * size)
    ]
    assert changed[0] > 50
    assert changed[1] < 20, "the second shot has no caption"
    assert "subtitle" not in sound(module_studio.store.path(made.key))[2]


def test_housekeeping_keeps_deliverables(module_studio, film):
    made = films.deliver(film.manifest, module_studio.store, Deliverable(name="kept", captions=("srt",)))
    found = housekeeping.survey(module_studio.store, older_than=timedelta(0))
    assert not [one.key for one in found.garbage if one.key.startswith(made.key.removesuffix("film.mp4"))]


def test_a_deliverable_is_marked_as_its_film_is(module_studio, film):
    settings = Settings(store=module_studio.store.uri, marking="metadata")
    done, place = deliver("a-small-film", Deliverable(name="marked", size="1:1"), settings=settings)
    marked = Path(place).with_name("film-marked.mp4")
    assert films.verify(marked).source_type.endswith("trainedAlgorithmicMedia")
    assert marked.read_bytes() != Path(place).read_bytes()
    assert sound(marked) == sound(place)
    assert done.made


def test_a_film_that_is_marked_has_marked_deliverables(studio, write_board):
    film, _ = studio.run(write_board("one: A"))
    films.keep_marked(film, studio.store, Settings(marking="metadata"))
    _, place = deliver("a-small-film", Deliverable(name="as-it-is"), settings=Settings(store=studio.store.uri))
    assert films.verify(Path(place).with_name("film-marked.mp4")).source_type


def test_what_cannot_be_made_is_refused(module_studio, film):
    with pytest.raises(SettingsError, match="the film has no shot 's9/no'"):
        films.deliver(film.manifest, module_studio.store, Deliverable(name="a", focus={"s9/no": (0, 0)}))
    with pytest.raises(MediaError, match="no size that a video can have"):
        films.deliver(film.manifest, module_studio.store, Deliverable(name="a", size="9:1"))
    for size in ("9:0", "100:1", "big", "101x100", "8x8", "9000x16", "-9:16"):
        with pytest.raises(ValidationError):
            Deliverable(name="a", size=size)


def test_the_command_says_where_it_is(module_studio, film, longtake):
    words = ["deliver", "a-small-film", "--name", "tall", "--size", "1:1", "--focus", "s0/one=0.2,0.5"]
    code, said, _ = longtake(module_studio, *words)
    assert (code, said["made"], said["width"], said["height"]) == (0, True, 48, 48)
    assert hashlib.sha256(Path(said["path"]).read_bytes()).hexdigest() == said["sha256"]
    stored = json.loads(module_studio.read(said["path"].partition("store/")[2].replace("film.mp4", "deliverable.json")))
    assert stored["deliverable"]["focus"] == {"s0/one": [0.2, 0.5]}
    code, said, _ = longtake(module_studio, "deliver", "a-small-film", "--name", "Tall!")
    assert (code, said["error"]["message"][:7]) == (2, "--name:")
    code, said, _ = longtake(module_studio, "deliver", "a-small-film", "--name", "x", "--focus", "s0/one=2,x")
    assert code == 2


@pytest.mark.slow
@pytest.mark.parametrize("caption", [r"{\an8\fs80}<b>A</b>", "a\\Nb {"])
def test_a_caption_is_drawn_letter_for_letter(studio, write_board, tmp_path, caption):
    made = {}
    for name, text in (("given", caption), ("plain", "x" * len(caption))):
        board = write_board("one: A").replace('"A"}', f'"A", caption: {json.dumps(text)}}}')
        film, _ = studio.run(board)
        done = films.deliver(film.manifest, studio.store, Deliverable(name=name, size="640x480", burn=True))
        frame = gray(studio.store.path(done.key), tmp_path)[: 640 * 480]
        plain = gray(studio.store.path(film.key), tmp_path, "scale=640:480:flags=lanczos+accurate_rnd")[: 640 * 480]
        made[name] = {at // 640 for at in range(640 * 480) if abs(frame[at] - plain[at]) > 90}
    assert min(made["given"]) > 380, "it stays at the foot of the picture, as commands would not leave it"
    assert abs(min(made["given"]) - min(made["plain"])) < 25, "and is no larger"


def no_fonts(monkeypatch, tmp_path):
    """A machine without a font."""
    config = tmp_path / "fonts.conf"
    config.write_text('<?xml version="1.0"?><fontconfig><cachedir>/nowhere</cachedir></fontconfig>')
    monkeypatch.setenv("FONTCONFIG_FILE", str(config))


def test_captions_that_cannot_be_drawn_are_refused_before_anything_is_made(
    module_studio, film, longtake, monkeypatch, tmp_path
):
    no_fonts(monkeypatch, tmp_path)
    before = module_studio.listed("films/")
    code, said, _ = longtake(module_studio, "deliver", "a-small-film", "--name", "burned-in", "--burn")
    assert (code, "no font" in said["error"]["message"]) == (2, True)
    assert module_studio.listed("films/") == before
    # A run finds it before it buys anything.
    text = film.manifest.title
    board = "title: X\nscenes: [{id: s, shots: [{id: a, prompt: A, caption: Rain}]}]\nschema: longtake/1\nmodel: seedance-2.5\n"
    with pytest.raises(PreflightError, match="no font"):
        preflight.check_media(module_studio.resolved(board + "deliverables: [{name: b, burn: true}]\n"))
    assert preflight.check_media(module_studio.resolved(board)), text


def test_a_character_that_no_font_has_is_named():
    with pytest.raises(PreflightError, match="\U00013000"):
        drawing.check(["Rain \U00013000"])
    drawing.check(["Rain, “wind” – and sun"])


def test_an_hdr_film_is_tone_mapped_where_its_picture_changes(tmp_path):
    film = tmp_path / "film.mp4"
    pq = "zscale=min=709:pin=709:tin=709:rin=limited:m=2020_ncl:p=2020:t=smpte2084:r=limited:npl=203,format=yuv420p10le"
    ffmpeg.run(
        [
            *("-f", "lavfi", "-i", "testsrc2=s=128x96:r=24:d=0.5", "-vf", pq, "-c:v", "libx265"),
            *("-x265-params", "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"),
            *("-tag:v", "hvc1", f"file:{film}"),
        ]
    )
    made = reframing.reframe(film, tmp_path / "square.mp4", size="1:1")
    facts = media.probe(tmp_path / "square.mp4")
    assert (made.encoded, facts.codec, facts.color.hdr, facts.color.transfer) == (True, "h264", "", 1)
    assert (facts.frames, facts.width, facts.height) == (12, 96, 96)
    same = reframing.reframe(film, tmp_path / "same.mp4")
    assert (same.encoded, media.probe(tmp_path / "same.mp4").color.hdr) == (False, "PQ")


def test_a_film_that_is_joined_again_from_its_manifest_has_its_deliverables(studio, write_board, longtake):
    wanted = 'deliverables: [{name: square, size: "1:1"}, {name: web, captions: [srt]}]\ntitle:'
    text = write_board("one: A, two: B").replace("title:", wanted, 1).replace('"A"}', '"A", focus: [0.1, 0.5]}')
    film, _ = studio.run(text)
    asked = film.manifest.deliverables
    assert [(one.name, one.focus) for one in asked] == [("square", {"s0/one": (0.1, 0.5)}), ("web", {})]
    made = films.keep_delivered(film, asked, studio.store, Settings())
    before = {name: studio.read(key) for name, key in made.delivered}
    copy = studio.folder / "kept.json"
    copy.write_bytes(studio.read(film.key.replace("film.mp4", "manifest.json")))
    for key in studio.listed(film.key.removesuffix("film.mp4")):
        studio.store.path(key).unlink()
    code, said, _ = longtake(studio, "run", "--from-manifest", copy)
    assert (code, list(said["deliverables"])) == (0, ["square", "web"])
    assert {name: Path(place).read_bytes() for name, place in said["deliverables"].items()} == before
    assert "deliverables/square-" in Path(said["film"]).with_name("report.html").read_text()
    code, said, _ = longtake(studio, "run", "--from-manifest", copy, as_json=False)
    assert "deliverable square: " in said
