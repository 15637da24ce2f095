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

pytest_plugins = ["prefect_server", "s3_servers"]  # tests/support

# A shell lets what it runs in the background ignore Ctrl-C, and that is inherited: a Prefect worker, which turns SIGTERM into
# SIGINT for itself, would then never stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def open_account(tmp_path):
    """`open_account(*faults, **options)`: an account at an emulator of its own (tests/support/accounts.py)."""
    from accounts import opening

    with opening(tmp_path) as open_one:
        yield open_one


LONGEST = (
    "tests/cluster/",
    "tests/e2e/test_e2e_doctor.py",
    "tests/e2e/",
    "tests/tasks/",
    "tests/cli/test_cli_nothing_to_do.py",
    "tests/crash/test_crash_points.py::test_killed_behind_a_door",
    "tests/edits/",
    "tests/race/",
    "tests/examples/",
    "tests/cli/test_cli_project.py",
)
"""What takes longest runs first, so that no worker is left alone with it at the end. The first two mostly wait."""

ON_PREFECT = ("tests/e2e/", "tests/tasks/", "tests/cli/test_cli_nothing_to_do.py")
"""Where tests use the Prefect server of their worker."""


def pytest_collection_modifyitems(items):
    """Put the longest tests first, and leave the order within a file."""
    items.sort(
        key=lambda item: next((n for n, name in enumerate(LONGEST) if item.nodeid.startswith(name)), len(LONGEST))
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Run the tests of a file on one worker: they share what its fixtures start.

    `--dist loadgroup` would do it by a mark, but xdist 3.8 writes the group into an attribute that pytest 9.2 does not read.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            if file.startswith("tests/cluster/"):
                return "tests/cluster"
            if file.startswith(ON_PREFECT) and "not slow" in config.option.markexpr:
                return "prefect"  # few tests: a server for each worker would take longer than they do
            if file.startswith("tests/crash/"):
                return nodeid if test.startswith("test_killed_at[") else f"{file}::{test.partition('[')[0]}"
            return file

    config.option.loadscopereorder = False
    return ByFile(config, log)


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
