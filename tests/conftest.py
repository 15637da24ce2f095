"""Which tests share a worker, and what the whole test session tells at its end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow to draw and to run an example; that says nothing about the code.
settings.register_profile("longtake", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("longtake"), max_examples=20)
settings.load_profile("longtake")

ROOT = Path(__file__).parents[1]

pytest_plugins = ["s3_servers"]  # tests/support

# A shell lets what it runs in the background ignore Ctrl-C, and that is inherited: a Prefect worker, which turns SIGTERM into
# SIGINT for itself, would then never stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory):
    """The folder of the Prefect server: its database and nothing of a person's own profile."""
    return tmp_path_factory.mktemp("prefect-server")


@pytest.fixture(scope="session")
def prefect_api(prefect_home):
    """The URL of the Prefect server of this worker, which starts when the first test asks for it."""
    from prefect_server import prefect_server

    with prefect_server(prefect_home) as (_, api):
        yield api


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep tests together that use one dear thing, as a Prefect server; spread everything else.

    `--dist loadgroup` would do it by a mark, but xdist 3.8 writes the group into an attribute that pytest 9.2 does not read.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder = nodeid.split("/")[1]
            if "::test_killed_behind_a_door[" in nodeid:
                return "doors"
            # Each of these folders starts something of its own that is dear: a server, a cluster, a film of thirty shots.
            # The scope with most tests is begun first, which is e2e: so the longest of them does not end alone.
            return folder if folder in {"e2e", "cluster", "edits", "examples", "tasks"} else nodeid

    return Together(config, log)


def pytest_terminal_summary(terminalreporter):
    """Print the tables whose cells tests filled in, and with LONGTAKE_WRITE_DOCS put the whole ones into their documents.

    A cell is `record_property("cell of <document>", [row number, row, column, text, cells in all])`. The document has the
    table between two marks, with its head and a first column; `–` is where no cell belongs.
    """
    tables: dict[str, list[tuple]] = {}
    for report in (r for reports in terminalreporter.stats.values() for r in reports):
        for name, cell in report.user_properties if getattr(report, "when", "") == "call" else ():
            if name.startswith("cell of "):
                tables.setdefault(name.removeprefix("cell of "), []).append(tuple(cell))
    for document, cells in tables.items():
        path = ROOT / document
        before, mark, rest = path.read_text(encoding="utf-8").partition("<!-- table -->\n")
        written, end, after = rest.partition("<!-- /table -->")
        top, rule, *known = written.splitlines()
        columns = [column.strip() for column in top.strip("|").split("|")][1:]
        filled = {(row, column): text for _, row, column, text, _ in cells}
        absent = {line.split("|")[1].strip(): [cell.strip() == "–" for cell in line.split("|")[2:-1]] for line in known}
        lines = [top, rule]
        for row in dict.fromkeys(row for _, row, *_ in sorted(cells)):
            empty = ["–" if no else "not run" for no in absent.get(row, [True] * len(columns))]
            texts = [filled.get((row, column), other) for column, other in zip(columns, empty, strict=True)]
            lines.append(f"| {' | '.join([row, *texts])} |")
        terminalreporter.section(document)
        terminalreporter.write_line("\n".join(lines))
        if "LONGTAKE_WRITE_DOCS" in os.environ and len(filled) == cells[0][-1]:
            path.write_text(before + mark + "\n".join(lines) + "\n" + end + after, encoding="utf-8")
