"""An account at an emulator of its own, and inputs that are hosted for it."""

from __future__ import annotations

import json
import threading

import pytest
from boards import CHAIN, HEAD, shot
from input_host import RULES, Host, with_pins

from longtake.take import TakeSpec


@pytest.fixture
def account(open_account):
    """An account whose film is two shots of four seconds with sound."""
    return open_account()


@pytest.fixture
def small(open_account, tmp_path):
    """An account whose film is two shots of one second; inputs may have 200 pixels a side."""
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(RULES))
    return open_account(catalog=path, text=CHAIN)


@pytest.fixture
def make_host():
    hosts = []

    def make(root):
        hosts.append(Host(root))
        threading.Thread(target=hosts[-1].serve_forever, args=(0.01,), daemon=True).start()
        return hosts[-1]

    yield make
    for host in hosts:
        host.shutdown()
        host.server_close()


@pytest.fixture
def hosted(small, make_host):
    """An account whose store is read through a server that counts, and the server."""
    host = make_host(small.folder)
    return small.using(public_url=host.url), host


@pytest.fixture
def pinned(small, tmp_path):
    text = HEAD + shot("one", "p", "first_frame: a.png")
    return TakeSpec(small.resolve(text, base=with_pins(tmp_path)).shots[0], 1, None)
