"""What URLs serve, held against the rules once it is known."""

from __future__ import annotations

import dataclasses

import pytest

from longtake.media.streams.facts import Probe
from longtake.request import misfits

PICTURE = Probe("image", "png", 1000, 400, 300)
CLIP = Probe("video", "mp4", 1000, 640, 360, seconds=8.0, codec="h264")
TRACK = Probe("audio", "mp3", 1000, seconds=10.0, codec="mp3")
NAMES = {"image": "https://host/a.png", "video": "https://host/a.mp4", "audio": "https://host/a.mp3"}


@pytest.fixture
def wrong(film, catalog):
    """What is said of the URL inputs of a shot, by the name of each."""

    def work(*served, model="doubao-seedance-2.5-face", kinds=None):
        kinds = kinds or [facts.kind for facts in served]
        named = {f"r{number}": NAMES[kind] + f"?{number}" for number, kind in enumerate(kinds)}
        references = ", ".join(f'{name}: "{url}"' for name, url in named.items())
        head = f"model: {model}\nreferences: {{{references}}}\n"
        shot = film(f"{{id: a, prompt: the sea, duration: 5, references: [{', '.join(named)}]}}", head=head).shots[0]
        return [
            f"{given.name} {one.message}; {one.allowed}"
            for given, one in misfits(shot, dict(enumerate(served)), catalog)
        ]

    return work


def changed(facts, **more):
    return dataclasses.replace(facts, **more)


def test_what_fits_is_not_spoken_of(wrong) -> None:
    assert wrong(PICTURE, CLIP, TRACK) == []


@pytest.mark.parametrize(
    ("served", "said"),
    [
        (changed(PICTURE, format="avif"), "is avif; image as jpeg, png, webp, bmp, tiff, gif, heic"),
        (changed(PICTURE, bytes=31_457_281), "has 31457281 bytes; up to 31457280 bytes"),
        (changed(PICTURE, width=299), "has 299 x 300 pixels; 300 to 6000 pixels a side"),
        (changed(PICTURE, height=6001), "has 400 x 6001 pixels; 300 to 6000 pixels a side"),
        (changed(CLIP, format="webm", codec="vp9"), "is webm vp9; video as mp4, mov (h264 or hevc)"),
        (changed(CLIP, codec="av1"), "is mp4 av1; video as mp4, mov (h264 or hevc)"),
        (changed(CLIP, seconds=30.5), "makes the video references 30.50 seconds long together; up to 30 seconds"),
        (changed(TRACK, format="ogg"), "is ogg mp3; audio as mp3, wav, m4a, aac"),
        (changed(TRACK, seconds=1.5), "is 1.50 seconds long; 2 to 30 seconds"),
    ],
)
def test_each_limit_is_said_with_what_is_allowed(wrong, served, said) -> None:
    (found,) = wrong(served)
    assert found.startswith(f"r0 {said}")


def test_a_file_of_another_kind_than_its_name_says(wrong) -> None:
    assert wrong(CLIP, kinds=["image"]) == ["r0 is not image but video; image as jpeg, png, webp, bmp, tiff, gif, heic"]


def test_clips_are_counted_together(wrong) -> None:
    (found,) = wrong(CLIP, CLIP, CLIP, CLIP)
    assert found.startswith("r3 makes the video references 32.00 seconds long together")


def test_a_files_length_counts_beside_that_of_a_url(film, catalog, clips, tmp_path) -> None:
    (tmp_path / "own.mp4").write_bytes(clips(10).read_bytes())
    head = 'model: seedance-2.5\nreferences: {own: own.mp4, far: "https://host/a.mp4"}\n'
    shot = film("{id: a, prompt: the sea, references: [own, far]}", head=head).shots[0]
    assert misfits(shot, {1: changed(CLIP, seconds=4.5)}, catalog) == []
    ((given, one),) = misfits(shot, {1: CLIP}, catalog)
    assert given.name == "far"
    assert "18.00 seconds" in one.message


def test_a_pinned_frame_has_to_be_an_image(film, catalog) -> None:
    shot = film('{id: a, prompt: the sea, first_frame: "https://host/x"}').shots[0]
    ((_, one),) = misfits(shot, {0: CLIP}, catalog)
    assert one.message == "is not image but video"
