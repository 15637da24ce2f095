"""Everything one running emulator holds, and the few things its routes share."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longtake.emulator.refusal import RATE_LIMITED, RefusalAnswer

if TYPE_CHECKING:
    import asyncio

    from longtake.catalog import Catalog
    from longtake.emulator.config import Config
    from longtake.emulator.credit_books import CreditBooks
    from longtake.emulator.faults import Faults
    from longtake.emulator.inputs import InputSources
    from longtake.emulator.tasks import EmulatedTask, EmulatedTasks
    from longtake.emulator.validation import Wish

Connections = dict[tuple[str, int], "asyncio.Transport"]


@dataclass
class PostCounts:
    """Counts of submits: that arrived, that were charged, that were answered with the id of a task."""

    received: int = 0
    charged: int = 0
    answered: int = 0


@dataclass
class LimitCounts:
    """Counts of what the limits on submits did: those refused for one, and the most tasks that processed at once."""

    refused: int = 0
    most_in_flight: int = 0


@dataclass(kw_only=True)
class EmulatorState:
    """The parts of a running emulator. Used from its event loop only."""

    config: Config
    catalog: Catalog
    books: CreditBooks
    faults: Faults
    tasks: EmulatedTasks
    connections: Connections
    posts: PostCounts = field(default_factory=PostCounts)
    limits: LimitCounts = field(default_factory=LimitCounts)
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    _spent: dict[str, tuple[float, float]] = field(default_factory=dict)

    def key_of(self, header: str | None) -> str:
        """The key of an Authorization header.

        Raises:
            Refusal: 401 with 10001 (missing), 10002 (malformed) or 10003 (unknown).
        """
        if not header:
            raise RefusalAnswer(401, 10001, "the Authorization header is missing")
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key.strip() or " " in key.strip():
            raise RefusalAnswer(401, 10002, "the Authorization header must be `Bearer <key>`")
        given = key.strip().encode()
        if not any(hmac.compare_digest(given, known.encode()) for known in self.config.keys):
            raise RefusalAnswer(401, 10003, "the API key is not valid")
        return key.strip()

    def count_request(self, key: str) -> None:
        """Take one request out of the key's share.

        Raises:
            Refusal: 429 when there is none left this second.
        """
        if not self._has_left(f"requests of {key}", self.config.rate_limit):
            raise RefusalAnswer(429, RATE_LIMITED, "too many requests")

    def count_submit(self) -> None:
        """Take one submit out of what a second has.

        Raises:
            Refusal: 429 when there is none left this second.
        """
        if not self._has_left("submits", self.config.submits_per_second):
            self.limits.refused += 1
            raise RefusalAnswer(429, RATE_LIMITED, "too many submits")

    def open_task(self, wish: Wish, sources: InputSources) -> EmulatedTask:
        """Open a task if there is room for one more; raises what `EmulatedTasks.open` does.

        Raises:
            Refusal: 429 when as many are processing as may.
        """
        processing = sum(task.status == "processing" for task in self.tasks.all)
        if self.config.max_in_flight is not None and processing >= self.config.max_in_flight:
            self.limits.refused += 1
            raise RefusalAnswer(429, RATE_LIMITED, "too many tasks at once")
        task = self.tasks.open(wish, sources, self.faults.fate)
        self.limits.most_in_flight = max(self.limits.most_in_flight, processing + 1)
        return task

    def _has_left(self, bucket: str, rate: float | None) -> bool:
        """Take one out of a bucket that fills at `rate` a second and holds a second's worth; False when it is empty."""
        if rate is None:
            return True
        now, most = time.monotonic(), max(1.0, rate)
        left, at = self._spent.get(bucket, (most, now))
        left = min(most, left + (now - at) * rate)
        self._spent[bucket] = (max(left - 1, 0.0) if left >= 1 else left, now)
        return left >= 1

    def file_url(self, base: str, task: EmulatedTask, name: str) -> str:
        """The public URL of a finished task's file; it stops working `url_lifetime` seconds after completion."""
        until = int((task.finished_at or 0) + self.config.url_lifetime)
        path = f"cdn/tasks/{task.id}/{name}"
        return f"{base}{path}?expires={until}&signature={self._sign(path, until)}"

    def is_signed(self, task: EmulatedTask, name: str, until: str, signature: str) -> bool:
        """Whether a file's URL is one we gave out and still lives."""
        if not until.isascii() or not until.isdigit() or len(until) > 12 or not signature.isascii():
            return False
        expected = self._sign(f"cdn/tasks/{task.id}/{name}", int(until))
        return hmac.compare_digest(expected, signature) and time.time() < int(until)

    def _sign(self, path: str, until: int) -> str:
        return hmac.new(self._secret, f"{path}:{until}".encode(), hashlib.sha256).hexdigest()[:32]
