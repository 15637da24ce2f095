"""The two blocks: Prefect's own standard suite, and what becomes of a run's settings."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import ValidationError

from longtake import blocks
from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.errors import SettingsError, StoreError
from longtake.provider import Provider
from longtake.settings import S3Settings, Settings, from_environment

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
        api_key=KEY,
        base_url="http://127.0.0.1:8000/api/v1",
        max_in_flight=3,
        max_attempts=2,
        run_budget=10,
        day_budget=20,
    )
    made = block.settings(base)
    assert made.key().get_secret_value() == KEY
    assert made.model_dump(exclude={"api_key"}) == {
        **base.model_dump(exclude={"api_key"}),
        "base_url": "http://127.0.0.1:8000/api/v1",
        "max_in_flight": 3,
        "max_attempts": 2,
        "run_budget": 10,
        "day_budget": 20,
    }
    assert made.longest_wait == 99
    assert made.loopback


def test_a_store_goes_over_the_environment(tmp_path):
    block = ArtifactStore(uri=tmp_path.as_uri(), public_url="https://films.example/store")
    made = block.settings(Settings(store="elsewhere", run_budget=5))
    assert (made.store, made.public_url, made.run_budget) == (tmp_path.as_uri(), "https://films.example/store", 5)
    store = block.open()
    assert store.put_if_absent("media/a.png", b"a")
    assert store.url_for_others("media/a.png") == "https://films.example/store/media/a.png"


def test_a_client_of_the_block_is_one_of_its_provider():
    client = ReapiCredentials(api_key=KEY, base_url="http://127.0.0.1:8000/api/v1").get_client()
    assert isinstance(client, Provider)
    assert client.realm == "loopback"


def test_a_block_that_was_saved_when_budgets_were_called_caps_still_loads():
    block = ReapiCredentials.model_validate({"api_key": KEY, "run_cap": 10, "day_cap": 20})
    assert (block.run_budget, block.day_budget) == (10, 20)


@pytest.mark.parametrize(
    "wrong", [{"max_in_flight": 0}, {"max_attempts": 0}, {"run_budget": 0}, {"day_budget": -1}, {"max_in_flight": 1001}]
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        ReapiCredentials(api_key=KEY, **wrong)


# -- S3 ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def prefect_aws():
    return pytest.importorskip("prefect_aws.credentials", reason="`make test` installs it")


def test_a_block_says_how_to_reach_s3():
    block = ArtifactStore(
        uri="s3://films",
        endpoint_url="https://oss.example.com",
        region="eu",
        addressing_style="virtual",
        checksums="when_required",
    )
    base = from_environment({"LONGTAKE_S3_ADDRESSING": "path"})
    assert block.settings(base).s3 == S3Settings(
        endpoint_url="https://oss.example.com", region="eu", addressing_style="virtual", checksums="when_required"
    )
    assert ArtifactStore(uri="s3://films").settings(base).s3 == S3Settings()
    with pytest.raises(SettingsError, match="endpoint_url"):
        ArtifactStore(uri="s3://films", endpoint_url="oss.example.com").open()


def test_keys_region_and_endpoint_come_from_credentials_and_fields_go_before_them(prefect_aws, rclone_server):
    given = prefect_aws.AwsCredentials(
        aws_access_key_id="AKIA",
        aws_secret_access_key=KEY,
        aws_session_token=KEY,
        profile_name="films",
        region_name="eu-central-1",
        aws_client_parameters={"endpoint_url": "https://s3.example.com", "verify_cert_path": rclone_server.certificate},
    )
    found = ArtifactStore(uri="s3://films", credentials=given).s3()
    assert (found.access_key_id, found.region, found.profile) == ("AKIA", "eu-central-1", "films")
    assert (found.endpoint_url, found.ca_bundle) == ("https://s3.example.com", rclone_server.certificate)
    assert found.secret_access_key.get_secret_value() == found.session_token.get_secret_value() == KEY
    block = ArtifactStore(uri="s3://films", credentials=given, region="eu", endpoint_url="https://oss.example.com")
    assert (block.s3().region, block.s3().endpoint_url) == ("eu", "https://oss.example.com")
    assert KEY not in f"{block!r} {block} {found!r} {block.settings(Settings())!r} {block.open()!r}"


@pytest.mark.parametrize("kind", ["aws", "minio"])
def test_a_store_opens_with_the_keys_of_its_credentials_and_with_no_others(
    prefect_aws, careless_bucket, rclone_server, aws, kind
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        aws.delenv(name)
    parameters = {"endpoint_url": rclone_server.url, "verify_cert_path": rclone_server.certificate}

    def store(secret):
        if kind == "aws":
            given = prefect_aws.AwsCredentials(
                aws_access_key_id="testing", aws_secret_access_key=secret, aws_client_parameters=parameters
            )
        else:
            given = prefect_aws.MinIOCredentials(
                minio_root_user="testing", minio_root_password=secret, aws_client_parameters=parameters
            )
        return ArtifactStore(uri=f"s3://{careless_bucket}", credentials=given).open()

    assert store("a-secret-for-tests").put_if_absent("media/a.png", b"a") is True
    with pytest.raises(StoreError, match="403") as raised:
        store(KEY).get("media/a.png")
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("assume_role_arn", {"assume_role_arn": "arn:aws:iam::1:role/films"}),
        ("config", {"aws_client_parameters": {"config": {"s3": {"addressing_style": "path"}}}}),
        ("verify", {"aws_client_parameters": {"verify": False}}),
        ("together or not at all", {"aws_access_key_id": "AKIA"}),
    ],
)
def test_credentials_that_ask_for_something_else_are_refused(prefect_aws, name, given):
    block = ArtifactStore(uri="s3://films", credentials=prefect_aws.AwsCredentials(**given))
    with pytest.raises(SettingsError, match=name):
        block.open()


@pytest.mark.slow
def test_without_prefect_aws_a_block_works_and_credentials_are_refused_not_ignored():
    script = f"""
import sys
sys.modules["prefect_aws"] = None  # as where it is not installed
from longtake.blocks import ArtifactStore
print(ArtifactStore(uri="s3://films", region="eu").open().uri)
ArtifactStore(uri="s3://films", credentials={{"aws_secret_access_key": "{KEY}"}})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "s3://films\n"
    assert "pip install 'longtake[aws]'" in done.stderr
    assert KEY not in done.stderr


@pytest.mark.parametrize("block", [ReapiCredentials, ArtifactStore])
def test_logo_and_documentation_of_a_block_are_in_the_repository(block):
    root = Path(__file__).resolve().parents[2]
    logo = str(block._logo_url).removeprefix("https://raw.githubusercontent.com/longtake/longtake/main/")
    assert (root / logo).read_bytes().startswith(b"\x89PNG")
    page, _, anchor = str(block._documentation_url).partition("/blob/main/")[2].partition("#")
    assert f"## Block `{anchor.removeprefix('block-')}`" in (root / page).read_text()
