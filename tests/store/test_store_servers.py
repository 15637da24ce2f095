"""What single S3 servers do: a strict one that checks what it is sent, and a third party over TLS that ignores conditions."""

import asyncio
import os
from urllib.parse import urlsplit

import httpx
import pytest

from longtake import store
from longtake.catalog import Catalog
from longtake.errors import PreflightError, SettingsError, StoreError
from longtake.settings import S3Settings, Settings, from_environment
from longtake.store import multipart
from longtake.store.multipart import PART
from longtake.take import open_session

SECRET = "a-secret-for-tests"


@pytest.fixture
def strict(strict_bucket):
    return store.open(f"s3://{strict_bucket}/films")


@pytest.fixture
def careless(careless_bucket):
    return store.open(f"s3://{careless_bucket}/films")


# -- the strict one ------------------------------------------------------------------------------------------------------


def test_a_presigned_url_answers_get_and_ranges_and_not_head(strict):
    strict.put_if_absent("media/a.bin", b"0123456789")
    url = strict.url_for_others("media/a.bin")
    assert httpx.get(url).content == b"0123456789"
    part = httpx.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert httpx.head(url).status_code == 403


def test_a_presigned_url_that_was_changed_opens_nothing(strict):
    strict.put_if_absent("media/a.bin", b"mine")
    strict.put_if_absent("media/b.bin", b"yours")
    url = strict.url_for_others("media/a.bin")
    assert httpx.get(url.replace("a.bin", "b.bin")).status_code == 403
    assert httpx.get(url.replace("X-Amz-Expires=86400", "X-Amz-Expires=604800")).status_code == 403
    assert httpx.get(url.partition("?")[0]).status_code == 403


@pytest.fixture(params=[False, True])
def in_parts(request, monkeypatch):
    """Whether a file of nine MB goes in parts, as one above 64 MiB does."""
    if request.param:
        monkeypatch.setattr(multipart, "LARGEST_PUT", PART)


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("checksums", ["when_required", "when_supported"])
def test_checksums_are_taken_in_either_mode(strict_bucket, checksums, tmp_path):
    opened = store.open(f"s3://{strict_bucket}", s3=S3Settings(checksums=checksums))
    source = tmp_path / "film.mp4"
    source.write_bytes(os.urandom(PART + 99))
    opened.put_file("films/a.mp4", source, content_type="video/mp4")
    opened.download("films/a.mp4", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    assert opened.put_if_absent("ledger/a/1.json", b"{}") is True
    assert opened.put_if_absent("ledger/a/1.json", b"{}") is False


# -- the careless one, over TLS ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_parts")
def test_over_tls_a_third_party_takes_and_gives_objects(careless, tmp_path):
    source = tmp_path / "film.mp4"
    source.write_bytes(os.urandom(PART + 99))
    careless.put_file("films/a.mp4", source, content_type="video/mp4")
    careless.put_file("media/b.png", source, content_type="image/png")
    careless.download("films/a.mp4", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    assert careless.head("media/b.png").size == PART + 99
    assert list(careless.list("")) == ["films/a.mp4", "media/b.png"]


def test_a_server_that_stumbles_over_checksums_is_told_apart(careless_bucket):
    # Over TLS they are trailers, which AWS reads and others do not.
    with pytest.raises(StoreError, match=r"411.*LONGTAKE_S3_CHECKSUMS=when_required"):
        store.open(f"s3://{careless_bucket}", s3=S3Settings(checksums="when_supported")).put_if_absent("x", b"1")


def test_a_wrong_secret_is_refused_and_not_told(careless_bucket, aws):
    aws.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with pytest.raises(StoreError, match=r"403.*credentials") as raised:
        store.open(f"s3://{careless_bucket}").get("x")
    assert "hunter2" not in str(raised.value)


def test_a_certificate_that_is_not_trusted_is_an_error(careless_bucket, aws):
    aws.delenv("AWS_CA_BUNDLE")
    with pytest.raises(StoreError, match="SSL"):
        store.open(f"s3://{careless_bucket}").get("x")


def test_a_store_that_ignores_conditions_is_refused_with_what_was_seen(careless):
    with pytest.raises(
        StoreError, match=r"cannot carry a ledger.*of 24 writers .* got the answer that they created it"
    ) as raised:
        store.check_conditional(careless)
    assert "If-None-Match" in raised.value.next_step


def test_a_run_is_refused_there_before_anything_is_bought(careless):
    nobody = "http://127.0.0.1:9/api/v1"  # whoever asked it would get another error
    settings = Settings(api_key="k", base_url=nobody, store=careless.uri)

    async def run():
        async with open_session(settings, catalog=Catalog.load(), film="film", budget=None):
            pytest.fail("a session was opened")

    with pytest.raises(PreflightError, match="cannot carry a ledger") as raised:
        asyncio.run(run())
    assert (raised.value.check, raised.value.exit_code) == ("store", 2)
    assert not list(careless.list("ledger/"))


# -- settings ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_variables(aws):
    """As in a process that was told nothing about S3."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_CA_BUNDLE"):
        aws.delenv(name, raising=False)


def test_settings_alone_reach_a_server(careless_bucket, rclone_server, no_variables):
    said = S3Settings(
        endpoint_url=rclone_server.url,
        region="us-east-1",
        ca_bundle=rclone_server.certificate,
        access_key_id="testing",
        secret_access_key=SECRET,
    )
    opened = store.of(Settings(store=f"s3://{careless_bucket}", s3=said))
    assert opened.put_if_absent("media/a.png", b"a") is True
    assert (rclone_server.folder / careless_bucket / "media" / "a.png").read_bytes() == b"a"
    with pytest.raises(SettingsError, match="no AWS credentials"):
        store.open(f"s3://{careless_bucket}", s3=S3Settings(endpoint_url=rclone_server.url)).get("x")


def test_settings_go_before_the_variables_and_each_account_has_its_client(careless_bucket):
    opened = store.open(f"s3://{careless_bucket}")
    opened.put_if_absent("x", b"here")
    other = S3Settings(access_key_id="testing", secret_access_key="hunter2")
    with pytest.raises(StoreError, match="403"):
        store.open(f"s3://{careless_bucket}", s3=other).get("x")
    assert opened.get("x") == b"here"


@pytest.mark.parametrize(
    ("style", "endpoint", "host"),
    [
        ("auto", "https://oss.example.com", "oss.example.com"),
        ("path", "https://oss.example.com", "oss.example.com"),
        ("virtual", "https://oss.example.com", "films.oss.example.com"),
        ("auto", None, "films.s3.amazonaws.com"),
        ("path", None, "s3.amazonaws.com"),
    ],
)
def test_the_addressing_style_says_where_in_a_url_the_bucket_stands(aws, style, endpoint, host):
    said = S3Settings(endpoint_url=endpoint, addressing_style=style)
    url = urlsplit(store.open("s3://films/a", s3=said).url_for_others("media/x.png"))
    assert url.hostname == host
    assert url.path == ("/a/media/x.png" if host.startswith("films.") else "/films/a/media/x.png")


def test_variables_say_how_to_address_and_whether_to_checksum():
    found = from_environment({"LONGTAKE_S3_ADDRESSING": "virtual", "LONGTAKE_S3_CHECKSUMS": "when_required"}).s3
    assert (found.addressing_style, found.checksums) == ("virtual", "when_required")
    assert from_environment({}).s3 == S3Settings()
    with pytest.raises(
        SettingsError, match="LONGTAKE_S3_ADDRESSING is 'sideways'; it must be one of auto, path, virtual"
    ):
        from_environment({"LONGTAKE_S3_ADDRESSING": "sideways"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"access_key_id": "AKIA"},
        {"secret_access_key": "hunter2"},
        {"session_token": "hunter2"},
        {"endpoint_url": "https://user:hunter2@s3.example.com"},
        {"endpoint_url": "s3.example.com"},
        {"key": "hunter2"},
    ],
)
def test_settings_that_do_not_fit_together_are_refused_and_not_told(wrong):
    with pytest.raises(ValueError, match="S3Settings") as raised:
        S3Settings(**wrong)
    assert "hunter2" not in str(raised.value)


def test_secrets_are_not_shown():
    said = S3Settings(access_key_id="AKIA", secret_access_key="hunter2", session_token="hunter3")
    shown = f"{said!r} {Settings(s3=said)!r} {said.model_dump()} {said.model_dump_json()} {store.open('s3://films', s3=said)!r}"
    assert "hunter" not in shown
