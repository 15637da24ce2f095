"""A real browser, driven over the DevTools protocol. The fixture `page` is imported by the folders that use it."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
import subprocess
import threading

import pytest
from processes import until

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
ENTER = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}


class Page:
    """One page of the browser."""

    def __init__(self, socket):
        self.socket = socket
        self.numbers = itertools.count(1)

    def call(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self.socket.recv(timeout=60))
            if said.get("id") == number:
                assert "error" not in said, said
                return said["result"]

    def run(self, script):
        """The value of a script, or of its promise."""
        said = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def open(self, url):
        """Show an address, and wait until it is loaded."""
        self.call("Page.enable")
        self.call("Page.navigate", url=url)
        self.run("new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))")

    def press(self, key):
        """Press a key: a character, or what it is (`ENTER`)."""
        what = {"key": key, "text": key} if isinstance(key, str) else key
        self.call("Input.dispatchKeyEvent", type="keyDown", **what)
        self.call("Input.dispatchKeyEvent", type="keyUp", **{name: what[name] for name in what if name != "text"})


@pytest.fixture(name="page")
def the_page(tmp_path):
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser on PATH: looked for {', '.join(NAMES)}")
    from websockets.sync.client import connect

    command = [program, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            said = []
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"ws://(\S+?)/devtools/browser/\S+", line):
                    break
            else:
                pytest.fail(f"{program} does not start: {''.join(said)[-2000:]}")
            # The rest of its words goes where it keeps nobody waiting.
            drain = threading.Thread(target=process.stderr.read)
            drain.start()
            with connect(found[0], max_size=None, proxy=None) as browser:
                target = Page(browser).call("Target.createTarget", url="about:blank")["targetId"]
                with connect(f"ws://{found[1]}/devtools/page/{target}", max_size=None, proxy=None) as socket:
                    yield Page(socket)
                Page(browser).call("Browser.close")
            process.wait(timeout=30)
        finally:
            process.kill()
    drain.join()


def opened(page, url):
    """Open a review's page and wait for its script. The opener loads it once more, which ends a script that waits in it."""
    page.call("Page.enable")
    page.call("Page.navigate", url=url)

    def ready():
        with contextlib.suppress(AssertionError):
            return page.run("document.documentElement.dataset.ready") == "yes"

    until(ready, why="the page is ready")


def said(page, text, where="#said"):
    """Wait until a review's page says this."""

    def found():
        return text in page.run(f"document.querySelector({where!r})?.textContent ?? ''")

    until(found, why=f"the page says {text}")


def dialog(page, text):
    """Wait until a review's page asks this."""
    said(page, text, "dialog[open] h3")
