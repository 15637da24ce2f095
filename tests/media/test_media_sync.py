"""Sound and picture of every clip are as near to each other in the film as in the clip, after 200 joints of odd forms too."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import pytest

from longtake import media
from longtake.media import JoinClip

SHORT = 0.005
"""Seconds that a flash and its beep may be apart."""
SOUNDS = Path(__file__).parent / "sounds"
AAC = ("-c:a", "aac")
FORMS = {
    "mono 44.1": {},
    "stereo 48": {"hz": 48_000, "channels": 2},
    "six channels": {"hz": 48_000, "channels": 6},
    "8 kHz": {"hz": 8_000},
    "22 kHz": {"hz": 22_050},
    "32 kHz": {"hz": 32_000, "channels": 2},
    "96 kHz": {"hz": 96_000},
    "mp3": {"coded": ("-c:a", "libmp3lame")},
    "opus": {"hz": 48_000, "coded": ("-c:a", "libopus")},
    "samples": {"hz": 48_000, "coded": ("-c:a", "pcm_s16le"), "ending": "mov"},
    "25": {"rate": 25},
    "30": {"rate": 30},
    "60": {"rate": 60},
    "23.976": {"rate": "24000/1001"},
    "B-frames": {"coded": (*AAC, "-bf", "3", "-b_strategy", "0")},
    "priming not cut": {"coded": (*AAC, "-bf", "2", "-use_editlist", "0")},
    "fragments": {"coded": (*AAC, "-bf", "2", "-movflags", "frag_keyframe+empty_moov")},
    "short sound": {"heard": 1.2},
    "long sound": {"heard": 2.5},
    "late sound": {"shift": ("sound", 0.7)},
    "late picture": {"shift": ("picture", 0.25), "heard": 1.75},
    "uneven": {"coded": (*AAC, "-vf", "select='not(eq(mod(n,7),2))'", "-fps_mode", "vfr")},
    "HE-AAC": {"sound": SOUNDS / "he-aac.m4a"},
    "HE-AAC v2": {"sound": SOUNDS / "he-aac-v2.m4a"},
    "no sound": {"level": None},
    "silence": {"level": 0},
}
"""Clips with a flash and a beep at the second 1, by what is odd about them."""
MUTE = ("no sound", "silence")


def flashing(studio, name):
    plain = {
        "rate": 24,
        "hz": 44_100,
        "channels": 1,
        "heard": 1.5,
        "level": 0.5,
        "coded": AAC,
        "ending": "mp4",
        "shift": ("", 0),
    }
    form = plain | FORMS[name]
    shifted, by = form["shift"]
    late = {"picture": (), "sound": (), shifted: ("-itsoffset", f"{by}")}
    at = round(Fraction(form["rate"]))
    white = f"geq=lum='if(between(N,{at},{at}+1),235,16)':cb=128:cr=128"
    picture = f"color=black:s=64x48:r={form['rate']},format=yuv420p,{white},trim=end_frame={at + at // 4}"
    begin = {"picture": 1 + by, "sound": 1 - by, "": 1}[shifted]
    beep = f"if(between(t,{begin},{begin + 0.04}),{form['level']}*sin(2*PI*1000*(t-{begin})),0)"
    inputs, coded = (*late["picture"], "-f", "lavfi", "-i", picture), form["coded"]
    if "sound" in form:
        inputs, coded = (*inputs, "-i", str(form["sound"])), ("-c:a", "copy")
    elif form["level"] is not None:
        wave = f"aevalsrc='{'|'.join([beep] * form['channels'])}':s={form['hz']}:d={form['heard']}"
        inputs = (*inputs, *late["sound"], "-f", "lavfi", "-i", wave)
    return studio.file(f"flash-{name}.{form['ending']}", *inputs, "-c:v", "libx264", "-preset", "ultrafast", *coded)


def flashes(path):
    """Seconds at which a bright picture follows dark ones."""
    import av

    found, bright = [], False
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            before, bright = bright, bytes(plane)[plane.line_size * 24 + 32] > 128
            if bright and not before:
                found.append(float(frame.pts * frame.time_base))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("joints", [len(FORMS), pytest.param(200, marks=pytest.mark.slow)])
def test_flash_and_beep_stay_together(studio, tmp_path, heard, joints):
    kinds = {name: flashing(studio, name) for name in FORMS}
    dice = random.Random(joints)
    order = [name for _ in range(joints // len(kinds) + 1) for name in dice.sample([*kinds], len(kinds))][: joints + 1]
    film = tmp_path / "film.mp4"
    done = media.join([JoinClip(kinds[name], name, continues=i % 2 > 0) for i, name in enumerate(order)], film)
    seen, sounds = flashes(film), heard(film)
    assert len(seen) == len(order)
    assert len(sounds) == sum(name not in MUTE for name in order)
    beeps = iter(sounds)
    apart = {}
    for name, at in zip(order, seen, strict=True):
        if name not in MUTE:
            off = next(beeps) - at
            apart[name] = max(off, apart.get(name, off), key=abs)
    assert {name: off for name, off in apart.items() if abs(off) >= SHORT} == {}
    assert done.frames == media.probe(film).frames


@pytest.mark.parametrize(("name", "rate"), [("HE-AAC", 48_000), ("HE-AAC v2", 44_100)])
def test_he_aac_is_heard_at_its_full_rate(studio, tmp_path, name, rate):
    clip = flashing(studio, name)
    facts = media.examine(clip, audio=True)
    assert (facts.probe.audio.rate, facts.probe.audio.channels) == (rate, 2)
    assert {found.kind for found in facts.findings} == {"black"}
    media.join([JoinClip(clip, "a"), JoinClip(clip, "b")], tmp_path / "film.mp4")
    assert media.probe(tmp_path / "film.mp4").audio.rate == rate
