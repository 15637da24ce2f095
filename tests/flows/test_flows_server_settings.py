"""Prefect ignores variables it does not know: each one that this repository names is checked against Prefect's own settings."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import pytest
from prefect.settings import Settings
from prefect.settings.base import PrefectBaseSettings

from longtake.prefect.ops.server import LEASES, RECORDING, Setting, environment

ROOT = Path(__file__).parents[2]
EVERY = (*RECORDING, LEASES)
OTHERS = {"PREFECT_API_", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "PREFECT_PROFILE"}
"""A prefix that code compares with, a key of Prefect's logging.yml, which a variable may override, and the profile's name."""


def models(kind=PrefectBaseSettings):
    """Every settings model, those of prefect-redis too where it is installed."""
    for name in ("client", "messaging"):
        if importlib.util.find_spec("prefect_redis") is not None:
            importlib.import_module(f"prefect_redis.{name}")
    for child in kind.__subclasses__():
        yield child
        yield from models(child)


@pytest.fixture(scope="module")
def known():
    """The environment variables Prefect reads, as its models say."""
    found = set()
    for model in models():
        for field in model.model_json_schema()["properties"].values():
            found |= set(field.get("supported_environment_variables", ()))
    assert "PREFECT_API_URL" in found
    return found


def named():
    """Variables in tracked text, with the file that names them."""
    folders = ("longtake", "flows", "tasks", "blocks", "tests", "bench", "docs")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in [*paths, *(ROOT / name for name in ("README.md", "Makefile", "deployments.yaml"))]:
        if path.suffix in {".py", ".md", ".yaml", ".example", ""} and "__pycache__" not in path.parts:
            for name in re.findall(r"\bPREFECT_(?!_)[A-Z_]*[A-Z]_?(?![A-Z_{])", path.read_text(encoding="utf-8")):
                yield name, path.relative_to(ROOT).as_posix()


def test_every_variable_named_anywhere_is_one_that_prefect_reads(known):
    if importlib.util.find_spec("prefect_redis") is None:
        pytest.skip("prefect-redis is not installed: `make test` does it")
    found = dict(named())
    assert len(found) > 20
    assert {name: path for name, path in found.items() if name not in known and name not in OTHERS} == {}


@pytest.mark.parametrize("setting", EVERY, ids=lambda setting: setting.path)
def test_a_server_setting_is_a_field_and_its_variable_sets_it(setting, known, monkeypatch):
    assert setting.variable in known
    monkeypatch.setenv(setting.variable, str(setting.value))
    found = setting.read(Settings().model_dump(mode="json"))
    assert found == setting.value
    assert setting.accepts(found)


def test_prefects_defaults_are_not_accepted(monkeypatch):
    for setting in EVERY:
        monkeypatch.delenv(setting.variable, raising=False)
    dumped = Settings().model_dump(mode="json")
    for setting in EVERY:
        assert not setting.accepts(setting.read(dumped)), setting.path
    flush = [setting for setting in RECORDING if setting.path.endswith("flush_interval")]
    assert [(setting.read(dumped), setting.accepts(5.0)) for setting in flush] == [(5.0, False)] * 2


def test_a_setting_that_this_version_does_not_have_is_none():
    assert Setting("server.services.choir.size", 4, "at least").read(Settings().model_dump(mode="json")) is None


def test_the_page_on_growing_starts_a_server_with_these_settings():
    section = (
        (ROOT / "docs" / "how-to" / "grow.md").read_text().partition("## One server, many shots")[2].partition("## ")[0]
    )
    exported = dict(re.findall(r"\b(PREFECT_[A-Z_]+)=(\S+)", section))
    assert exported == environment()
