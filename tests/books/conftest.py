"""A store, and a ledger in it."""

from __future__ import annotations

import pytest
from exported_books import History

from longtake import store as stores


@pytest.fixture
def store(tmp_path):
    return stores.open(str(tmp_path / "store"))


@pytest.fixture
def history(store):
    return History(store)
