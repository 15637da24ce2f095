"""A film begun on one machine and finished on another: all they share is a bucket."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from longtake import media
from longtake import store as stores
from longtake.ledger import EntryLog, account_of

PRICE = 320
SCENES = {
    "one": [{"id": name, "prompt": f"The {name} by the sea"} for name in ("pier", "boat", "gull", "wave")],
    "two": [{"id": "tower", "prompt": "The tower by the sea"}],
}


@pytest.fixture
def machine(stage, bucket, tmp_path):
    """`machine(name)`: a stage with the bucket as its store and no folder that another machine knows."""
    here = stage()
    keys = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}

    def boot(name):
        home = tmp_path / name
        for part in ("work", "home", "tmp", "prefect"):
            (home / part).mkdir(parents=True)
        env = {
            **{k: v for k, v in here.env.items() if k != "LONGTAKE_PUBLIC_URL"},
            **keys,
            "LONGTAKE_STORE": f"s3://{bucket}/films",
            "HOME": str(home / "home"),
            "TMPDIR": str(home / "tmp"),
            "PREFECT_HOME": str(home / "prefect"),
        }
        path = home / "work" / "film.json"
        path.write_bytes(here.board("Begun There", SCENES).read_bytes())
        command = (sys.executable, "-m", "longtake.cli", "run", str(path), "--json")
        return home, here.process(
            *command, env=env, cwd=home / "work", text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    return here, boot


@pytest.mark.slow
def test_a_film_begun_on_one_machine_is_finished_on_another(machine, bucket, until, tmp_path):
    here, boot = machine
    here.provider.fault({"where": "submit", "what": "slow", "match": "gull", "seconds": 3600})
    store = stores.open(f"s3://{bucket}/films")
    log = EntryLog(store, account_of("127.0.0.1", here.provider.key))

    def in_the_middle():
        phases = {attempt.order.shot: attempt.phase for attempt in log.read().attempts.values()}
        kept = len(list(store.list("takes/")))
        return phases == {"gull": "accepted"} and kept == 3

    home, first = boot("first")
    with first as running:
        until(in_the_middle, why="three shots are kept and the fourth is accepted", process=running)
        os.killpg(running.pid, signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    shutil.rmtree(home)
    here.provider.mend()
    here.provider.advance()
    _, second = boot("second")
    with second as running:
        out, err = running.communicate()
    assert running.returncode == 0, out + err
    answer = json.loads(out)
    assert {shot["id"]: shot["state"] for shot in answer["shots"]} == {
        "pier": "current", "boat": "current", "gull": "bought", "wave": "bought", "tower": "current",
    }  # fmt: skip
    books = here.provider.books()
    assert books["posts"]["received"] == len(list(store.list("takes/"))) == 5
    assert books["opening"] - books["balance"] == 5 * PRICE == sum(shot["credits"] for shot in answer["shots"])
    assert log.read().attempts == {}
    film = tmp_path / "film.mp4"
    store.download(answer["film"].removeprefix(f"{store.uri}/"), film)
    assert media.probe(film).frames == 5 * 97 - 3, "whole, and each frame that two shots share once"
