"""The fingerprint changes with everything that decides a take, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from longtake import storyboard
from longtake.catalog import Catalog, Price
from longtake.request import Input, ResolvedShot, body, description, fingerprint, frozen_body, resolve

if TYPE_CHECKING:
    import random

CATALOG = Catalog.load()
DIGESTS = [character * 64 for character in "abcdef"]
PRICE = Price(credits=400, planning=False, as_of=date(2026, 1, 1), source="s")
SHOT = ResolvedShot(
    scene="dawn", id="rocks", line=7, model="seedance-2.5", prompt="Waves", duration=5, size="16:9", sent_size="16:9",
    resolution="480p", seed=None, generate_audio=True, web_search=False,
    inputs=(
        Input("image", Path("/here/keeper.png"), "keeper", DIGESTS[0], 5, None, "png"),
        Input("image", "https://host/boat.png?sig=1", "boat"),
    ),
    parent=None, continued=False, takes=1, transition=None, expected=PRICE, reserve=PRICE, pixels=(854, 480),
)  # fmt: skip
FAR = {1: DIGESTS[1]}


def marks(shot, *, take=1, realm="provider", digests=FAR, frame=None):
    print_ = fingerprint(shot, take=take, realm=realm, digests=digests, frame=frame)
    return print_, description(shot, realm=realm, digests=digests)


DECIDING = {
    "model": st.sampled_from(["seedance-2.5-fast", "other"]),
    "prompt": st.text(min_size=6),
    "duration": st.integers(6, 15) | st.just(-1),
    "sent_size": st.sampled_from(["9:16", "adaptive"]),
    "resolution": st.sampled_from(["720p", "1080p"]),
    "seed": st.integers(),
    "generate_audio": st.just(False),
    "web_search": st.just(True),
    "extras": st.just((("kind", "reference"),)),
}
IDLE = {
    "scene": st.text(),
    "id": st.text(),
    "line": st.integers(),
    "size": st.text(),
    "continued": st.booleans(),
    "takes": st.integers(1, 10),
    "pixels": st.none(),
    "expected": st.just(replace(PRICE, credits=9)),
    "reserve": st.just(replace(PRICE, credits=9)),
}


@given(st.sampled_from(sorted(DECIDING)).flatmap(lambda name: st.tuples(st.just(name), DECIDING[name])))
def test_every_deciding_field_changes_it(change):
    name, value = change
    before, after = marks(SHOT), marks(replace(SHOT, **{name: value}))
    assert before[0] != after[0]
    assert before[1] != after[1]


@given(st.fixed_dictionaries({}, optional=IDLE))
def test_nothing_else_changes_a_fingerprint(changes):
    assert marks(replace(SHOT, **changes)) == marks(SHOT)


@pytest.mark.parametrize(
    "inputs",
    [
        SHOT.inputs[:1],
        SHOT.inputs[::-1],
        (replace(SHOT.inputs[0], sha256=DIGESTS[2]), SHOT.inputs[1]),
        (replace(SHOT.inputs[0], role="video"), SHOT.inputs[1]),
    ],
    ids=["fewer", "order", "content", "role"],
)
def test_inputs_decide_by_content_role_and_order(inputs):
    digests = dict.fromkeys(range(2), DIGESTS[1])
    assert marks(replace(SHOT, inputs=inputs), digests=digests) != marks(SHOT)


def test_inputs_do_not_decide_by_path_name_or_url():
    moved = (
        replace(SHOT.inputs[0], source=Path("/there/other.png"), name="other", bytes=9, format="webp"),
        replace(SHOT.inputs[1], source="https://elsewhere/x.png?sig=2", name="x"),
    )
    assert marks(replace(SHOT, inputs=moved)) == marks(SHOT)


def test_take_realm_url_content_and_frame_decide():
    child = replace(SHOT, parent="before", inputs=())
    all_marks = [
        marks(SHOT)[0],
        marks(SHOT, take=2)[0],
        marks(SHOT, realm="loopback")[0],
        marks(SHOT, digests={1: DIGESTS[3]})[0],
        marks(child, frame=DIGESTS[4])[0],
        marks(child, frame=DIGESTS[5])[0],
        marks(SHOT)[1],
        marks(SHOT, realm="loopback")[1],
        marks(child, frame=DIGESTS[4])[1],
        marks(replace(child, parent=None))[1],
    ]
    assert len(set(all_marks)) == len(all_marks)
    assert all(len(mark) == 64 for mark in all_marks)


def test_the_description_forgets_the_parents_frame_and_name():
    child = replace(SHOT, parent="before")
    other = replace(SHOT, parent="renamed")
    assert marks(child, frame=DIGESTS[4])[1] == marks(other, frame=DIGESTS[5])[1]
    assert marks(child, frame=DIGESTS[4])[0] == marks(other, frame=DIGESTS[4])[0]


def test_what_is_missing_is_an_error_not_another_fingerprint():
    with pytest.raises(ValueError, match="needs its SHA-256"):
        fingerprint(SHOT, take=1, realm="provider", frame=None)
    with pytest.raises(ValueError, match="needs its SHA-256"):
        fingerprint(SHOT, take=1, realm="provider", digests={1: "zz"}, frame=None)
    with pytest.raises(ValueError, match="needs a parent's frame"):
        marks(replace(SHOT, parent="a"))
    with pytest.raises(ValueError, match="no use for"):
        marks(SHOT, frame=DIGESTS[0])


def test_golden_values_so_that_a_new_version_does_not_buy_everything_again():
    assert marks(SHOT) == (
        "2d26c20a1f9581af3cde0ed13c4b49f324ca2ea7ffdc7c20f58c096095ffe24f",
        "eaa5bde4ae14923d444ada9ab9c5a52279d85e5984018b2c0b26c8701e05829b",
    )


@pytest.mark.parametrize(
    ("model", "begins"),
    [
        ("seedance-2.5", "b6bd5bf4c04ffe89 b4cc38088fb9843b"),
        ("seedance-2.5-fast", "c0446b58176810d2 1a7d6bc57bf9cd6d"),
        ("seedance-2.5-face", "b4f5b30e5c7e9c47 b998edba5ac2c213"),
        ("seedance-2.5-fast-face", "d5174b554f00afd0 65ce3fdcfa75de2f"),
        ("doubao-seedance-2.5-face", "c31a0dd2cf293226 9f31ff24f618587f"),
        ("doubao-seedance-2.0", "33c6fb74813ccbcf d6d24e85de9aa895"),
        ("doubao-seedance-2.0-fast", "330bbb97c311841b 942539f5ff8f93d3"),
        ("doubao-seedance-2.0-face", "78adf327beb256a6 0385fb31c3d63ce5"),
        ("doubao-seedance-2.0-fast-face", "5bf8b7083f385250 145a411a3c9a6d2f"),
    ],
)
def test_golden_values_of_models_that_were_for_sale_before_constant_fields_were_sent(model, begins):
    text = (
        f"schema: longtake/1\ntitle: T\nmodel: {model}\nscenes: [{{id: one, shots: "
        "[{id: a, prompt: Waves break, duration: 5, resolution: 720p, size: '16:9'}]}]\n"
    )
    (shot,) = resolve(storyboard.parse(text, name="f", base=Path("/nowhere")), CATALOG).shots
    assert " ".join(mark[:16] for mark in marks(shot, digests={})) == begins


def test_constant_fields_of_the_catalog_do_not_decide_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("families: {seedance-2.5: {constant_fields: {priority: 1}}}")
    fields = ["prompt: The @NAME waits", "references: [NAME]", "id: ID"]
    plain = _resolved(fields, "keeper", "shot", "one")
    sent = frozen_body(plain, digests=FAR | {0: DIGESTS[0]}, frame=None, catalog=Catalog.load(path))
    assert sent["priority"] == 1
    other = _resolved(fields, "keeper", "shot", "one", using=Catalog.load(path))
    digests = {0: DIGESTS[0]}
    assert marks(other, digests=digests) == marks(plain, digests=digests)


@examples(30)
@given(st.randoms(use_true_random=False))
def test_the_file_may_be_reordered_and_everything_in_it_renamed(chance: random.Random):
    suffix = str(chance.randrange(1000))
    fields = ["prompt: The @NAME waits", "references: [NAME]", "duration: 6", "takes: 2", "id: ID"]
    plain = _resolved(fields, "keeper", "shot", "one")
    chance.shuffle(fields)
    renamed = _resolved(fields, f"k{suffix}", f"s{suffix}", f"c{suffix}")
    digests = {0: DIGESTS[0]}
    assert fingerprint(plain, take=1, realm="r", digests=digests, frame=None) == fingerprint(
        renamed, take=1, realm="r", digests=digests, frame=None
    )
    bodies = [frozen_body(shot, digests=digests, frame=None, catalog=CATALOG) for shot in (plain, renamed)]
    assert bodies[0] == bodies[1]


def _resolved(fields, name, shot, scene, using=CATALOG):
    line = "{" + ", ".join(fields).replace("NAME", name).replace("ID", shot) + "}"
    text = (
        f"schema: longtake/1\ntitle: T\nmodel: seedance-2.5\nreferences: {{{name}: 'https://host/{name}.png'}}\n"
        f"scenes: [{{shots: [{line}], id: {scene}}}]\n"
    )
    return resolve(storyboard.parse(text, name="f", base=Path("/nowhere")), using).shots[0]


def test_the_body_is_not_part_of_it_but_says_whether_the_last_frame_is_wanted():
    continued = replace(SHOT, continued=True)
    urls = {0: "https://store/a.png"}
    assert marks(continued) == marks(SHOT)
    assert body(continued, urls=urls, frame_url=None, catalog=CATALOG)["return_last_frame"] is True


def test_the_frame_a_take_is_led_to_decides_it_and_not_what_the_shot_is():
    fields = {"realm": "provider", "digests": {}}
    child = replace(SHOT, parent="before", inputs=())
    plain = fingerprint(child, take=1, frame=DIGESTS[4], **fields)
    assert fingerprint(child, take=1, frame=DIGESTS[4], end=None, **fields) == plain
    led = {fingerprint(child, take=1, frame=DIGESTS[4], end=DIGESTS[k], **fields) for k in (4, 5)}
    assert len({plain, *led}) == 3
