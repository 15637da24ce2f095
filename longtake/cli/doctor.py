"""`longtake doctor`: is this machine ready, and do the settings work? Spends nothing."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from longtake import settings as env
from longtake import store as stores
from longtake.errors import LongtakeError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from longtake.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `warn` works but deserves a look; `bad` stops a run."""

    name: str
    state: Literal["ok", "warn", "bad"]
    text: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Look at everything; exit code 1 when something stops a run."""
    findings = list(_look())
    if options.json:
        print(json.dumps({"findings": [asdict(f) for f in findings]}, indent=2))
    else:
        for finding in findings:
            print(f"{finding.state:>4}  {finding.name}: {finding.text}")
    return 1 if any(f.state == "bad" for f in findings) else 0


def _look() -> Iterator[Finding]:
    yield Finding("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")
    yield _try("ffmpeg", _ffmpeg)
    yield from _packages()
    try:
        settings = env.from_environment()
    except LongtakeError as error:
        yield Finding("settings", "bad", str(error))
        return
    yield _try("catalog", lambda: _catalog(settings))
    yield _try("store", lambda: _store(settings))
    yield _urls(settings)
    if settings.api_key is None:
        yield Finding("key", "warn", "none is set: `plan` works, `run` needs LONGTAKE_API_KEY or REAPI_API_KEY")
    else:
        yield _try("provider", lambda: asyncio.run(_provider(settings)))


def _try(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", look())
    except LongtakeError as error:
        return Finding(name, "bad", str(error))


def _ffmpeg() -> str:
    from longtake.media import ffmpeg

    return f"{ffmpeg.version()} at {ffmpeg.binary()}"


def _packages() -> Iterator[Finding]:
    """Flows, tasks and blocks are common names: another package of that name may hide ours."""
    home = Path(__file__).resolve().parents[2]
    for name in ("flows", "tasks", "blocks"):
        spec = importlib.util.find_spec(name)
        place = Path(spec.origin).resolve() if spec is not None and spec.origin else None
        if place is None or place.parent.parent != home:
            text = (
                f"{name} here is {place or 'not found'}, not Longtake's: run from another folder, or call the flows as "
                f"deployments (run_deployment)"
            )
            yield Finding("package", "warn", text)


def _catalog(settings: Settings) -> str:
    from longtake.catalog import Catalog

    catalog = Catalog.load(settings.catalog)
    return f"{len(catalog.models)} models, as of {catalog.as_of}" + (
        f", with {settings.catalog}" if settings.catalog else ""
    )


def _store(settings: Settings) -> str:
    store = stores.open(settings.store, public_url=settings.public_url)
    atomic = stores.probe_conditional(store)
    if not atomic:
        raise LongtakeError(
            f"{store.uri} lets several writers create the same object",
            next_step="use a store with conditional writes: a ledger cannot lie there",
        )
    return f"{store.uri} takes objects and creates each only once"


def _urls(settings: Settings) -> Finding:
    try:
        store = stores.open(settings.store, public_url=settings.public_url)
        url = store.url_for_others("media/0.png")
    except LongtakeError as error:
        return Finding("URLs", "bad", str(error))
    if url is None:
        return Finding(
            "URLs", "warn", "the provider cannot read this store: set LONGTAKE_PUBLIC_URL for references and chains"
        )
    if settings.public_url is None:
        return Finding("URLs", "warn", "presigned: they answer GET but not HEAD, which some providers probe with")
    return Finding("URLs", "ok", f"others read the store under {settings.public_url}")


async def _provider(settings: Settings) -> str:
    from longtake.provider import Provider

    async with Provider(base_url=settings.base_url, key=settings.key()) as provider:
        balance = await provider.balance()
    return f"{settings.base_url} answers; " + (
        "it offers no balance" if balance is None else f"balance {balance} credits"
    )
