"""The emulator as tests use it: in a thread of this process, or in a process of its own, with catalogs of small clips."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import backdoor
from processes import clean_environment, process

from longtake import emulator
from longtake.emulator import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEY = "e2e-key-that-no-output-may-hold"


def small_catalog(path: Path, *models: str, pixels: tuple[int, int] = (64, 36), shortest: int | None = 1) -> Path:
    """Write a catalog to lay over the shipped one: clips of few pixels, and from one second up unless `shortest` is None.

    What tests look at is money or order, and pictures cost time. Prices are the real ones.
    """
    least = {} if shortest is None else {"duration": {"min": shortest}}
    small = {"pixels": {"480p": {"16:9": pixels}}, **least}
    models = models or ("seedance-2.5",)
    path.write_text(json.dumps({"inputs": {"image": {"side": {"min": 16}}}, "models": dict.fromkeys(models, small)}))
    return path


@dataclass(frozen=True)
class Emulator:
    """A provider by its addresses, what is in its books, and ways to change what it does."""

    base_url: str
    admin_url: str
    store_url: str | None
    key: str = KEY

    def books(self) -> dict[str, Any]:
        return self._ask("GET", "books")

    @property
    def posts(self) -> int:
        """Submits that arrived, whatever became of them."""
        return int(self.books()["posts"]["received"])

    def tasks(self) -> list[dict[str, Any]]:
        return self._ask("GET", "tasks")

    def fault(self, *rules: Mapping[str, Any]) -> None:
        self._ask("POST", "faults", json=list(rules))

    def struck(self) -> dict[str, int]:
        """How often each fault has struck, as `where what`."""
        return {f"{rule['where']} {rule['what']}": int(rule["struck"]) for rule in self._ask("GET", "faults")}

    def mend(self) -> None:
        """Take all faults away."""
        self._ask("DELETE", "faults")

    def advance(self) -> int:
        """Finish every task that is processing; how many there were."""
        return int(self._ask("POST", "advance")["finished"])

    def top_up(self, credits: int) -> None:
        self._ask("POST", "balance", json={"add": credits})

    def _ask(self, method: str, what: str, **options: Any) -> Any:
        answer = backdoor.http.request(method, f"{self.admin_url}/{what}", **options)
        assert answer.is_success, answer.text
        return answer.json()


@contextmanager
def running_emulator(
    store: Path | None, *faults: Mapping[str, Any], key: str = KEY, **options: Any
) -> Iterator[Emulator]:
    """An emulator in a thread; options are the fields of `emulator.Config`."""
    given = {"keys": (key,), "processing": 0.2, "speed": "ultrafast", "public": store, **options}
    config = emulator.Config(**given, faults=tuple(Rule(**{"where": "submit", **rule}) for rule in faults))
    with emulator.running(config) as place:
        yield Emulator(place.base_url, place.admin_url, place.store_url, key)


@contextmanager
def emulator_process(folder: Path, *options: object, keys: tuple[str, ...] = (KEY,)) -> Iterator[Emulator]:
    """An emulator in a process of its own; options are those of `longtake emulator`."""
    words = [*(word for key in keys for word in ("--key", key)), "--processing", "0", "--speed", "ultrafast", *options]
    log = folder / "emulator.log"
    with (
        log.open("wb") as err,
        process(
            *(sys.executable, "-P", "-m", "longtake.emulator", *words),
            env=clean_environment(), stdout=subprocess.PIPE, stderr=err, text=True,
        ) as running,
    ):  # fmt: skip
        line = running.stdout.readline()
        assert line, log.read_text()
        place = json.loads(line)
        yield Emulator(place["base_url"], place["admin_url"], place.get("store_url"), keys[0])
