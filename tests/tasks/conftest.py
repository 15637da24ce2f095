"""A provider in a process of its own, and an account for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from accounts import accounts, connections_to
from processes import clean_environment

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """All tests of this folder use the server."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.prefect)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def all_accounts(tmp_path_factory):
    with accounts(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture
def prefect_env(prefect_api, tmp_path_factory):
    """The variables of a process that talks to the server, and to nothing else of Prefect."""
    home = tmp_path_factory.getbasetemp() / "prefect-home"
    return clean_environment(
        PREFECT_API_URL=prefect_api, PREFECT_HOME=str(home), PREFECT_LOGGING_TO_API_ENABLED="false"
    )


@pytest.fixture
def account(all_accounts, prefect_env, monkeypatch):
    """An account whose variables this process and its children have, and Prefect's settings."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

    found = all_accounts.account()
    for name, value in {**prefect_env, **found.env}.items():
        monkeypatch.setenv(name, value)
    given = {
        PREFECT_API_URL: prefect_env["PREFECT_API_URL"],
        PREFECT_HOME: prefect_env["PREFECT_HOME"],
        PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with temporary_settings(given):
        yield found
    # A process may run thousands of tasks: none may leave a connection open.
    assert connections_to(found.base_url, found.settings.public_url) == 0


@pytest.fixture
def blocks(account):
    """The account as blocks: `credentials` and `store`."""
    from longtake.blocks import ArtifactStore, ReapiCredentials

    return {
        "credentials": ReapiCredentials(
            api_key=account.key, base_url=account.base_url, submits_per_second=None, max_in_flight=100
        ),
        "store": ArtifactStore(uri=str(account.folder), public_url=account.settings.public_url),
    }
