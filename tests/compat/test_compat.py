"""What a released version has stored, this one reads: nothing kept is bought again, and the books are as they were.

`<version>/store.json` holds the records of a store by key, as `longtake demo` of that version wrote them. A release adds a folder.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

import longtake as lt
from longtake import manifest as manifests
from longtake import store as stores
from longtake.emulator.process import KEY as DEMO_KEY
from longtake.housekeeping import survey
from longtake.ledger import EntryLog, identify_ledger
from longtake.ledger.audit import audit
from longtake.settings import Settings

VERSIONS = sorted(path.parent for path in Path(__file__).parent.glob("*/store.json"))
LOCAL = "http://127.0.0.1:9/api/v1"


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def kept(request, tmp_path):
    """A store as that version left it, and its film."""
    store = stores.open(str(tmp_path / "store"))
    for key, record in json.loads((request.param / "store.json").read_text()).items():
        store.put_if_absent(key, record.encode())
    return store, request.param / "film.yaml"


def test_nothing_that_is_kept_is_bought_again(kept):
    store, board = kept
    plan = lt.Studio(store=store.uri, settings=Settings(base_url=LOCAL)).plan(board)
    assert [shot.state for shot in plan.shots] == ["current"] * 6
    assert plan.expected == 0


def test_its_books_are_as_they_were(kept):
    store, _ = kept
    (account,) = {key.split("/")[1] for key in store.list("ledger/")}
    log = EntryLog(store, account)
    assert not audit(log).problems
    state = log.read()
    assert state.used(film="the-lighthouse").film == state.films["the-lighthouse"] == 1920
    assert not state.attempts


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_its_ledger_is_adopted_under_each_name_of_its_provider(kept, host):
    store, _ = kept
    (account,) = {key.split("/")[1] for key in store.list("ledger/")}
    assert identify_ledger(store, host=host, key=DEMO_KEY, record=True).account == account
    assert identify_ledger(store, host="localhost", key=DEMO_KEY).account == account


def test_its_manifests_are_read(kept):
    store, _ = kept
    keys = [key for key in store.list("films/") if key.endswith("/manifest.json")]
    assert keys
    for key in keys:
        manifest = manifests.load(store.get(key), name=key)
        assert manifest.timeline.digest == manifest.digest
        assert sum(shot.used.credits for shot in manifest.shots) == 1920


def test_housekeeping_knows_its_objects(kept):
    store, _ = kept
    assert survey(store, older_than=timedelta()).unknown == 0
