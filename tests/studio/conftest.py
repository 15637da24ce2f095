"""A provider in a process of its own, and an account and a studio for each test. Nothing here knows Prefect."""

from __future__ import annotations

import pytest
from accounts import accounts, connections_to

from longtake import Studio


@pytest.fixture(scope="module")
def all_accounts(tmp_path_factory):
    with accounts(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture
def account(all_accounts, monkeypatch):
    """An account whose variables this process and its children have."""
    found = all_accounts.account()
    for name, value in found.env.items():
        monkeypatch.setenv(name, value)
    yield found
    assert connections_to(found.base_url, found.settings.public_url) == 0


@pytest.fixture
def studio(account):
    return Studio.from_env()
