"""The doctor's checks of this project's deployments: entrypoints, pools, limits, blocks, parameters, lost runs."""

from __future__ import annotations

import importlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import httpx

from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.finding import Finding
from longtake.prefect.parameters import secrets_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from prefect.blocks.core import Block

    from longtake.prefect.ops.server import Server

_TAG = "longtake"
"""The tag of the deployments in our own deployments.yaml."""
_BLOCKS: dict[str, type[Block]] = {"credentials": ReapiCredentials, "store": ArtifactStore}
_SECRETS = ("LONGTAKE_API_KEY", "REAPI_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LONG = timedelta(days=1)
"""How long a run without any heartbeat may run before it counts as lost: heartbeats may be off where it runs."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The deployments of flows with our names; some may belong to other projects."""

    server: Server
    every: Sequence[dict[str, Any]]
    """All deployments of the server."""
    flows: Mapping[str, str]
    """Flow names by id."""
    parameters: Mapping[str, Collection[str]]
    """The parameters of each of our flows, by the flow's name."""

    @classmethod
    def read(cls, server: Server, parameters: Mapping[str, Collection[str]]) -> Deployed:
        """Read all deployments of the server."""
        flows = {flow["id"]: flow["name"] for flow in server.every("/flows/filter")}
        return cls(server, list(server.every("/deployments/filter")), flows, parameters)

    def label(self, deployment: Mapping[str, Any]) -> str:
        """`flow/deployment`, as Prefect's command takes it."""
        return f"{self.flows.get(deployment['flow_id'], '?')}/{deployment['name']}"

    def ours(self) -> list[dict[str, Any]]:
        """The deployments that run a flow of this project."""
        return [one for one in self.every if self._ours(one)]

    def foreign(self) -> list[dict[str, Any]]:
        """Those of another project's flow that has the name of one of ours."""
        return [one for one in self.every if self.flows.get(one["flow_id"]) in self.parameters and not self._ours(one)]

    def own_flows(self) -> list[str]:
        """Our flow names that no other project uses on this server."""
        taken = {self.flows[one["flow_id"]] for one in self.foreign()}
        return [name for name in self.parameters if name not in taken]

    def _ours(self, deployment: Mapping[str, Any]) -> bool:
        """Whether a deployment runs a flow of this project, however it was made.

        `prefect deploy` records a module path. `flow.serve()` records the installed file relative to the folder it ran in, and
        `flow.from_source()` a file relative to a clone that is usually not on this machine. A path that does not name the package
        (`flows/storyboard.py`) proves nothing, because other projects keep flows in such a folder too: then the deployment needs
        our tag or exactly our parameters.
        """
        name, entrypoint = self.flows.get(deployment["flow_id"], ""), str(deployment.get("entrypoint") or "")
        known, tagged = name in self.parameters, _TAG in deployment["tags"]
        if ":" in entrypoint:
            folder = PurePath(entrypoint.rpartition(":")[0]).parent.parts
            package, plain = folder[-2:] == ("longtake", "flows"), folder[-1:] == ("flows",)
        else:
            package, plain = entrypoint.startswith("longtake.flows."), entrypoint.startswith("flows.")
        if package or (plain and tagged):
            return known or tagged
        schema = deployment.get("parameter_openapi_schema") or {}
        return plain and known and set(schema.get("properties") or ()) == set(self.parameters[name])

    def look(self, *, fix: bool) -> Iterator[Finding]:
        """Check all deployments."""
        ours = self.ours()
        yield Finding("deployments", "ok", ", ".join(sorted(map(self.label, ours))) or "none of Longtake's flows")
        for one in self.foreign():
            text = f"{self.label(one)} runs {one.get('entrypoint')}, another project's flow of the same name, so no automation"
            yield Finding("deployment", "warn", f"{text} watches flows of that name")
        yield from self._secrets()
        for one in ours:
            yield from self._entrypoint(one)
            yield from self._schedule(one, fix=fix)
            yield from self._slots(one, fix=fix)
            yield from self._blocks(one)
        yield from self._pools(ours)

    def _entrypoint(self, one: Mapping[str, Any]) -> Iterator[Finding]:
        entrypoint = str(one.get("entrypoint") or "")
        if ":" in entrypoint:
            # Only a folder on this machine can be checked; a relative path belongs to the process that serves the flow.
            folder = Path(one.get("path") or ".")
            there = not folder.is_absolute() or not folder.is_dir() or (folder / entrypoint.rpartition(":")[0]).exists()
        else:
            module, _, name = entrypoint.rpartition(".")
            try:
                there = hasattr(importlib.import_module(module), name)
            except ImportError:
                there = False
        if not there:
            text = f"{self.label(one)} runs {entrypoint}, which is not in this version: deploy it again or delete it"
            yield Finding("deployment", "bad", text)

    def _schedule(self, one: Mapping[str, Any], *, fix: bool) -> Iterator[Finding]:
        label = self.label(one)
        if one.get("paused"):
            yield Finding("deployment", "warn", f"{label} is paused: its schedules start nothing")
        active = [schedule for schedule in one["schedules"] if schedule["active"]]
        if len(active) < len(one["schedules"]):
            yield Finding("deployment", "warn", f"{label} has a schedule that is switched off")
        if not active or one.get("global_concurrency_limit") is not None or not label.startswith("storyboard/"):
            return
        text = f"{label} has a schedule and no concurrency limit"
        if not fix:
            yield Finding("limit", "warn", f"{text}: runs that last longer than its interval pile up")
            return
        limit = {"concurrency_limit": 1, "concurrency_options": {"collision_strategy": "CANCEL_NEW"}}
        self.server.ask("PATCH", f"/deployments/{one['id']}", limit)
        text = f"{label} now runs once at a time; further runs are cancelled"
        yield Finding(
            "limit", "ok", f"{text}; set it in the deployment file too, or the next `prefect deploy` removes it"
        )

    def _slots(self, one: Mapping[str, Any], *, fix: bool) -> Iterator[Finding]:
        """Find slots that a restarted server still counts as taken."""
        limit = one.get("global_concurrency_limit")
        if not limit or not limit["active_slots"]:
            return
        holding = {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}
        where = {"deployments": {"id": {"any_": [one["id"]]}}, "flow_runs": {"state": holding}}
        if next(self.server.every("/flow_runs/filter", **where), None) is not None:
            return
        text = f"{self.label(one)} has {limit['active_slots']} of {limit['limit']} slots taken and no run in progress"
        if fix:
            self.server.ask("PATCH", f"/v2/concurrency_limits/{limit['id']}", {"active_slots": 0})
        yield Finding("limit", "ok" if fix else "warn", f"{text}{': they are free now' if fix else ''}")

    def _blocks(self, one: Mapping[str, Any]) -> Iterator[Finding]:
        for field, kind in _BLOCKS.items():
            given = one["parameters"].get(field)
            slug = kind.get_block_type_slug()
            if isinstance(given, dict) and secrets_in(kind, given):
                text = f"{self.label(one)} holds the content of a {slug} block in plain text, which everyone on the server can read"
                yield Finding("secret", "bad", f"{text}: replace the secret, and deploy it with the block's name")
                continue
            found = _named(slug, given)
            if found is None:
                continue
            name, path = found
            try:
                self.server.ask("GET", f"{path}?include_secrets=false")
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.NOT_FOUND:
                    raise
                yield Finding("block", "bad", f"{self.label(one)} names the block {name}, which does not exist")

    def _secrets(self) -> Iterator[Finding]:
        values = [value for name in _SECRETS if len(value := os.environ.get(name, "")) > 7]
        for one in self.every:
            variables = one.get("job_variables") or {}
            text = json.dumps([one["parameters"], variables], ensure_ascii=False)
            if any(value in text or json.dumps(value)[1:-1] in text for value in values):
                what = "holds a secret of this environment in plain text, which everyone on the server can read"
                yield Finding("secret", "bad", f"{self.label(one)} {what}: put it into a block and change it")
                continue
            inside = variables.get("env")
            named = [name for name in _SECRETS if name in (inside or {})] if isinstance(inside, dict) else []
            if named and self._ours(one):
                what = f"sets {', '.join(named)} in its job variables, which Prefect keeps in plain text"
                yield Finding("secret", "bad", f"{self.label(one)} {what}: use a block, or the worker's environment")

    def _pools(self, ours: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
        for name in sorted({one["work_pool_name"] for one in ours if one.get("work_pool_name")}):
            pool = self.server.ask("GET", f"/work_pools/{name}")
            if pool["is_paused"]:
                yield Finding("pool", "warn", f"{name} is paused: its workers get no runs")
            workers = list(self.server.every(f"/work_pools/{name}/workers/filter"))
            online = sum(worker["status"] == "ONLINE" for worker in workers)
            if not online and not pool["type"].endswith((":push", ":managed")):
                yield Finding("pool", "warn", f"{name} has no worker online: `prefect worker start --pool {name}`")
            if pool["concurrency_limit"] is None:
                text = f"{name} has no limit: a worker starts as many runs at once as there are"
                yield Finding("pool", "warn", f"{text}; `prefect work-pool set-concurrency-limit {name} 4`")
            elif online:
                yield Finding(
                    "pool", "ok", f"{name}: {online} online, at most {pool['concurrency_limit']} runs at once"
                )


def _named(slug: str, given: object) -> tuple[str, str] | None:
    """The name of the block that a parameter refers to, and its path in the API; None if it is not a reference."""
    reference = given.get("$ref") if isinstance(given, dict) else None
    if isinstance(reference, dict) and "block_document_id" in reference:
        found = str(reference["block_document_id"])
        return found, f"/block_documents/{found}"
    name = reference.get("block_document_slug") if isinstance(reference, dict) else given
    if not isinstance(name, str) or not name:
        return None
    name = name.removeprefix(f"{slug}/")
    return f"{slug}/{name}", f"/block_types/slug/{slug}/block_documents/name/{name}"


def block_types(server: Server, *, fix: bool) -> Iterator[Finding]:
    """Check that this version's block types are registered."""
    for kind in _BLOCKS.values():
        slug, checksum = kind.get_block_type_slug(), kind._calculate_schema_checksum()  # noqa: SLF001 - there is no other
        try:
            server.ask("GET", f"/block_types/slug/{slug}")
            server.ask("GET", f"/block_schemas/checksum/{checksum}")
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.NOT_FOUND:
                raise
        else:
            yield Finding("block type", "ok", f"{slug} is registered")
            continue
        if fix:
            kind.register_type_and_schema()
            yield Finding("block type", "ok", f"{slug} is registered now")
        else:
            yield Finding(
                "block type",
                "warn",
                f"{slug} is not registered in this version: `prefect block register -m longtake.blocks`",
            )


def lost_runs(server: Server, flows: Sequence[str], silence: int, *, fix: bool) -> Iterator[Finding]:
    """Find runs of our flows that are Running but silent for too long."""
    under_way = {"state": {"type": {"any_": ["RUNNING", "CANCELLING"]}}}
    now = datetime.now(UTC)
    # List all runs first: a fixed run leaves the filter, which would shift the pages.
    for run in list(server.every("/flow_runs/filter", flows={"name": {"any_": list(flows)}}, flow_runs=under_way)):
        beat = _last_beat(server, run["id"])
        last = max(
            beat or "",
            run["state"]["timestamp"],
            key=lambda text: _time(text) if text else datetime.min.replace(tzinfo=UTC),
        )
        quiet = now - _time(last)
        if quiet <= (timedelta(seconds=silence) if beat else _LONG):
            continue
        text = f"{run['name']} ({run['id']}) is {run['state']['name']}, without a sign of life for {_words(quiet)}"
        if fix:
            # Not named Crashed, because an automation would then restart, and buy, a film that was requested long ago.
            gone = {"type": "CRASHED", "name": "Lost", "message": f"no sign of life for {_words(quiet)}"}
            if run["state"]["type"] == "CANCELLING":
                gone |= {"type": "CANCELLED", "name": "Cancelled"}
            server.ask("POST", f"/flow_runs/{run['id']}/set_state", {"state": gone, "force": True})
            yield Finding("run", "ok", f"{text}: it is {gone['name']} now")
        else:
            yield Finding("run", "warn", text)


def _last_beat(server: Server, run: str) -> str | None:
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run}"]},
        "order": "DESC",
    }
    found = server.ask("POST", "/events/filter", {"filter": wanted, "limit": 1})["events"]
    return str(found[0]["occurred"]) if found else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
