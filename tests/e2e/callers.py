"""A user's script that calls the flow in every way Prefect knows; prints what came of each as one JSON object."""

from __future__ import annotations

import asyncio
import json
import sys

from prefect import flow, task
from prefect_aws import AwsCredentials, MinIOCredentials

from longtake import LongtakeError, Scene, Shot, Storyboard
from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.flows import reconcile, storyboard

given = json.load(sys.stdin)
SMALL = {"resolution": "480p", "size": "16:9", "duration": 4, "generate_audio": False}


def board(title):
    return Storyboard(
        title=title, model="seedance-2.5", defaults=SMALL, scenes=[Scene("one", [Shot("pier", f"A pier, {title}")])]
    )


def credentials():
    return ReapiCredentials(api_key=given["key"], base_url=given["base_url"])


def store():
    return ArtifactStore(uri=given["store"], public_url=given["public_url"])


def saved():
    return ReapiCredentials.load("callers", _sync=True), ArtifactStore.load("callers", _sync=True)


def bucket(keys):
    return ArtifactStore(uri=f"s3://{given['bucket']}/films", credentials=keys)


AWS = AwsCredentials(
    aws_access_key_id="AKIA-OF-A-CALLER",
    aws_secret_access_key=given["secret"],
    aws_session_token=given["token"],
    region_name="us-east-1",
    aws_client_parameters={"endpoint_url": given["s3"]},
)
MINIO = MinIOCredentials(
    minio_root_user="films",
    minio_root_password=given["secret"],
    region_name="us-east-1",
    aws_client_parameters={"endpoint_url": given["s3"]},
)


def of(film):
    return {"name": film.name, "place": film.place}


def from_a_script():
    return of(asyncio.run(storyboard(board("Script"), credentials(), store())))


def with_saved_blocks():
    return of(asyncio.run(storyboard(board("Saved"), *saved())))


def by_name():
    return of(asyncio.run(storyboard(board("Named"), "callers", "longtake-artifact-store/callers")))


def from_a_sync_flow():
    @flow
    def parent():
        return storyboard(board("Sync"), credentials(), store())

    return of(parent())


def from_a_sync_flow_by_asyncio_run():
    @flow
    def parent():
        return of(asyncio.run(storyboard(board("Sync Too"), credentials(), store())))

    return parent()


def from_an_async_flow():
    @flow
    async def parent():
        return of(await storyboard(board("Async"), *saved()))

    return asyncio.run(parent())


def with_options():
    mine = storyboard.with_options(name="my-film", retries=1, retry_delay_seconds=0)
    return of(asyncio.run(mine(board("Options"), credentials(), store()))) | {"flow": mine.name}


def several_at_once():
    async def all_of_them():
        return await asyncio.gather(*(storyboard(board(f"Gathered {n}"), credentials(), store()) for n in range(3)))

    return [of(film) for film in asyncio.run(all_of_them())]


def mapped_over_boards():
    @task
    async def film(one):
        return of(await storyboard(one, credentials(), store()))

    @flow
    def parent():
        return film.map([board(f"Mapped {n}") for n in range(3)]).result()

    return parent()


def with_aws_credentials():
    return of(asyncio.run(storyboard(board("Aws"), credentials(), bucket(AWS))))


def with_minio_credentials():
    return of(asyncio.run(storyboard(board("Minio"), credentials(), bucket(MINIO))))


def with_saved_credentials_of_s3():
    # Without a session token: prefect-aws does not declare it a secret, so Prefect's event of saving such a block shows it.
    keys = AWS.model_copy(update={"aws_session_token": None})
    keys.save("callers", overwrite=True, _sync=True)
    bucket(keys).save("callers-s3", overwrite=True, _sync=True)
    loaded = ArtifactStore.load("callers-s3", _sync=True)
    assert isinstance(loaded.credentials, AwsCredentials)
    return of(asyncio.run(storyboard(board("Aws Saved"), "callers", loaded)))


def with_a_session_token_kept_inside_of_the_store():
    bucket(AWS).save("callers-token", overwrite=True, _sync=True)
    loaded = ArtifactStore.load("callers-token", _sync=True)
    assert isinstance(loaded.credentials, AwsCredentials)
    assert loaded.credentials.aws_session_token == given["token"]
    assert loaded.credentials.aws_secret_access_key.get_secret_value() == given["secret"]
    return of(asyncio.run(storyboard(board("Token Saved"), "callers", loaded)))


def with_credentials_kept_inside_of_the_store():
    bucket(MINIO).save("callers-minio", overwrite=True, _sync=True)
    loaded = ArtifactStore.load("callers-minio", _sync=True)
    assert isinstance(loaded.credentials, MinIOCredentials)
    assert loaded.credentials.minio_root_password.get_secret_value() == given["secret"]
    return of(asyncio.run(storyboard(board("Minio Saved"), "callers", "callers-minio")))


def reconciled():
    return asyncio.run(reconcile("callers", saved()[1], quiet=0))["note"]


def a_name_that_is_not_there():
    return asyncio.run(storyboard(board("Nobody"), "nobody", store()))


def a_store_that_is_not_there():
    return asyncio.run(reconcile(credentials(), "nowhere"))


def scenes_with_a_block_that_was_never_saved():
    return asyncio.run(storyboard(board("Unsaved"), credentials(), saved()[1], scenes="scene/callers"))


WAYS = [
    from_a_script, with_saved_blocks, by_name, from_a_sync_flow, from_a_sync_flow_by_asyncio_run, from_an_async_flow,
    with_options, several_at_once, mapped_over_boards, with_aws_credentials, with_minio_credentials,
    with_saved_credentials_of_s3, with_a_session_token_kept_inside_of_the_store,
    with_credentials_kept_inside_of_the_store, reconciled, a_name_that_is_not_there, a_store_that_is_not_there,
    scenes_with_a_block_that_was_never_saved,
]  # fmt: skip

if __name__ == "__main__":
    credentials().save("callers", overwrite=True)
    store().save("callers", overwrite=True)
    found = {}
    for way in WAYS:
        try:
            found[way.__name__] = way()
        except LongtakeError as error:
            found[way.__name__] = {"error": type(error).__name__, "message": str(error), "code": error.exit_code}
        except Exception as error:  # noqa: BLE001 - the test shows it
            found[way.__name__] = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(found))  # noqa: T201 - the test reads it
