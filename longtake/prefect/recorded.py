"""Record the flow run of a film that had nothing to do by a few requests to the Prefect API.

Importing Prefect and the flow takes two seconds of CPU, four times what finding out that there is nothing to do takes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from longtake.errors import LongtakeError
from longtake.report import many

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.studio.film import Film
    from longtake.studio.unchanged import Described, Unchanged

_SECONDS = 60.0
"""For one request, as Prefect's own client has it: a server that has just started is slow."""
_REACH = tuple(f"PREFECT_{part}_" for part in ("API", "CLIENT", "CLOUD", "UI"))
"""Settings that decide how the API is reached. All but the URL are left to Prefect's own client: keys, certificates, headers."""


def plain_api() -> str | None:
    """The URL of the Prefect API where nothing but a URL is configured; None where only Prefect's own client can reach it."""
    if any(Path(name).exists() for name in ("prefect.toml", ".env")) or _in_project():
        return None
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    named: dict[str, Any] = {}
    try:
        if profiles.exists():
            found = tomllib.loads(profiles.read_text())
            named = found.get("profiles", {}).get(os.environ.get("PREFECT_PROFILE") or found.get("active", ""), {})
    except (OSError, ValueError):
        return None
    settings = {**named, **os.environ}
    url = settings.pop("PREFECT_API_URL", None)
    return str(url).rstrip("/") if url and not any(name.startswith(_REACH) for name in settings) else None


def _in_project() -> bool:
    path = Path("pyproject.toml")
    return path.exists() and "tool.prefect" in path.read_text(errors="replace")


def tags_of(film: str, store: str) -> list[str]:
    """The tags of the runs that make a film: its slug, and a digest of its store's URI, as other stores have films of that name."""
    return [f"film:{film}", f"store:{hashlib.sha256(store.encode()).hexdigest()[:12]}"]


def record(
    found: Unchanged, api: str, *, store: str, parameters: Mapping[str, Any], labels: Mapping[str, str]
) -> Film | None:
    """Record a completed run of the flow `storyboard`, with its log, its events, its progress, its table and its page.

    Args:
        found: the film that is there.
        api: URL of the Prefect API.
        store: URI of the store that the film is in.
        parameters: of the run, plain values.
        labels: the film's, for its events.

    Returns:
        The film with the run's id; None where the API did not take the run.

    Raises:
        SettingsError, TwoLedgersError, StoreError: as `Unchanged.described`; nothing stays recorded.
    """
    with httpx.Client(base_url=api, timeout=_SECONDS) as http:
        run = ""
        try:
            flow = _post(http, "/flows/", {"name": "storyboard"})["id"]
            run = _post(http, "/flow_runs/", _run(found.film, flow, store, parameters))["id"]
            described = found.described(run=run, links={"this run": f"{api.removesuffix('/api')}/runs/flow-run/{run}"})
            for artifact in _artifacts(described.film):
                _post(http, "/artifacts/", {**artifact, "flow_run_id": run})
            text = f"nothing to do: {many(len(found.film.shots), 'shot')}, none to buy, and the film is there"
            at = datetime.now(UTC).isoformat()
            line = {"name": "prefect.flow_runs", "level": logging.INFO, "message": text, "timestamp": at}
            _post(http, "/logs/", [{**line, "flow_run_id": run}])
            _post(http, "/events", [_event(described, run, name, data) for name, data in _events(described, labels)])
            _post(http, f"/flow_runs/{run}/set_state", {"state": {"type": "COMPLETED", "name": "Completed"}})
        except (httpx.HTTPError, LongtakeError) as error:
            if run:
                with contextlib.suppress(httpx.HTTPError):
                    http.delete(f"/flow_runs/{run}")
            if isinstance(error, LongtakeError):
                raise
            return None
        return described.film


def _post(http: httpx.Client, path: str, body: Any) -> Any:  # noqa: ANN401 - JSON
    answer = http.post(path, json=body).raise_for_status()
    return answer.json() if answer.content else None


def _run(film: Film, flow: str, store: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "flow_id": flow,
        "name": f"film {film.title}",
        "tags": tags_of(film.name, store),
        "parameters": dict(parameters),
        "state": {"type": "RUNNING", "name": "Running"},
    }


def _artifacts(film: Film) -> list[dict[str, Any]]:
    """As `longtake.prefect.artifacts` writes them."""
    name = film.name
    progress = {"key": f"{name}-progress", "type": "progress", "data": 100.0, "description": "nothing to do"}
    table = {"key": f"{name}-shots", "type": "table", "data": json.dumps(film.rows), "description": f"Shots of {name}"}
    page = {"key": f"{name}-summary", "type": "markdown", "data": film.page, "description": f"Summary of {name}"}
    return [progress, table, page]


def _events(described: Described, labels: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """The names and payloads of a run's events."""
    film, said = described.film, {"labels": dict(labels)} if labels else {}
    started = {"shots": len(film.shots), "to_buy": 0, "planned": 0, "reserve": 0, **said}
    ready = {"place": film.place, "drift": described.drift, **film.cost.model_dump(), **said}
    return [("film.started", started), ("film.ready", ready)]


def _event(described: Described, run: str, name: str, data: dict[str, Any]) -> dict[str, Any]:
    """As `longtake.prefect.artifacts.emit` sends it."""
    return {
        "id": str(uuid.uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": f"longtake.{name}",
        "resource": {
            "prefect.resource.id": f"longtake.film.{described.film.name}",
            "prefect.resource.name": described.film.name,
            "longtake.account": described.account,
            **{f"longtake.label.{label}": value for label, value in data.get("labels", {}).items()},
        },
        "related": [{"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}],
        "payload": data,
    }
