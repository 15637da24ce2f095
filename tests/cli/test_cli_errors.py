"""Every mistake in the surroundings ends the real command with its exit code and one message: what, where, and the next step."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from longtake import emulator, ports, storyboard
from longtake.cli import main
from longtake.errors import SettingsError

BOARD = """\
schema: longtake/1
title: The Pier
model: {model}
scenes:
  - id: one
    shots:
      - {{id: pier, prompt: "A pier", duration: 4, resolution: 480p}}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a storyboard; nothing of the person's own settings."""
    for name in os.environ:
        if name.startswith(("LONGTAKE_", "REAPI_", "AWS_")):
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("LONGTAKE_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.yaml").write_text(BOARD.format(model="seedance-2.5"))
    (tmp_path / "file").write_text("no folder")
    return tmp_path


def command(*words, **settings):
    """The real command in a process of its own; its message on one line must end with a next step."""
    done = subprocess.run(
        [sys.executable, "-m", "longtake.cli", *words],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def check(ended, code, *words):
    """The exit code, the words in their order, and a next step that does not send a person round in circles."""
    assert ended[0] == code, ended[1]
    said = next(line for line in ended[1].splitlines() if line.startswith("longtake: ")) if code else ""
    assert re.search(".*".join(map(re.escape, words)), said), ended[1]
    assert re.search(r"[^?.!]\. Next: \S", said), said
    assert "longtake doctor" not in said


# -- S3 ------------------------------------------------------------------------------------------------------------------

S3 = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "a-secret-for-tests", "AWS_REGION": "us-east-1"}
FILMS = {"LONGTAKE_STORE": "s3://no-such-bucket/films"}


@contextmanager
def answering(code, status, **headers):
    """An S3 server that gives every request the same error, as AWS words it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>".encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/xml", "Content-Length": len(body), **headers}.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()
            self.wfile.write(body)

        do_GET = _answer  # noqa: N815 - http.server finds it by this name

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def unused_port():
    """A port where nothing listens: bound, so that nobody else takes it meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_bucket_that_does_not_exist_is_named_with_its_endpoint_and_region(here, s3_server):
    ended = command("plan", "film.yaml", AWS_ENDPOINT_URL=s3_server, **S3, **FILMS)
    check(ended, 2, "the bucket no-such-bucket", s3_server, "us-east-1", "does not exist", "create the bucket")


def test_an_endpoint_that_does_not_answer_is_named_without_its_password(here, unused_port):
    ended = command("gc", AWS_ENDPOINT_URL=f"http://user:hunter2@127.0.0.1:{unused_port}", **S3, **FILMS)
    check(ended, 1, f"the S3 endpoint http://127.0.0.1:{unused_port} does not answer", "no-such-bucket", "AWS_ENDPOINT")
    assert "hunter2" not in ended[1]


def test_a_wrong_secret_is_told_apart_from_a_missing_right(here, rclone_server):
    wrong = {**S3, "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_CA_BUNDLE": str(rclone_server.certificate)}
    ended = command("gc", AWS_ENDPOINT_URL=rclone_server.url, **wrong, **FILMS)
    check(ended, 2, "refused the S3 credentials", "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY")
    assert "hunter2" not in ended[1]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (("AccessDenied", 403, {}), ["may not do this", "no-such-bucket", "AccessDenied", "s3:ListBucket", "s3:PutObject"]),
        (("ExpiredToken", 400, {}), ["have expired", "ExpiredToken", "AWS_SESSION_TOKEN"]),
        (("InvalidAccessKeyId", 403, {}), ["refused the S3 credentials", "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"]),
        (
            ("AuthorizationHeaderMalformed", 400, {"x_amz_bucket_region": "eu-central-1"}),
            ["us-east-1", "is in another region", "set AWS_REGION to eu-central-1"],
        ),
        (("RequestTimeTooSkewed", 403, {}), ["the time of this machine", "set the clock"]),
    ],
)  # fmt: skip
def test_what_s3_refuses_says_what_to_change(here, monkeypatch, capsys, answer, words):
    code, status, headers = answer
    with answering(code, status, **headers) as url:
        for name, value in {**S3, **FILMS, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        check((main(["gc"]), capsys.readouterr().err), 2, *words)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"AWS_REGION": ""}, ["no region is set", "AWS_REGION", "AWS_ENDPOINT_URL"]),
        ({"AWS_ENDPOINT_URL": "user:hunter2@host"}, ["AWS_ENDPOINT_URL is not an http(s) URL", "for example http://"]),
        ({"AWS_REGION": "us east"}, ["AWS_REGION is 'us east'", "region"]),
        ({"AWS_PROFILE": "nope"}, ["no AWS profile 'nope'", "AWS_PROFILE"]),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            ["no AWS credentials", "no-such-bucket", "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID"],
        ),
    ],
)
def test_settings_of_s3_that_cannot_work_are_named_before_anything_is_asked(here, monkeypatch, capsys, settings, words):
    for name, value in {**S3, **FILMS, **settings}.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    ended = main(["gc"]), capsys.readouterr().err
    check(ended, 2, *words)
    assert "hunter2" not in ended[1]


# -- a folder ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["file", "file/below/it"])
def test_a_store_that_is_a_file_is_named(here, monkeypatch, capsys, place):
    monkeypatch.setenv("LONGTAKE_STORE", str(here / place))
    ended = main(["plan", "film.yaml"]), capsys.readouterr().err
    check(ended, 2, f"the store {here / place} cannot be a folder: {here / 'file'} is a file", "set LONGTAKE_STORE")


# -- numbers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ("LONGTAKE_MAX_IN_FLIGHT=0", "a whole number from 1 to 1000"),
        ("LONGTAKE_MAX_IN_FLIGHT=many", "a whole number from 1 to 1000"),
        ("LONGTAKE_SUBMITS_PER_SECOND=-1", "a number from 0.01 to 1000"),
        ("LONGTAKE_LONGEST_WAIT=inf", "a number above 0 and up to 2592000"),
        ("LONGTAKE_RUN_BUDGET=0", "a whole number, 1 or more"),
        ("LONGTAKE_S3_CHECKSUMS=never", "one of auto, when_required, when_supported"),
    ],
)
def test_a_bad_value_names_the_variable_what_it_holds_and_what_it_may_hold(here, monkeypatch, capsys, setting, allowed):
    name, value = setting.split("=")
    monkeypatch.setenv(name, value)
    ended = main(["plan", "film.yaml"]), capsys.readouterr().err
    check(ended, 2, f"{name} is '{value}'; it must be {allowed}", f"correct {name}", "default: ")


def test_all_bad_values_are_named_at_once_by_the_process(here):
    ended = command("plan", "film.yaml", LONGTAKE_MAX_ATTEMPTS="x", LONGTAKE_DAY_BUDGET="-3")
    check(ended, 2, "LONGTAKE_MAX_ATTEMPTS is 'x'", "LONGTAKE_DAY_BUDGET is '-3'")


# -- ports ---------------------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_named(here):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = command("emulator", "--port", place.rpartition(":")[2])
    check(ended, 2, f"the emulator cannot listen on {place}", "the port is taken", "--port")


def test_whoever_starts_a_server_can_ask_for_the_port_first(unused_port):
    with pytest.raises(
        SettingsError, match=rf"the server cannot listen on 127\.0\.0\.1:{unused_port}: the port is taken"
    ):
        ports.check_free("the server", "127.0.0.1", unused_port)
    ports.check_free("the server", "127.0.0.1", 0)
    with pytest.raises(SettingsError, match="does not belong to this machine"):
        ports.check_free("the server", "192.0.2.1", 0)
    with pytest.raises(SettingsError, match="99999"):
        ports.check_free("the server", "127.0.0.1", 99999)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--port", "99999", ["--port", "'99999' is not a port", "from 0 to 65535"]),
        ("--balance", "-5", ["--balance is '-5'", "a whole number from 0"]),
        ("--processing", "soon", ["--processing", "soon"]),
    ],
)
def test_a_bad_option_of_the_emulator_names_its_range(here, capsys, option, value, words):
    check((main(["emulator", option, value]), capsys.readouterr().err), 2, *words)


# -- names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plann", "film.yaml"], "there is no command 'plann' (did you mean plan?)"),
        (["fly"], "there is no command 'fly' (known: demo, new, plan, run"),
        (["credits", "recncile"], "credits: there is no command 'recncile' (did you mean reconcile?)"),
        (["plan", "film.yaml", "--retakee", "pier"], "plan: there is no option '--retakee' (did you mean --retake?)"),
        (
            ["plan", "film.yaml", "--downstream", "cascad"],
            "plan: --downstream cannot be 'cascad' (did you mean cascade?)",
        ),
        (["plan", "film.yaml", "--redo", "pier"], "plan: --redo was renamed --retake"),
        (["run", "--follow=keep", "film.yaml"], "run: --follow was renamed --downstream"),
        (["gc", "--redo"], "gc: there is no option '--redo'"),
        (["plan", "film.yaml", "other.yaml"], "plan: 'other.yaml' is one argument too many"),
    ],
)
def test_an_unknown_word_names_the_nearest(here, capsys, words, said):
    check((main(words), capsys.readouterr().err), 2, said, "--help")


def test_an_unknown_command_as_a_process(here):
    check(command("plann", "film.yaml"), 2, "there is no command 'plann' (did you mean plan?)", "longtake --help")


@pytest.mark.parametrize(
    ("model", "hint"), [("seedance-25", " (did you mean seedance-2.5 or "), ("sora", "; allowed: seedance-2.5, ")]
)
def test_an_unknown_model_names_the_nearest_of_the_catalog(here, capsys, model, hint):
    (here / "film.yaml").write_text(BOARD.format(model=model))
    assert main(["plan", "film.yaml"]) == 2
    said = capsys.readouterr().err
    assert f'film.yaml:3: the model "{model}" is not in the catalog{hint}' in said
    assert "\nNext: fix the lines listed above" in said


def test_a_storyboard_that_is_not_there(here, capsys):
    assert main(["plan", "flim.yaml"]) == 2
    said = capsys.readouterr().err
    assert "flim.yaml:1: the file cannot be read: No such file" in said
    assert "\nNext: correct the path" in said


# -- the key -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def provider():
    with emulator.running(emulator.Config(keys=("right",))) as address:
        yield SimpleNamespace(settings={"LONGTAKE_BASE_URL": address.base_url, "LONGTAKE_API_KEY": "wrong"})


def test_a_wrong_key_ends_a_reconciliation(here, provider):
    ended = command("credits", "reconcile", **provider.settings)
    check(ended, 2, "401", "the API key is not valid", "LONGTAKE_API_KEY", "nothing was charged")


def test_a_wrong_key_is_what_the_doctor_ends_with(here, monkeypatch, capsys, provider):
    for name, value in provider.settings.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor"]) == 2
    found = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(" bad  provider"))
    assert "401" in found
    assert "LONGTAKE_API_KEY" in found


def test_the_starter_names_models_of_the_catalog(here, monkeypatch, capsys):
    """So that the advice above leads somewhere."""
    (here / "film.yaml").write_text(storyboard.starter())
    assert main(["plan", "film.yaml"]) == 0
    assert "Next:" not in capsys.readouterr().err
