"""A film in a bucket: keys, region and endpoint come from blocks at the Prefect server and from nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from longtake import store as stores

SECRET = "secret-of-the-block-6b1d9f02"
FLOW = (
    "import asyncio, json, sys; from longtake.flows import storyboard; asyncio.run(storyboard(**json.load(sys.stdin)))"
)


@pytest.mark.slow
def test_a_flow_with_an_aws_credentials_block_makes_its_film_in_the_bucket(
    stage, prefect_home, bucket, s3_server, tmp_path
):
    prefect_aws = pytest.importorskip("prefect_aws", reason="`make test` installs it")
    from longtake.blocks import ArtifactStore, ReapiCredentials

    here = stage(catalog=None)  # the run is told of no catalog
    with temporary_settings({PREFECT_API_URL: here.env["PREFECT_API_URL"]}):
        ReapiCredentials(api_key=here.provider.key, base_url=here.provider.base_url).save("e2e-s3")
        keys = prefect_aws.AwsCredentials(
            aws_access_key_id="AKIA-OF-THE-BLOCK",
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            aws_client_parameters={"endpoint_url": s3_server},
        )
        keys.save("e2e-keys")
        ArtifactStore(uri=f"s3://{bucket}/films", credentials=keys).save("e2e-s3")
    scenes = {"one": [{"id": "pier", "prompt": "A pier"}, {"id": "boat", "prompt": "A boat"}]}
    board = json.loads(here.board("In A Bucket", scenes).read_text())
    # The process is told where Prefect is, and nothing else: no AWS variable, no LONGTAKE_STORE, no files of a person.
    environment = {name: value for name, value in here.env.items() if not name.startswith("LONGTAKE_")}
    done = subprocess.run(
        [sys.executable, "-c", FLOW],
        input=json.dumps({"board": board, "credentials": "e2e-s3", "store": "e2e-s3"}),
        env={**environment, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kept = list(stores.open(f"s3://{bucket}/films").list("films/in-a-bucket/"))
    assert [key for key in kept if key.endswith("film.mp4")]
    assert here.provider.posts == 2
    assert SECRET not in done.stdout + done.stderr
    files = [path for path in prefect_home.rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    assert not list(tmp_path.glob("longtake-data"))
