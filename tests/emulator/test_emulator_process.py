from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys

import httpx
import pytest

from longtake import emulator
from longtake.emulator import command
from longtake.errors import CatalogError, SettingsError


def options(*words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


def test_a_process_prints_its_addresses_and_knows_its_keys():
    rules = '[{"where": "balance", "what": "429", "times": 1}]'
    args = ["--key", "one", "--key", "two", "--balance", "77", "--faults", rules, "--processing", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "longtake.emulator", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = json.loads(process.stdout.readline())
            assert line["base_url"].endswith("/api/v1")
            get = {"headers": {"Authorization": "Bearer two"}, "trust_env": False}
            assert httpx.get(f"{line['base_url']}/balance", **get).status_code == 429
            assert httpx.get(f"{line['base_url']}/balance", **get).json() == {"balance": 77}
            assert httpx.get(f"{line['admin_url']}/books", trust_env=False).json()["opening"] == 77
        finally:
            process.send_signal(signal.SIGINT)
            rest, log = process.communicate(timeout=120)
    assert rest == ""
    assert "Bearer" not in log
    assert "Traceback" not in log


def test_options_become_a_configuration(tmp_path):
    rules = tmp_path / "faults.json"
    rules.write_text('[{"where": "media", "what": "truncated"}]')
    config = command.configuration(
        options(
            "--no-balance",
            "--faults",
            f"@{rules}",
            "--public",
            str(tmp_path),
            "--rate-limit",
            "2",
            "--seed",
            "3",
            "--max-in-flight",
            "4",
            "--submits-per-second",
            "0.5",
        )
    )
    assert (config.offers_balance, config.rate_limit, config.seed, config.public) == (False, 2, 3, tmp_path)
    assert (config.max_in_flight, config.submits_per_second) == (4, 0.5)
    assert config.faults[0].what == "truncated"
    assert config.keys == (emulator.DEFAULT_KEY,)


@pytest.mark.parametrize(
    "words",
    [
        ("--faults", "{"),
        ("--faults", '[{"where": "submit"}]'),
        ("--faults", "@/nowhere/faults.json"),
        ("--balance", "-1"),
        ("--key", "with space"),
        ("--public", "/nowhere/at/all"),
        ("--processing", "-1"),
    ],
)
def test_unusable_options_are_settings_errors(words):
    with pytest.raises(SettingsError):
        command.configuration(options(*words))


def test_a_bad_catalog_and_a_taken_port(tmp_path):
    bad = tmp_path / "catalog.yaml"
    bad.write_text("models: 3")
    with pytest.raises(CatalogError), emulator.running(emulator.Config(catalog=bad)):
        pass
    with emulator.running(emulator.Config()) as address:
        port = int(address.base_url.split(":")[2].split("/")[0])
        with pytest.raises(SettingsError), emulator.running(emulator.Config(), port=port):
            pass


def test_importing_the_command_stays_light():
    code = (
        "import sys, longtake.emulator.command; "
        "print([m for m in ('fastapi', 'uvicorn', 'httpx', 'av', 'prefect', 'boto3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
