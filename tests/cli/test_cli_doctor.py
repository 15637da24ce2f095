"""What the doctor finds out about a store: whether it can carry a ledger, and whether others can read it."""

from __future__ import annotations

import json
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from purchases import claim

from longtake import store as stores
from longtake.cli import main
from longtake.store import s3client


@pytest.fixture
def settings(settings):
    """With a provider on this machine that is never asked."""
    settings.setenv("LONGTAKE_BASE_URL", "http://127.0.0.1:9/api/v1")
    return settings


@pytest.fixture
def doctor(settings, capsys):
    """Runs it; gives the exit code and what was found under a name as "state text"."""

    def run(name):
        code = main(["doctor", "--json"])
        out, err = capsys.readouterr()
        assert "X-Amz" not in out + err
        assert "a-secret-for-tests" not in out + err
        found = json.loads(out)
        assert list(found) == ["findings"]
        assert {tuple(each) for each in found["findings"]} == {("name", "state", "text")}
        return code, [f"{each['state']} {each['text']}" for each in found["findings"] if each["name"] == name]

    return run


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""

    def handle(self):
        """As ever, but a client that hangs up is no news."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True


class _OnlyGet(_Silent):
    def do_HEAD(self):
        self.send_error(405)


class _Same(BaseHTTPRequestHandler):
    log_message = _Silent.log_message

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"welcome")

    def do_HEAD(self):
        self.do_GET()


@pytest.fixture
def served(tmp_path):
    """Serves a folder, or whatever a handler likes, and gives the base URL."""
    servers = []

    def serve(handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


# -- the store -----------------------------------------------------------------------------------------------------------


def test_a_good_store_comes_with_its_evidence_and_is_left_as_it_was(doctor, settings, strict_bucket):
    settings.setenv("LONGTAKE_STORE", f"s3://{strict_bucket}/films")
    code, (found,) = doctor("store")
    assert code == 0
    assert found.startswith(f"ok s3://{strict_bucket}/films stores objects and creates each only once: ")
    assert found.endswith("3 races of 24 writers for one object had one winner each")
    assert not list(stores.open(f"s3://{strict_bucket}").list(""))


def test_a_store_that_ignores_conditions_is_bad(doctor, settings, careless_bucket):
    settings.setenv("LONGTAKE_STORE", f"s3://{careless_bucket}/films")
    code, (found,) = doctor("store")
    assert code == 1
    assert found.startswith(f"bad s3://{careless_bucket}/films cannot carry a ledger")
    assert "of 24 writers who raced for one object 24 got the answer that they created it" in found


@pytest.mark.slow
def test_uploads_that_nobody_ended_are_counted(doctor, settings, bucket):
    settings.setenv("LONGTAKE_STORE", f"s3://{bucket}/films")
    assert doctor("uploads") == (0, [])
    for key in ("films/media/a", "films/media/b", "elsewhere/c"):  # moto says that each began in 2010
        s3client.client(bucket).create_multipart_upload(Bucket=bucket, Key=key)
    code, (found,) = doctor("uploads")
    assert code == 0
    assert found.startswith("warn 2 multipart uploads began more than a day ago")
    assert "longtake gc" in found


# -- the ledger ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def account(settings, open_account):
    """An account whose variables the command reads; everything but its ledger is in order."""
    found = open_account()
    for name, value in found.env.items():
        settings.setenv(name, value)
    return found


def lose(account, sequence):
    ledger = account.ledger
    ledger.log.store.path(f"ledger/{ledger.account}/{sequence:012d}.json").unlink()


def test_a_ledger_without_a_gap_is_in_order_and_a_missing_entry_ends_with_4(account, capsys):
    for number in range(10):
        account.ledger.adjust(number, who="me", why="to have a log")
    assert main(["doctor", "--ledger"]) == 0
    assert "  ok  ledger: 10 entries and 0 checkpoints, none damaged or missing\n" in capsys.readouterr().out
    lose(account, 5)
    assert main(["doctor", "--ledger"]) == 4
    assert " bad  ledger: entry 5 is missing\n" in capsys.readouterr().out


def test_the_doctor_repairs_and_credits_show_what_is_left_to_settle(account, capsys):
    attempt = claim(account.ledger).attempt
    account.ledger.accepted(attempt, "task-of-rocks")
    account.ledger.completed(attempt, 150)
    account.ledger.settled(attempt, clip="0" * 64)
    lose(account, 1)
    assert main(["doctor", "--repair"]) == 2
    assert main(["doctor", "--ledger", "--repair"]) == 4
    assert "warn  ledger: entry 1 is marked as lost\n bad  ledger: entry 1 is lost" in capsys.readouterr().out
    assert main(["credits"]) == 4
    assert "longtake credits resolve a1" in capsys.readouterr().out
    assert main(["credits", "resolve", "a1", "--write-off", "--why", "its clip is kept"]) == 0
    assert main(["doctor", "--ledger"]) == 0


# -- presigned URLs ------------------------------------------------------------------------------------------------------


def test_a_presigned_url_that_does_not_answer_head_is_a_warning(doctor, settings, strict_bucket):
    settings.setenv("LONGTAKE_STORE", f"s3://{strict_bucket}/films")
    code, (found,) = doctor("URLs")
    assert code == 0
    assert found.startswith("warn a presigned URL answers GET but not HEAD (403)")
    assert "LONGTAKE_PUBLIC_URL" in found


@pytest.mark.slow
def test_a_presigned_url_that_answers_both_is_fine(doctor, settings, bucket):
    settings.setenv("LONGTAKE_STORE", f"s3://{bucket}/films")
    assert doctor("URLs") == (0, ["ok others read the store: a presigned URL answers GET and HEAD"])


@pytest.mark.slow
def test_session_credentials_shorten_the_life_of_urls(doctor, settings, bucket):
    settings.setenv("LONGTAKE_STORE", f"s3://{bucket}/films")
    settings.setenv("AWS_SESSION_TOKEN", "a-secret-for-tests")
    code, (_, found) = doctor("URLs")
    assert code == 0
    assert found.startswith("warn presigned URLs here end with the session credentials")


def test_a_provider_on_the_internet_cannot_read_a_server_on_this_machine(doctor, settings, bucket):
    settings.setenv("LONGTAKE_STORE", f"s3://{bucket}/films")
    settings.delenv("LONGTAKE_BASE_URL")
    code, (found,) = doctor("URLs")
    assert code == 1
    assert found.startswith("bad ")
    assert "not a public address" in found


# -- a public base URL ---------------------------------------------------------------------------------------------------


def test_a_folder_without_a_base_url_is_a_warning(doctor):
    code, (found,) = doctor("URLs")
    assert (code, "LONGTAKE_PUBLIC_URL" in found) == (0, True)


def test_a_base_url_that_serves_the_store(doctor, settings, served, tmp_path):
    settings.setenv("LONGTAKE_PUBLIC_URL", base := served(partial(_Silent, directory=tmp_path / "store")))
    assert doctor("URLs") == (0, [f"ok others read the store: the public base URL {base} answers GET and HEAD"])
    assert not list(stores.open(str(tmp_path / "store")).list("media/"))


def test_a_base_url_that_does_not_answer_head(doctor, settings, served, tmp_path):
    settings.setenv("LONGTAKE_PUBLIC_URL", served(partial(_OnlyGet, directory=tmp_path / "store")))
    code, (found,) = doctor("URLs")
    assert (code, "answers GET but not HEAD (405)" in found) == (0, True)


def test_a_base_url_that_serves_another_folder(doctor, settings, served, tmp_path):
    settings.setenv("LONGTAKE_PUBLIC_URL", served(partial(_Silent, directory=tmp_path)))
    code, (found,) = doctor("URLs")
    assert code == 1
    assert "answers GET with 404 for an object that is there" in found


def test_a_base_url_that_serves_anything(doctor, settings, served):
    settings.setenv("LONGTAKE_PUBLIC_URL", served(_Same))
    code, (found,) = doctor("URLs")
    assert (code, "serves other bytes than this store holds" in found) == (1, True)


def test_a_base_url_that_nobody_serves(doctor, settings):
    settings.setenv("LONGTAKE_PUBLIC_URL", "http://127.0.0.1:9")
    code, (found,) = doctor("URLs")
    assert (code, "does not answer here: ConnectError" in found) == (1, True)


def test_a_private_base_url_is_bad_for_a_provider_on_the_internet(doctor, settings):
    settings.delenv("LONGTAKE_BASE_URL")
    settings.setenv("LONGTAKE_PUBLIC_URL", "http://10.0.0.1/films")
    code, (found,) = doctor("URLs")
    assert (code, "not a public address" in found) == (1, True)


# -- telemetry -----------------------------------------------------------------------------------------------------------


def test_telemetry_that_is_off_is_said_to_be(doctor):
    assert doctor("telemetry") == (0, ["ok off; LONGTAKE_OTEL=on sends traces and metrics"])


def test_telemetry_that_is_on_is_named_by_its_host_without_what_may_be_secret(doctor, settings):
    settings.setenv("LONGTAKE_OTEL", "on")
    settings.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://me:a-secret-for-tests@otel.example:4318/in")
    settings.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a-secret-for-tests")
    assert doctor("telemetry") == (0, ["ok traces and metrics to otel.example:4318; without prompts"])


def test_telemetry_without_its_extra_is_bad(doctor, settings):
    settings.setenv("LONGTAKE_OTEL", "prompts")
    settings.setitem(sys.modules, "opentelemetry.sdk", None)
    code, (found,) = doctor("telemetry")
    assert code == 2
    assert found.startswith("bad LONGTAKE_OTEL asks for traces and metrics")
    assert "longtake[otel]" in found
