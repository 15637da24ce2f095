"""A folder with a template, a table and a set, and a way to plan it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from longtake.settings import Settings
from longtake.studio import Studio

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """\
schema: longtake/1
title: "{{ name }} in {{ locale | upper }}"
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9"}
scenes:
  - id: intro
    shots:
      - id: hero
        prompt: "{{ name }} on a table"
        duration: "{{ seconds }}"
  - id: offer
    when: "{{ offer }}"
    shots:
      - id: price
        prompt: "A sign says {{ offer }}"
        duration: 4
        caption: "{{ note }}"
      - {id: logo, prompt: The logo, duration: 4, continue_from: null}
"""
HEADER = "sku,name,locale,seconds,offer,note\n"


class Folder:
    """What lies in the folder, and what becomes of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.studio = Studio(settings=Settings(store=str(path / "store")))
        self.write("product.yaml", TEMPLATE)

    def write(self, name, text):
        (self.path / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def film_set(self, text, *, header=HEADER, form="csv", **keys):
        """Write the set of a table's text, and return its path."""
        self.write(f"rows.{form}", header + text)
        given = {"schema": "longtake-set/1", "title": "Autumn", "storyboard": "product.yaml", "rows": f"rows.{form}"}
        self.write("set.yaml", json.dumps({**given, "key": "sku", **keys}))
        return self.path / "set.yaml"

    def plan(self, text, *, skip_bad_rows=False, header=HEADER, form="csv", **keys):
        film_set = self.film_set(text, header=header, form=form, **keys)
        return self.studio.plan_set(film_set, skip_bad_rows=skip_bad_rows)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)
