"""What only S3 does: lost answers, conflicts, multipart uploads, presigned URLs, servers that do not hold to conditions."""

import os
import re
import socket
import threading
import urllib.request
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from longtake import store
from longtake.errors import SettingsError, StoreError
from longtake.store import multipart
from longtake.store.multipart import PART


@pytest.fixture
def remote(bucket, proxy):
    return store.open(f"s3://{bucket}/films")


def uploads(server, bucket):
    with urllib.request.urlopen(f"{server}/{bucket}?uploads") as answer:  # noqa: S310 - 127.0.0.1
        return re.findall(r"<UploadId>(.*?)</UploadId>", answer.read().decode())


@pytest.mark.parametrize(
    "faults", [["drop-after"], ["drop-before"], [409], [503], [500, 409, "drop-after"], ["garbage"], ["drop-after"] * 5]
)
def test_a_write_whose_answer_is_lost_is_known_as_our_own(remote, proxy, faults):
    proxy.faults = [("PUT", fault) for fault in faults]
    assert remote.put_if_absent("ledger/a/1.json", b"claim") is True
    assert remote.get("ledger/a/1.json") == b"claim"
    assert proxy.faults == []
    assert set(proxy.bodies("PUT")) == {b"claim"}


@pytest.mark.parametrize("data", [b"other", b"claim"])
def test_a_lost_answer_about_anothers_object_is_not_ours(remote, proxy, data):
    assert remote.put_if_absent("ledger/a/1.json", b"claim") is True
    proxy.faults = [("PUT", "drop-after")]
    assert remote.put_if_absent("ledger/a/1.json", data) is False
    proxy.faults = [("PUT", "drop-before")] * 5
    assert remote.put_if_absent("ledger/a/1.json", data) is False


def test_a_write_that_never_lands_is_an_error(remote, proxy):
    proxy.faults = [("PUT", "drop-before")] * 5
    with pytest.raises(StoreError) as raised:
        remote.put_if_absent("ledger/a/1.json", b"claim")
    assert raised.value.key == "ledger/a/1.json"
    assert f"the S3 endpoint {proxy.url} does not answer" in str(raised.value)


def test_an_answer_that_cannot_help_is_not_asked_for_again(remote, proxy):
    proxy.faults = [("PUT", 403)]
    with pytest.raises(StoreError, match=r"Fault403, HTTP 403.*credentials"):
        remote.put_if_absent("x", b"1")
    assert proxy.count("PUT") == 1


def test_a_server_that_ignores_conditions_is_found_out(bucket, proxy, remote):
    assert store.race(remote, writers=8, rounds=1).atomic is True
    proxy.drop_conditions = True
    assert store.race(remote, writers=8, rounds=1).atomic is False


def test_a_probe_that_gets_no_answer_says_nothing(remote, proxy):
    proxy.faults = [("PUT", 501)] * 8
    with pytest.raises(StoreError, match="501"):
        store.race(remote, writers=8, rounds=1)


def test_a_conditional_write_sends_its_condition_and_no_trailer(remote, proxy):
    remote.put_if_absent("x", b"1")
    _, _, headers, _ = next(seen for seen in proxy.seen if seen[0] == "PUT")
    lower = {name.lower(): value for name, value in headers.items()}
    assert lower["if-none-match"] == "*"
    assert lower["content-type"] == "application/json"
    assert "x-amz-trailer" not in lower
    assert "aws-chunked" not in lower.get("content-encoding", "")
    assert lower["authorization"].startswith("AWS4-HMAC-SHA256")


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A file that goes in parts; the one-put limit is lower here."""
    monkeypatch.setattr(multipart, "LARGEST_PUT", PART)
    source = tmp_path / "film.mp4"
    source.write_bytes(os.urandom(2 * PART + 99))
    return source


def test_a_part_is_sent_again(remote, proxy, large, tmp_path):
    proxy.faults = [("PUT", 500), ("PUT", "drop-after")]
    remote.put_file("films/a/film.mp4", large, content_type="video/mp4")
    remote.download("films/a/film.mp4", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == large.read_bytes()
    assert max(len(data) for data in proxy.bodies("PUT")) == PART


def test_a_failed_upload_leaves_no_object_and_no_open_upload(remote, proxy, large, bucket, s3_server):
    proxy.faults = [("PUT", 403)]
    with pytest.raises(StoreError, match="403"):
        remote.put_file("films/a/film.mp4", large, content_type="video/mp4")
    assert remote.head("films/a/film.mp4") is None
    assert uploads(s3_server, bucket) == []


def test_a_completed_upload_whose_answer_is_lost(remote, proxy, large, bucket, s3_server):
    proxy.faults = [("POST", "drop-after", "uploadId=")]
    remote.put_file("films/a/1.mp4", large, content_type="video/mp4")
    assert proxy.faults == []
    assert remote.head("films/a/1.mp4").size == large.stat().st_size
    assert uploads(s3_server, bucket) == []


@pytest.mark.slow
def test_an_upload_that_a_killed_process_left_is_ended_a_day_later(remote, proxy, large, bucket, s3_server):
    # The lost answer to the POST that opens an upload leaves one that nobody knows.
    proxy.faults = [("POST", "drop-after", "uploads")]
    remote.put_file("films/a/1.mp4", large, content_type="video/mp4")
    left = uploads(s3_server, bucket)
    assert len(left) == 1
    # moto says that every upload began in 2010.
    now = f"<Initiated>{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}</Initiated>".encode()
    proxy.rewrite = lambda body: re.sub(rb"<Initiated>.*?</Initiated>", now, body)
    large.write_bytes(large.read_bytes() + b"more")
    remote.put_file("films/a/1.mp4", large, content_type="video/mp4")
    assert uploads(s3_server, bucket) == left
    proxy.rewrite = None
    large.write_bytes(large.read_bytes() + b"more")
    remote.put_file("films/a/1.mp4", large, content_type="video/mp4")
    assert uploads(s3_server, bucket) == []


def test_a_broken_download_goes_on_where_it_broke(remote, proxy, large, tmp_path):
    remote.put_file("films/a/film.mp4", large, content_type="video/mp4")
    proxy.seen.clear()
    proxy.faults = [("GET", "half"), ("GET", 503), ("GET", "half")]
    remote.download("films/a/film.mp4", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == large.read_bytes()
    asked = [headers.get("Range") for method, _, headers, _ in proxy.seen if method == "GET"]
    assert asked[0] is None
    assert all(each is not None for each in asked[1:])


def test_a_download_does_not_mix_two_objects(remote, proxy, large, tmp_path):
    remote.put_file("films/a/film.mp4", large, content_type="video/mp4")
    other = tmp_path / "other"
    other.write_bytes(os.urandom(large.stat().st_size + 1))
    proxy.seen.clear()
    proxy.faults = [("GET", "half")]
    proxy.before_second_get = lambda: remote.put_file("films/a/film.mp4", other, content_type="video/mp4")
    with pytest.raises(StoreError, match="412"):
        remote.download("films/a/film.mp4", tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "other"]


@pytest.mark.parametrize("fault", ["half", "drop-before", 503])
def test_a_read_is_asked_again(remote, proxy, fault):
    remote.put_if_absent("x", b"0123456789")
    proxy.faults = [("GET", fault)]
    assert remote.get("x") == b"0123456789"
    proxy.faults = [("GET", fault)]
    with remote.reader("x") as file:
        assert file.read() == b"0123456789"
    proxy.faults = [("GET", fault)]
    assert list(remote.list("")) == ["x"]
    assert proxy.faults == []


def test_a_limited_list_asks_for_no_more(remote, proxy):
    for number in range(5):
        remote.put_if_absent(f"ledger/{number}", b"")
    assert list(remote.list("ledger/", limit=2, after="ledger/1")) == ["ledger/2", "ledger/3"]
    asked = [parse_qs(urlsplit(path).query) for method, path, _, _ in proxy.seen if method == "GET"]
    assert [query["max-keys"] for query in asked] == [["2"]]
    assert asked[0]["start-after"] == ["films/ledger/1"]


def test_long_lists_go_on_from_page_to_page(remote, proxy, aws):
    from longtake.store import s3

    aws.setattr(s3, "PAGE", 3)
    keys = [f"ledger/{number}" for number in range(8)]
    for key in keys:
        remote.put_if_absent(key, b"")
    assert list(remote.list("")) == keys
    assert list(remote.list("", limit=7)) == keys[:7]
    assert proxy.count("GET", "max-keys=3") == 3 + 2
    assert proxy.count("GET", "max-keys=1") == 1


def test_a_bucket_that_lists_out_of_order_is_not_read(remote, proxy):
    for number in range(2):
        remote.put_if_absent(f"ledger/{number}", b"")
    swap = {b"ledger/0": b"ledger/1", b"ledger/1": b"ledger/0", b"ledger%2F0": b"ledger/1", b"ledger%2F1": b"ledger/0"}
    proxy.rewrite = lambda body: re.sub(rb"ledger(/|%2F)[01]", lambda found: swap[found.group()], body)
    with pytest.raises(StoreError, match="out of order"):
        list(remote.list("ledger/"))


def test_others_objects_and_other_prefixes_are_not_listed(remote, bucket, s3_server):
    remote.put_if_absent("a", b"")
    store.open(f"s3://{bucket}/films-other").put_if_absent("b", b"")
    for name in ("films/", "films/folder/", "films/a%20b", "films/.hidden"):
        request = urllib.request.Request(f"{s3_server}/{bucket}/{name}", b"", method="PUT")  # noqa: S310 - 127.0.0.1
        urllib.request.urlopen(request).close()  # noqa: S310 - 127.0.0.1
    assert list(remote.list("")) == ["a"]
    assert list(store.open(f"s3://{bucket}").list("films-")) == ["films-other/b"]


def test_a_presigned_url_reads_the_object_and_nothing_else_is_signed(remote):
    remote.put_if_absent("media/a.png", b"pixels", content_type="image/png")
    url = remote.url_for_others("media/a.png", seconds=600)
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - 127.0.0.1
        assert answer.read() == b"pixels"
    query = parse_qs(urlsplit(url).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["600"]
    assert query["X-Amz-SignedHeaders"] == ["host"]


def test_aws_itself_is_addressed_by_region_and_virtual_host(aws):
    aws.delenv("AWS_ENDPOINT_URL", raising=False)
    aws.setenv("AWS_REGION", "eu-central-1")
    plain = urlsplit(store.open("s3://films-bucket/p").url_for_others("media/a.png"))
    assert (plain.hostname, plain.path) == ("films-bucket.s3.eu-central-1.amazonaws.com", "/p/media/a.png")
    assert parse_qs(plain.query)["X-Amz-SignedHeaders"] == ["host"]
    dotted = urlsplit(store.open("s3://films.example.com").url_for_others("media/a.png"))
    assert (dotted.hostname, dotted.path) == ("s3.eu-central-1.amazonaws.com", "/films.example.com/media/a.png")


@pytest.mark.parametrize("seconds", [0, -5, 7 * 86400 + 1])
def test_a_presigned_url_lives_a_week_at_most(remote, seconds):
    with pytest.raises(StoreError, match="604800"):
        remote.url_for_others("media/a.png", seconds=seconds)


def test_a_public_url_needs_no_credentials_and_no_server(aws):
    aws.delenv("AWS_ACCESS_KEY_ID")
    public = store.open("s3://bucket/films", public_url="https://cdn.example.com")
    assert public.url_for_others("media/a.png", seconds=10**9) == "https://cdn.example.com/media/a.png"


def test_s3_has_no_paths(remote):
    assert remote.path("media/a.png") is None


def test_missing_credentials_are_a_setting(aws, bucket):
    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    opened = store.open(f"s3://{bucket}")
    for call in (lambda: opened.get("x"), lambda: opened.put_if_absent("x", b""), lambda: opened.url_for_others("x")):
        with pytest.raises(SettingsError, match="credentials"):
            call()


def test_an_unusable_endpoint_is_a_setting_and_its_password_is_not_told(aws):
    aws.setenv("AWS_ENDPOINT_URL", "nonsense://user:hunter2@")
    with pytest.raises((SettingsError, StoreError)) as raised:
        store.open("s3://bucket").get("x")
    assert "hunter2" not in str(raised.value)


def test_a_missing_bucket_is_not_an_absent_object(bucket):
    opened = store.open("s3://no-such-bucket-here")
    with pytest.raises(StoreError, match="NoSuchBucket"):
        opened.get("x")
    with pytest.raises(StoreError, match="NoSuchBucket"):
        opened.put_if_absent("x", b"")
    with pytest.raises(StoreError, match="NoSuchBucket"):
        list(opened.list(""))


def test_a_server_that_is_away(aws):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        aws.setenv("AWS_ENDPOINT_URL", f"http://user:hunter2@127.0.0.1:{held.getsockname()[1]}")
        with pytest.raises(StoreError) as raised:
            store.open("s3://bucket").get("ledger/x")
    assert raised.value.key == "ledger/x"
    assert "hunter2" not in str(raised.value)


def test_many_stores_and_threads_share_one_client(bucket):
    from longtake.store.s3client import client

    found = []
    threads = [threading.Thread(target=lambda: found.append(client(bucket))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in found}) == 1
