"""Which addresses open which store, without touching either."""

import subprocess
import sys

import pytest

from longtake import store
from longtake.errors import SettingsError


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("file:///films/a%20b", "file:///films/a%20b"),
        ("file://localhost/films", "file:///films"),
        ("/films/a b", "file:///films/a%20b"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/prefix/", "s3://bucket/a/prefix"),
        ("S3://bucket/A", "s3://bucket/A"),
    ],
)
def test_an_address_opens_the_store_it_names(address, uri):
    assert store.open(address).uri == uri


def test_a_relative_path_is_made_absolute_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = store.open("films")
    monkeypatch.chdir("/")
    assert opened.uri == (tmp_path / "films").as_uri()


def test_opening_makes_nothing(tmp_path):
    opened = store.open(str(tmp_path / "films"))
    assert opened.get("x") is None
    assert not list(opened.list(""))
    assert not (tmp_path / "films").exists()


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "a\0b",
        "https://bucket.example.com/x",
        "gs://bucket/x",
        "file://host/x",
        "file:///x?y",
        "file:///x%00y",
        "s3://",
        "s3://b",
        "s3:///prefix",
        "s3://KEY:SECRET@bucket/x",
        "s3://bucket/x?secret=SECRET",
        "s3://bucket/../x",
        "s3://bucket/" + "x/" * 200,
    ],
)
def test_an_unusable_address_is_a_settings_error_without_its_secret(address):
    with pytest.raises(SettingsError) as raised:
        store.open(address)
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "media.example.com",
        "ftp://media.example.com",
        "https://",
        "https://user:SECRET@media.example.com",
        "https://media.example.com/?SECRET=1",
        "https://media.example.com/#x",
        "https://media.example.com:x/",
        "https://media.example.com/a b",
        "https://[::1/",
    ],
)
@pytest.mark.parametrize("address", ["/films", "s3://bucket"])
def test_an_unusable_public_url_is_a_settings_error_without_its_secret(address, url):
    with pytest.raises(SettingsError) as raised:
        store.open(address, public_url=url)
    assert "SECRET" not in str(raised.value)


def test_importing_and_opening_load_no_boto3():
    script = (
        "import sys; from longtake import store; store.open('s3://bucket'); store.open('/films').get('x');"
        "print([name for name in ('boto3', 'botocore', 'httpx', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=150)
    assert done.stdout.strip() == "[]"
