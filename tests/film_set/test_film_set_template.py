"""Templates: what a placeholder may hold, what an empty cell means, and what hostile tables cannot do."""

from __future__ import annotations

import json
import random

import pytest

from longtake import film_set
from longtake.catalog import Catalog
from longtake.errors import StoryboardError

SHOT = {"id": "a", "prompt": "A pier", "duration": 4}


def template(**changed):
    shot = {**SHOT, **changed.pop("shot", {})}
    given = {
        "schema": "longtake/1",
        "title": "{{ sku }}",
        "model": "seedance-2.5",
        "defaults": {"resolution": "480p", "size": "16:9"},
        "scenes": [{"id": "s", "shots": [shot]}],
    }
    return json.dumps({**given, **changed})


def shots(folder, row):
    folder.write("rows.jsonl", json.dumps(row) + "\n")
    admission = film_set.admit(film_set.load(folder.path / "set.yaml"), Catalog.load())
    admission.raise_problems("set")
    return admission.films[0].resolved.shots


@pytest.mark.parametrize(
    ("placeholder", "said"),
    [
        ("{{ nmae }}", 'the column "nmae" is not in the table; allowed: name, sku'),
        ("{{ name.upper() }}", "a placeholder cannot hold this"),
        ("{{ name.__class__ }}", "a placeholder cannot hold this (getattr)"),
        ("{{ name * 9999999 }}", "a placeholder cannot hold this (mul)"),
        ("{{ range(10 ** 9) }}", "a placeholder cannot hold this (call)"),
        ("{{ name < 'x' }}", "a placeholder cannot hold this (operand)"),
        ("{{ name | center(99999999) }}", "there is no filter"),
        ("{{ name", "this placeholder cannot be read"),
    ],
)
def test_a_placeholder_is_a_column_and_a_few_filters(folder, placeholder, said):
    folder.film_set(json.dumps({"name": "x", "sku": "a"}), form="jsonl", header="")
    folder.write("product.yaml", template(shot={"prompt": placeholder}))
    with pytest.raises(StoryboardError) as raised:
        shots(folder, {"name": "x", "sku": "a"})
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("field", "written", "cell", "value"),
    [
        ("duration", "{{ x }}", "6", 6),
        ("duration", "{{ x }}", 6, 6),
        ("generate_audio", "{{ x }}", "no", False),
        ("generate_audio", "{{ x }}", True, True),
        ("caption", "{{ x }}", "12", "12"),
        ("caption", "{{ x }}", 12, "12"),
        ("caption", "{{ x }}", "", None),
        ("caption", "{{ x | default('none') }}", "", "none"),
        ("caption", "{{ x | trim | title }}!", " red shoe ", "Red Shoe!"),
        ("caption", "{% 100 %} {# off #} {{ x }}", "a", "{% 100 %} {# off #} a"),
    ],
)
def test_a_value_has_the_type_of_its_field(folder, field, written, cell, value):
    folder.film_set("", form="jsonl", header="")
    folder.write("product.yaml", template(shot={field: written}))
    (shot,) = shots(folder, {"sku": "a", "x": cell})
    assert getattr(shot, field) == value


@pytest.mark.parametrize("cell", ["hero, logo", ["hero", "logo"], "hero  logo"])
def test_a_column_can_hold_the_references_of_a_shot(folder, cell):
    folder.film_set("", form="jsonl", header="")
    places = {"hero": "https://example.com/hero.png", "logo": "https://example.com/{{ sku }}.png"}
    folder.write("product.yaml", template(references=places, shot={"references": "{{ x }}"}))
    (shot,) = shots(folder, {"sku": "a", "x": cell})
    assert [str(one.source) for one in shot.inputs] == ["https://example.com/hero.png", "https://example.com/a.png"]


@pytest.mark.parametrize(
    "place",
    ["/etc/passwd", "../key.png", "a/../../key.png", "file:///etc/passwd", "~/key.png", "C:\\key.png", "s3://b/k"],
)
def test_a_row_names_no_file_outside_the_templates_folder(folder, place):
    folder.film_set("", form="jsonl", header="")
    folder.write("product.yaml", template(shot={"first_frame": "{{ x }}"}))
    with pytest.raises(StoryboardError, match="is outside the template's folder"):
        shots(folder, {"sku": "a", "x": place})


@pytest.mark.parametrize(("cell", "count"), [("de", 2), ("fr", 1), ("", 1)])
def test_a_scene_is_there_for_some_rows(folder, cell, count):
    folder.film_set("", form="jsonl", header="")
    scenes = [{"id": "s", "shots": [SHOT]}, {"id": "t", "when": "{{ x == 'de' }}", "shots": [{**SHOT, "id": "b"}]}]
    folder.write("product.yaml", template(scenes=scenes))
    assert len(shots(folder, {"sku": "a", "x": cell})) == count


PIECES = [
    "{{ sku }}", "{% for x in y %}", "{{ ''.__class__ }}", "- a: [b", "&a *a", "!!python/object:x", "<img src=x>", "**b**",
    "\x00", "\x1b[31m", "\udcff", "/etc/passwd", "../../x", "http://169.254.169.254/latest", "http://127.0.0.1/", "x" * 100_001,
    "\u2028", '"', '""', ",", "\n", "\r", "ä", "🎬", "", "9" * 400, "1e999", "-1", "NaN", "null", "true", "@hero", "@@",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_hostile_tables_give_an_error_for_each_bad_row_and_nothing_else(folder, seed):
    """2,000 rows in all. No address is asked: `plan_set` reads the files of the folder and the store."""
    chance = random.Random(seed)
    folder.film_set("", form="csv")
    folder.write(
        "product.yaml", template(references={"hero": "{{ b }}"}, shot={"prompt": "{{ a }}", "duration": "{{ c }}"})
    )
    lines = ["sku,a,b,c"]
    for number in range(100):
        cells = [
            str(number) if chance.random() < 0.7 else "".join(chance.choices(PIECES, k=2))
            for _ in range(chance.randint(3, 5))
        ]
        quote = chance.random() < 0.8
        lines.append(",".join('"' + cell.replace('"', '""') + '"' if quote else cell for cell in cells))
    folder.write("rows.csv", "\n".join(lines).encode("utf-8", "surrogateescape"))
    plan = folder.studio.plan_set(folder.path / "set.yaml", skip_bad_rows=True)
    assert plan.bad_rows
    assert all(line.startswith("rows.csv:") for line in plan.bad_rows)
    assert all(char.isprintable() for line in plan.bad_rows for char in line)
    with pytest.raises(StoryboardError):
        folder.studio.plan_set(folder.path / "set.yaml")
