"""The two blocks: Prefect's own standard suite, and what becomes of a run's settings."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import ValidationError

import blocks
from blocks import ArtifactStore, ReapiCredentials
from longtake.provider import Provider
from longtake.settings import Settings, from_environment

KEY = "key-that-nothing-may-show"


class TestReapiCredentials(BlockStandardTestSuite):
    test_has_a_valid_image = None  # a logo would be fetched from the internet, which no test uses

    @pytest.fixture
    def block(self):
        return ReapiCredentials


class TestArtifactStore(BlockStandardTestSuite):
    test_has_a_valid_image = None  # as above

    @pytest.fixture
    def block(self):
        return ArtifactStore


def test_prefect_finds_the_blocks_by_the_entry_point():
    from prefect.plugins import load_prefect_collections

    (found,) = [e for e in entry_points(group="prefect.collections") if e.name == "longtake"]
    assert found.load() is blocks
    assert load_prefect_collections()["longtake"] is blocks


def test_the_key_is_a_secret_for_prefect_and_for_people():
    block = ReapiCredentials(api_key=KEY)
    assert KEY not in f"{block!r} {block} {block.model_dump()} {block.model_dump_json()}"
    assert ReapiCredentials._to_block_schema().fields["secret_fields"] == ["api_key"]


def test_credentials_go_over_the_environment_and_keep_the_rest_of_it():
    base = from_environment(
        {"LONGTAKE_API_KEY": "other", "LONGTAKE_STORE": "s3://films", "LONGTAKE_LONGEST_WAIT": "99"}
    )
    block = ReapiCredentials(
        api_key=KEY, base_url="http://127.0.0.1:8000/api/v1", max_in_flight=3, max_attempts=2, run_cap=10, day_cap=20
    )
    made = block.settings(base)
    assert made.key().get_secret_value() == KEY
    assert made.model_dump(exclude={"api_key"}) == {
        **base.model_dump(exclude={"api_key"}),
        "base_url": "http://127.0.0.1:8000/api/v1",
        "max_in_flight": 3,
        "max_attempts": 2,
        "run_cap": 10,
        "day_cap": 20,
    }
    assert made.longest_wait == 99
    assert made.realm == "loopback"


def test_a_store_goes_over_the_environment(tmp_path):
    block = ArtifactStore(uri=tmp_path.as_uri(), public_url="https://films.example/store")
    made = block.settings(Settings(store="elsewhere", run_cap=5))
    assert (made.store, made.public_url, made.run_cap) == (tmp_path.as_uri(), "https://films.example/store", 5)
    store = block.open()
    assert store.put_if_absent("media/a.png", b"a")
    assert store.url_for_others("media/a.png") == "https://films.example/store/media/a.png"


def test_a_client_of_the_block_is_one_of_its_provider():
    client = ReapiCredentials(api_key=KEY, base_url="http://127.0.0.1:8000/api/v1").get_client()
    assert isinstance(client, Provider)
    assert client.realm == "loopback"


@pytest.mark.parametrize(
    "wrong", [{"max_in_flight": 0}, {"max_attempts": 0}, {"run_cap": 0}, {"day_cap": -1}, {"max_in_flight": 1001}]
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        ReapiCredentials(api_key=KEY, **wrong)
