"""A provider, an account for each test, and the server as a process that an MCP client speaks with."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from accounts import accounts
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import Implementation
from processes import clean_environment

KEY = "key-that-no-message-may-hold-"


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    with accounts(tmp_path_factory.mktemp("provider")) as running:
        yield running


@dataclass
class Desk:
    """A folder with storyboards, and servers that work in it for an account."""

    account: object
    folder: object
    logs: list = field(default_factory=list)

    def write(self, board, name="film.yaml"):
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(board if isinstance(board, str) else board.to_yaml())
        return name

    @asynccontextmanager
    async def client(self, name="tests", *, first="", **options):
        """A client of a new server, whose process runs the code `first`. What it writes is kept, so that it can be searched."""
        out, err = (self.folder.parent / f"{kind}-{len(self.logs)}" for kind in ("out", "err"))
        self.logs += [out, err]
        # `tee` keeps each byte of standard output, also those that are no message.
        code = f"{first}\nimport sys\nfrom longtake.cli import main\nsys.exit(main(['mcp', sys.argv[1]]))"
        words = [sys.executable, str(self.folder), str(out), code]
        server = StdioServerParameters(
            command="bash",
            args=["-c", '"$0" -P -c "$3" "$1" | tee "$2"', *words],
            env=clean_environment(**self.account.env),
            cwd=self.folder.parent,
        )
        with err.open("w") as log:
            who = Implementation(name=name, version="1")
            async with Client(stdio_client(server, errlog=log), client_info=who, **options) as client:
                yield client

    def lines(self):
        """Every line of every server's standard output."""
        return [line for path in self.logs if path.name.startswith("out") for line in path.read_text().splitlines()]

    def entries(self):
        ledger = self.account.folder / "ledger"
        return [json.loads(path.read_bytes()) for path in sorted(ledger.rglob("*.json"))]


@pytest.fixture
def desk(provider, tmp_path):
    (tmp_path / "boards").mkdir()
    found = Desk(provider.account(), tmp_path / "boards")
    yield found
    lines = found.lines()
    assert lines
    for line in lines:
        assert json.loads(line)["jsonrpc"] == "2.0", line
    for path in found.logs:
        assert found.account.key not in path.read_text()
