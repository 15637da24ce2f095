"""A film is one tree of spans whose numbers are the ledger's, and neither keys nor prompts leave the process."""

from __future__ import annotations

import asyncio
import collections
import subprocess
import sys

import pytest
from accounts import PRICE

from longtake import Studio
from longtake.errors import FilmIncompleteError, SettingsError
from longtake.telemetry.destination import destination

PARENTS = {
    "film": {""},
    "shot": {"film"},
    "take": {"shot"},
    "attempt": {"take"},
    "upload": {"attempt"},
    "submit": {"attempt"},
    "poll": {"attempt"},
    "ingest": {"attempt"},
    "concatenate": {"film"},
}


def look_at(tree):
    """The one root of a tree of spans, each below what it belongs to, and how many there are of each name."""
    names = {span.id: span.name for span in tree}
    for span in tree:
        assert names.get(span.parent, "") in PARENTS[span.name], span
    (root,) = [span for span in tree if not span.parent]
    return root, dict(collections.Counter(names.values()))


def ancestors(span, tree):
    """What a span is in, from inside out."""
    above = {one.id: one for one in tree}
    while span.parent:
        span = above[span.parent]
        yield span


def of_the_ledger(account):
    """Credits of the account by state, added up attempt by attempt."""
    ledger = account.ledger
    closed = list(ledger.log.history())
    assert not ledger.read().attempts
    return {"charged": sum(one.charged for one in closed), "refunded": sum(one.refunded for one in closed)}


def test_a_film_is_one_tree_with_the_right_parents(sent):
    collector, film, _ = sent
    first, second = collector.trees()
    root, count = look_at(first)
    expected = {"film": 1, "shot": 3, "take": 3, "attempt": 4, "submit": 4, "poll": 4, "ingest": 3, "concatenate": 1}
    assert {name: count[name] for name in expected} == expected
    assert root.attributes["longtake.film"] == "tides"
    assert root.attributes["longtake.film.title"] == "Tides"
    assert root.attributes["longtake.credits.charged"] == 4 * PRICE
    assert root.attributes["longtake.credits.refunded"] == PRICE
    root, count = look_at(second)
    assert count["take"] == count["attempt"] == count["shot"] == 1, "shots that needed nothing have no span"
    assert root.attributes["longtake.run.id"] == film.run
    assert {span.attributes["longtake.film"] for span in collector.spans} == {"tides"}


def test_each_step_is_below_the_shot_and_the_attempt_that_it_worked_for(sent):
    collector, _, account = sent
    tree, _ = collector.trees()
    for span in tree:
        if span.name in {"upload", "submit", "poll", "ingest"}:
            attempt, take, shot, _ = ancestors(span, tree)
            assert span.attributes["longtake.label"] == attempt.attributes["longtake.label"]
            assert take.attributes["longtake.label"] == f"{shot.attributes['longtake.label']} · take 1"
    attempts = [span for span in tree if span.name == "attempt"]
    assert sorted(span.attributes["longtake.attempt.number"] for span in attempts) == [1, 1, 1, 2]
    failed = {span.name: span for span in tree if span.failed}
    assert failed.keys() == {"poll", "attempt"}
    assert failed["poll"].attributes["error.type"] == "TaskFailedError"
    assert failed["poll"].attributes["longtake.provider.code"] == 80003
    assert {"longtake.attempt.failed", "longtake.attempt.refunded"} <= set(failed["attempt"].events)
    first = [one.id for one in account.ledger.log.history()][:4]
    assert sorted(one.attributes["longtake.attempt.id"] for one in attempts) == sorted(first)


def test_metrics_are_what_the_ledger_says(sent):
    collector, _, account = sent
    said = {
        state: collector.point("longtake.credits", credits__state=state)
        for state in ("charged", "refunded", "reserved", "in_doubt")
    }
    assert said == {**of_the_ledger(account), "reserved": 0, "in_doubt": 0}
    assert said["charged"] - said["refunded"] == 4 * PRICE
    assert collector.point("longtake.film.credits", film="tides", credits__state="spent") == 4 * PRICE
    assert collector.point("longtake.generations") == collector.point("longtake.doubts") == 0
    assert collector.point("longtake.refunds", film="tides") == 1
    assert collector.point("longtake.retakes", film="tides") == 1
    assert collector.point("longtake.link.duration", film="tides") == 2


def test_neither_keys_nor_prompts_nor_addresses_are_sent(sent):
    collector, _, account = sent
    whole = b"".join(collector.bodies)
    assert b"tides" in whole
    for secret in (
        account.key,
        account.marker,
        "wide shot",
        account.emulator.base_url,
        account.emulator.store_url,
        str(account.folder),
    ):
        assert secret.encode() not in whole


def test_prompts_are_sent_where_the_setting_asks_for_them_and_only_there(account, collector, monkeypatch):
    monkeypatch.setenv("LONGTAKE_OTEL", "prompts")
    Studio.from_env().make_sync(account.board("first"))
    (tree,) = collector.trees()
    said = {span.name: span.attributes["longtake.prompt"] for span in tree if "longtake.prompt" in span.attributes}
    assert said == {"take": f"{account.marker} first, wide shot"}


@pytest.mark.slow
def test_films_at_the_same_time_are_a_tree_each(account, collector):
    studio = Studio.from_env()

    async def main():
        await asyncio.gather(*(studio.make(account.board(f"one-{n}", f"two-{n}", title=f"Film {n}")) for n in "abc"))

    asyncio.run(main())
    trees = collector.trees()
    assert sorted(look_at(tree)[0].attributes["longtake.film"] for tree in trees) == ["film-a", "film-b", "film-c"]
    for tree in trees:
        assert len({span.attributes["longtake.film"] for span in tree}) == 1
        assert {span.name for span in tree} == set(PARENTS)


@pytest.mark.slow
def test_a_film_that_misses_a_shot_is_marked_and_says_no_more_than_the_kind_of_error(account, collector):
    account.fault({"what": "fail-80006"}, shot="second")
    with pytest.raises(FilmIncompleteError):
        Studio.from_env().make_sync(account.board("first", "second"))
    (tree,) = collector.trees()
    root, _ = look_at(tree)
    assert (root.failed, root.attributes["error.type"]) == (True, "FilmIncompleteError")
    assert sorted(span.name for span in tree if span.failed) == ["attempt", "film", "poll", "shot", "take"]
    assert b"wide shot" not in b"".join(collector.bodies)


def test_a_doubt_is_a_level_until_it_is_settled(account, collector):
    account.fault({"what": "drop-after"}, shot="first")
    with pytest.raises(FilmIncompleteError):
        Studio.from_env().make_sync(account.board("first"))
    assert collector.point("longtake.doubts") == 1
    assert collector.point("longtake.credits", credits__state="in_doubt") == PRICE
    assert collector.point("longtake.credits", credits__state="charged") == 0


@pytest.mark.slow
def test_a_clip_alone_is_traced_from_its_take_on(account, collector):
    studio = Studio.from_env()

    async def main():
        take = await studio.generate(account.shot())
        await studio.concatenate([take], title="One Clip")

    asyncio.run(main())
    first, second = sorted(collector.trees(), key=len, reverse=True)
    assert {span.name for span in first if not span.parent} == {"take"}
    assert [span.name for span in second] == ["concatenate"]


@pytest.mark.slow
def test_each_process_is_a_series_of_its_own_and_the_variables_name_the_service(account, collector, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=night")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "films")
    Studio.from_env().make_sync(account.board("first"))
    assert {one["service.name"] for one in collector.resources} == {"films"}
    assert {one["deployment.environment.name"] for one in collector.resources} == {"night"}
    (instance,) = {one["service.instance.id"] for one in collector.resources}
    assert instance


@pytest.mark.slow
def test_a_collector_that_is_away_costs_no_film(account, monkeypatch, unset):
    monkeypatch.setenv("LONGTAKE_OTEL", "on")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert Studio.from_env().make_sync(account.board("first")).path.is_file()


def test_a_signal_can_be_turned_off(account, collector, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    Studio.from_env().make_sync(account.board("first"))
    assert collector.spans == []
    assert collector.point("longtake.generations") == 0


OWN = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

seen = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(seen))
from longtake import Scene, Shot, Storyboard, Studio

small = {"model": "seedance-2.5", "resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}
board = Storyboard(title="Own", scenes=[Scene("s", [Shot("first", "A pier", **small)])])
with trace.get_tracer("mine").start_as_current_span("nightly"):
    Studio.from_env().make_sync(board)
spans = {span.context.span_id: span for span in seen.get_finished_spans()}
assert len({span.context.trace_id for span in spans.values()}) == 1
for span in spans.values():
    print(span.name, spans[span.parent.span_id].name if span.parent else "-")
assert "longtake.telemetry.sdk" not in sys.modules
"""


@pytest.mark.slow
def test_a_program_with_opentelemetry_of_its_own_gets_the_film_below_its_span(account, monkeypatch):
    monkeypatch.setenv("LONGTAKE_OTEL", "on")
    done = subprocess.run([sys.executable, "-P", "-c", OWN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"nightly -", "film nightly", "shot film", "take shot", "submit attempt"} <= set(done.stdout.splitlines())


# -- what cannot be done -------------------------------------------------------------------------------------------------


def test_without_the_extra_a_run_says_so_before_anything_is_sent(account, monkeypatch, unset):
    monkeypatch.setenv("LONGTAKE_OTEL", "on")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    before = account.received()
    with pytest.raises(SettingsError, match="longtake\\[otel\\]"):
        Studio.from_env().make_sync(account.board("first"))
    assert account.received() == before


@pytest.mark.parametrize(
    "variable",
    [
        "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/json",
        "OTEL_TRACES_EXPORTER=zipkin",
    ],
)
def test_another_way_of_sending_is_refused_with_the_one_that_works(variable, account, monkeypatch, unset):
    monkeypatch.setenv("LONGTAKE_OTEL", "on")
    monkeypatch.setenv(*variable.split("="))
    with pytest.raises(SettingsError, match="http/protobuf"):
        Studio.from_env().make_sync(account.board("first"))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "traces and metrics to localhost:4318"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:secret@otel.example/in?key=secret"}, "traces and metrics to otel.example"),
        (
            {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://prom:9090/v1", "OTEL_TRACES_EXPORTER": "none"},
            "traces to nowhere; metrics to prom:9090",
        ),
    ],
)  # fmt: skip
def test_the_destination_is_named_by_its_host(variables, said, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert destination() == said
