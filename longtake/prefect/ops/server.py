"""A Prefect server: the settings it needs, and its API as plain data, the same for every supported version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.client.orchestration import SyncPrefectClient


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of Prefect's server and the value that Longtake needs there."""

    path: str
    """Field names from the root of `prefect.settings.Settings`, joined by dots."""
    value: float | str
    bound: Literal["at least", "at most", "exactly"]
    """How the server's own value may differ from `value`."""

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"PREFECT_{self.path.replace('.', '_').upper()}"

    def read(self, settings: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the setting's own type
        """Return the value in what `/admin/settings` answers, or None if this version of Prefect has no such setting."""
        found: Any = settings
        for name in self.path.split("."):
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found

    def accepts(self, found: float | str) -> bool:
        """Whether a server with this value is set up well enough."""
        if self.bound == "exactly":
            return found == self.value
        return float(found) >= float(self.value) if self.bound == "at least" else float(found) <= float(self.value)


RECORDING = (
    Setting("server.services.task_run_recorder.batch_size", 200, "at least"),
    Setting("server.services.task_run_recorder.read_batch_size", 200, "at least"),
    Setting("server.services.task_run_recorder.flush_interval", 1, "at most"),
    Setting("server.services.event_persister.batch_size", 500, "at least"),
    Setting("server.services.event_persister.read_batch_size", 500, "at least"),
    Setting("server.services.event_persister.flush_interval", 1, "at most"),
    Setting("server.services.triggers.read_batch_size", 200, "at least"),
)
"""How the server writes task runs and events. With these values a task run costs it a quarter of the CPU; the short flush interval
(seconds) keeps larger batches from being seen later."""
LEASES = Setting("server.concurrency.lease_storage", "prefect.server.concurrency.lease_storage.filesystem", "exactly")
"""Where a single server keeps who holds a concurrency slot, so that a restart frees slots whose holders are gone."""


def environment() -> dict[str, str]:
    """Return the environment variables to start a single Prefect server with."""
    return {setting.variable: str(setting.value) for setting in (*RECORDING, LEASES)}


_PAGE = 200


@dataclass(frozen=True, slots=True)
class Server:
    """The API of the active profile."""

    client: SyncPrefectClient

    def ask(
        self, method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"], path: str, body: Mapping[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 - the JSON of the path
        """Send one request and return its JSON.

        Raises:
            httpx.HTTPError: it failed, or the status says so.
        """
        answer = self.client.request(method, path, json=body)  # type: ignore[arg-type]  # its list of paths is Prefect's own
        return answer.json() if answer.content else None

    def every(self, path: str, **body: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - a filter's own values
        """Yield everything that a filter matches, page by page."""
        offset = 0
        while page := self.ask("POST", path, {**body, "limit": _PAGE, "offset": offset}):
            yield from page
            offset += len(page)
            if len(page) < _PAGE:
                return
