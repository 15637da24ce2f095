"""A Prefect server: what it should be set to, and its API as plain data, the same for every version that is supported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["BATCHES", "FLUSH", "LEASES", "Server"]

_SERVICES = "PREFECT_SERVER_SERVICES_"
BATCHES = {
    f"{_SERVICES}TASK_RUN_RECORDER_BATCH_SIZE": 200,
    f"{_SERVICES}TASK_RUN_RECORDER_READ_BATCH_SIZE": 200,
    f"{_SERVICES}EVENT_PERSISTER_BATCH_SIZE": 500,
    f"{_SERVICES}EVENT_PERSISTER_READ_BATCH_SIZE": 500,
    f"{_SERVICES}TRIGGERS_READ_BATCH_SIZE": 200,
}
"""Least sizes for a film of many shots: a task run costs the server a quarter of the CPU with them."""
FLUSH = {f"{_SERVICES}TASK_RUN_RECORDERFLUSH_INTERVAL": 1, f"{_SERVICES}EVENT_PERSISTERFLUSH_INTERVAL": 1}
"""Most seconds between writes, so that larger batches are not seen later."""
LEASES = "prefect.server.concurrency.lease_storage.filesystem"
"""Where one server keeps who holds a slot, so that it knows after a restart."""

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Server:
    """The API of the active profile."""

    client: SyncPrefectClient

    def ask(
        self, method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"], path: str, body: Mapping[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 - whatever the path gives
        """One request; its JSON.

        Raises:
            httpx.HTTPError: it failed, or the status says so.
        """
        answer = self.client.request(method, path, json=body)  # type: ignore[arg-type]  # its list of paths is Prefect's own
        return answer.json() if answer.content else None

    def every(self, path: str, **body: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - a filter's own values
        """Everything a filter gives, page by page."""
        offset = 0
        while page := self.ask("POST", path, {**body, "limit": _PAGE, "offset": offset}):
            yield from page
            offset += len(page)
            if len(page) < _PAGE:
                return
