"""The flow in a user's own code: every way to call it makes the film, and no secret of a block reaches Prefect's database."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("callers.py")
KEY = "key-of-a-caller-77d2a1c9"
SECRET = "secret-of-a-caller-e04b8d35"
TOKEN = "token-of-a-caller-5c61f0ab"
FILMS = {
    "from_a_script": ["script"],
    "with_saved_blocks": ["saved"],
    "by_name": ["named"],
    "from_a_sync_flow": ["sync"],
    "from_a_sync_flow_by_asyncio_run": ["sync-too"],
    "from_an_async_flow": ["async"],
    "with_options": ["options"],
    "several_at_once": ["gathered-0", "gathered-1", "gathered-2"],
    "mapped_over_boards": ["mapped-0", "mapped-1", "mapped-2"],
    "with_aws_credentials": ["aws"],
    "with_minio_credentials": ["minio"],
    "with_saved_credentials_of_s3": ["aws-saved"],
    "with_a_session_token_kept_inside_of_the_store": ["token-saved"],
    "with_credentials_kept_inside_of_the_store": ["minio-saved"],
}


@pytest.fixture(scope="module")
def called(shared_stage, s3_server, tmp_path_factory):
    """What came of each way, what was printed, and the stage."""
    pytest.importorskip("prefect_aws", reason="`make test` installs it")
    import boto3

    here = shared_stage(key=KEY)
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=s3_server, **keys).create_bucket(Bucket="callers")
    given = {
        "key": KEY, "secret": SECRET, "token": TOKEN, "base_url": here.provider.base_url, "s3": s3_server,
        "store": here.store.as_uri(), "public_url": here.provider.store_url, "bucket": "callers",
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("callers")
    # Only Prefect's address and the catalog of small clips: key and store come from the blocks.
    env = {name: value for name, value in here.env.items() if not name.startswith("LONGTAKE_")}
    done = subprocess.run(
        [sys.executable, SCRIPT],
        input=json.dumps(given),
        env={**env, "LONGTAKE_CATALOG": here.env.get("LONGTAKE_CATALOG", ""), "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr, here


@pytest.mark.parametrize("way", FILMS)
def test_a_film_is_made(called, way):
    ways, said, _ = called
    made = ways[way] if isinstance(ways[way], list) else [ways[way]]
    assert [film.get("name") for film in made] == FILMS[way], f"{ways[way]}\n{said}"
    assert all(film["place"].endswith("/film.mp4") for film in made)


def test_each_film_was_bought_once(called):
    ways, _, here = called
    assert here.provider.posts == sum(map(len, FILMS.values()))
    assert ways["with_options"]["flow"] == "my-film"
    assert isinstance(ways["reconciled"], str)


def test_blocks_that_cannot_be_used_are_named_before_anything_begins(called):
    ways, _, _ = called
    for way, named in (
        ("a_name_that_is_not_there", "`credentials` names the block nobody"),
        ("a_store_that_is_not_there", "`store` names the block nowhere"),
        ("scenes_with_a_block_that_was_never_saved", "a ReapiCredentials that was never saved"),
    ):
        assert ways[way]["error"] == "SettingsError", ways[way]
        assert named in ways[way]["message"]
        assert ways[way]["code"] == 2


def test_no_secret_is_in_the_database_or_in_what_was_printed(called, prefect_home):
    _, said, _ = called
    kept = {path: path.read_bytes() for path in prefect_home.rglob("*") if path.is_file()}
    assert any(b"Gathered 1" in content for path, content in kept.items() if ".db" in path.name), "runs are in there"
    for secret in (KEY, SECRET, TOKEN):
        assert [path for path, content in kept.items() if secret.encode() in content] == []
        assert secret not in said
