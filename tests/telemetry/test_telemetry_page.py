"""The page about metrics and its dashboard name what is sent, and nothing that is not there."""

from __future__ import annotations

import json
import re

import pytest
from doc_pages import DOCS, sections_of

from longtake.telemetry import attributes

pytestmark = pytest.mark.slow

PAGE = DOCS / "how-to" / "metrics.md"
UNITS = {"s": "_seconds"}
"""What Prometheus puts behind a name for its unit; a unit in braces is no unit there."""


def table(section):
    """The rows of a section's tables: all names of the first cell, and the other cells."""
    found = []
    for line in sections_of(PAGE)[section].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found.append((re.findall(r"`([^`]+)`", cells[0]), *cells[1:]))
    return found


def test_the_page_lists_each_metric_with_its_unit_and_attributes(sent):
    collector, *_ = sent
    rows = {names[0]: cells for names, *cells in table("The metrics")}
    assert set(rows) == set(collector.units)
    for name, (kind, labels, _) in rows.items():
        assert kind.rpartition(", ")[2] == f"`{collector.units[name]}`"
        seen = {key for metric, keys in collector.points if metric == name for key, _ in keys}
        assert set(re.findall(r"`([^`]+)`", labels)) == seen


def test_the_page_lists_each_attribute_of_a_span(sent):
    collector, *_ = sent
    said = {name for names, *_ in table("The trace of a film") for name in names}
    seen = {key for span in collector.spans for key in span.attributes}
    # Only where Prefect runs the film, where shots are missing, and where prompts are asked for.
    assert said - {"prefect.flow_run.id", "longtake.credits.would_cost", "longtake.prompt"} == seen


def test_the_dashboard_asks_for_metrics_and_labels_that_are_there(sent):
    collector, *_ = sent
    dashboard = json.loads((DOCS / "how-to" / "metrics-dashboard.json").read_text())
    labels = {key.replace(".", "_") for _, keys in collector.points for key, _ in keys}
    kinds = {names[0]: kind.partition(",")[0] for names, kind, *_ in table("The metrics")}
    metrics = set()
    for name, unit in collector.units.items():
        base = name.replace(".", "_") + UNITS.get(unit, "")
        metrics.add({"level": base, "count": f"{base}_total", "histogram": f"{base}_bucket"}[kinds[name]])
    asked = set()
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)), "a panel replaces another of its number"
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == "${source}"
        asked |= {name for target in panel["targets"] for name in re.findall(r"longtake_[a-z_]+", target["expr"])}
    assert asked == metrics | {label for label in labels if label in asked}
    states = {value for _, keys in collector.points for key, value in keys if key == attributes.STATE}
    text = json.dumps(dashboard)
    assert set(re.findall(r'longtake_credits_state=\\"(\w+)', text)) <= states
    assert [one["name"] for one in dashboard["templating"]["list"]] == ["source", "account"]
