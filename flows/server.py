"""The Prefect API as plain data, the same for every version that is supported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["Server"]

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
