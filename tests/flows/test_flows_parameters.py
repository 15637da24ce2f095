"""Block parameters of the flows: what is accepted, what is refused before a run begins, and what Prefect stores of it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from fastapi.encoders import jsonable_encoder
from prefect.client.schemas.actions import DeploymentFlowRunCreate, StateCreate
from prefect.client.schemas.objects import StateType

from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.errors import SettingsError
from longtake.flows import storyboard
from longtake.prefect.parameters import reference
from longtake.storyboard import Scene, Shot, Storyboard

SECRET = "secret-that-no-parameter-may-hold"


def parameters(**given):
    return storyboard.validate_parameters({"board": "film.yaml", **given})


def stored_by_a_local_run(**given):
    """The parameters of a flow that is called, as Prefect sends them to its API."""
    return storyboard.serialize_parameters({"board": "film.yaml", **given})


def stored_by_run_deployment(**given):
    state = StateCreate(type=StateType.SCHEDULED)
    made = DeploymentFlowRunCreate(parameters={"board": "film.yaml", **given}, state=state)
    return json.loads(made.model_dump_json())["parameters"]


STORED = [stored_by_a_local_run, stored_by_run_deployment]


@pytest.fixture
def aws():
    found = pytest.importorskip("prefect_aws.credentials", reason="`make test` installs it")
    return found.AwsCredentials(
        aws_access_key_id="AKIA", aws_secret_access_key=SECRET, aws_session_token=f"token-{SECRET}"
    )


@pytest.fixture
def minio():
    found = pytest.importorskip("prefect_aws.credentials", reason="`make test` installs it")
    return found.MinIOCredentials(minio_root_user="films", minio_root_password=SECRET)


def saved(block):
    """The block as it is after `save`."""
    block._block_document_id = uuid.uuid4()
    return block


def test_blocks_are_passed_as_they_are():
    credentials, store = ReapiCredentials(api_key=SECRET), ArtifactStore(uri="file:///films")
    found = parameters(credentials=credentials, store=store)
    assert found["credentials"] is credentials
    assert found["store"] is store


def test_nothing_and_an_empty_name_mean_the_environment():
    assert parameters(credentials="", store=None)["credentials"] is None


@pytest.mark.parametrize("board", [Path("film.yaml"), "film.yaml"])
def test_a_storyboard_is_a_path_of_either_kind(board):
    assert storyboard.validate_parameters({"board": board})["board"] == "film.yaml"


def test_a_storyboard_that_was_built_in_python_is_the_same_for_a_run_here_and_elsewhere():
    board = Storyboard(title="Built", model="seedance-2.5", scenes=[Scene("one", [Shot("pier", "A pier")])])
    sent = stored_by_run_deployment(board=board)["board"]
    assert storyboard.validate_parameters({"board": sent}) == storyboard.validate_parameters({"board": board})


@pytest.mark.parametrize("stored", STORED)
def test_a_saved_block_is_stored_as_a_reference(stored):
    credentials = saved(ReapiCredentials(api_key=SECRET))
    found = stored(credentials=credentials, store=saved(ArtifactStore(uri="file:///films")))
    assert found["credentials"] == reference(credentials)
    assert list(found["store"]) == ["$ref"]


@pytest.mark.parametrize("stored", STORED)
def test_no_secret_of_a_block_is_stored(stored, aws, minio):
    for keys in (aws, minio):
        found = stored(
            credentials=ReapiCredentials(api_key=SECRET), store=ArtifactStore(uri="s3://f", credentials=keys)
        )
        assert SECRET not in json.dumps(found)


@pytest.mark.parametrize("stored", STORED)
def test_an_unsaved_store_with_saved_credentials_is_stored_with_their_reference(stored, aws):
    found = stored(store=ArtifactStore(uri="s3://films", credentials=saved(aws)))["store"]
    assert found["credentials"] == reference(aws)


def test_no_dump_of_a_store_shows_a_secret_unless_it_is_saved(aws):
    block = ArtifactStore(uri="s3://films", credentials=aws)
    assert SECRET not in f"{block.model_dump()} {block.model_dump_json()} {jsonable_encoder(block)}"
    for mode in ("python", "json"):
        kept = block.model_dump(mode=mode, context={"include_secrets": True})["credentials"]
        assert kept["aws_session_token"] == f"token-{SECRET}"
        assert kept["aws_secret_access_key"] == SECRET
    assert "credentials.aws_session_token" in ArtifactStore.model_json_schema()["secret_fields"]


@pytest.mark.parametrize("stored", STORED)
def test_a_block_that_was_never_saved_does_not_reach_another_worker(stored, aws):
    sent = stored(credentials=ReapiCredentials(api_key=SECRET), store=ArtifactStore(uri="s3://f", credentials=aws))
    for name in ("credentials", "store"):
        with pytest.raises(SettingsError, match=f"`{name}` is .* never saved") as raised:
            parameters(**{name: sent[name]})
        assert raised.value.exit_code == 2


def test_a_store_without_secrets_may_come_by_its_content():
    assert parameters(store={"uri": "file:///films"})["store"].uri == "file:///films"


def test_a_secret_in_a_parameter_is_refused_and_not_repeated(aws):
    for given in (
        {"credentials": {"api_key": SECRET}},
        {"store": {"uri": "s3://films", "credentials": {"aws_secret_access_key": SECRET}}},
        {"store": {"uri": "s3://films", "credentials": {"aws_session_token": SECRET}}},
    ):
        with pytest.raises(SettingsError, match="plain text") as raised:
            parameters(**given)
        assert SECRET not in str(raised.value)


def test_the_form_of_a_store_has_a_picker_for_credentials(aws):
    schema = ArtifactStore.model_json_schema()
    assert [one["$ref"] for one in schema["properties"]["credentials"]["anyOf"]] == [
        "#/definitions/AwsCredentials",
        "#/definitions/MinIOCredentials",
    ]
    slugs = [one["block_type_slug"] for one in schema["block_schema_references"]["credentials"]]
    assert slugs == ["aws-credentials", "minio-credentials"]


def test_credentials_that_were_not_chosen_in_the_form_are_none():
    assert ArtifactStore.model_validate({"uri": "s3://films", "credentials": {}}).credentials is None


@pytest.mark.parametrize("kind", [ReapiCredentials, ArtifactStore])
def test_the_forms_of_blocks_have_no_field_of_the_type_none(kind):
    assert '"null"' not in json.dumps(kind.model_json_schema()["properties"])
