"""A film set as a flow: `longtake run set.yaml`, its lines, its artifacts, and what is left when it is killed."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from pathlib import Path

import pytest
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples/catalog-films"
PRICE = 320


@pytest.fixture
def films(stage):
    """`films(count)`: a stage, and the example's set in its folder with the first rows."""

    def make(count, **given):
        here = stage(**given)
        shutil.copytree(EXAMPLE, here.folder / "catalog")
        table = here.folder / "catalog/products.csv"
        table.write_text("".join(table.read_text().splitlines(keepends=True)[: count + 1]))
        return here, here.folder / "catalog/set.yaml"

    return make


def test_a_set_is_made_and_shown(films, prefect_client):
    here, film_set = films(3)
    ran = here.run(film_set)
    assert [film["state"] for film in ran.answer["films"]] == ["whole"] * 3
    # Two takes of each product, one sign, and the end that all films share.
    assert (ran.answer["charged"], here.provider.posts) == (8 * PRICE, 8)
    assert "[3/3] " in ran.err
    with Path(ran.answer["place"]).open(encoding="utf-8", newline="") as file:
        assert [row["label_campaign"] for row in csv.DictReader(file)] == ["autumn"] * 3
    keys = ArtifactFilterKey(any_=["catalog-films-films", "catalog-films-summary", "catalog-films-progress"])
    found = {one.key: one.data for one in prefect_client.read_artifacts(artifact_filter=ArtifactFilter(key=keys))}
    assert [row["key"] for row in json.loads(found["catalog-films-films"])] == ["L-100", "L-110", "C-200"]
    assert found["catalog-films-summary"].startswith("# Catalog films")
    assert found["catalog-films-progress"] == 100.0
    again = here.run(film_set)
    assert (again.answer["charged"], here.provider.posts) == (0, 8)


def test_a_killed_set_goes_on_where_it_was(films, until):
    here, film_set = films(12, processing=3600)
    ledger = here.store / "ledger"
    with here.started("run", film_set, "--json", LONGTAKE_MAX_IN_FLIGHT="100") as running:
        # Six films are in flight: the first shot of each, three signs, and the end that they share.
        until(
            lambda: sum('"accepted"' in path.read_text() for path in ledger.rglob("0*.json")) == 10,
            why="the first takes are accepted",
            process=running,
        )
        running.send_signal(signal.SIGKILL)
        running.wait()
    with here.started("run", film_set, "--json", LONGTAKE_MAX_IN_FLIGHT="100") as running:

        def ended():
            here.provider.advance()
            return running.poll() is not None

        until(ended, why="the films are made")
        ran = here.finished(running)
    assert [film["state"] for film in ran.answer["films"]] == ["whole"] * 12
    assert (here.credits()["total"]["settled"], here.provider.posts) == (30 * PRICE, 30)
