"""`longtake doctor`: is this machine ready, and do the settings work? Spends nothing.

With `--prefect` also the Prefect server of the active profile. The core never imports Prefect: that half is a process of its
own, `python -m flows.doctor`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from longtake import settings as env
from longtake import store as stores
from longtake.cli import urls
from longtake.errors import LongtakeError, SettingsError, StoreError
from longtake.store.s3 import S3Store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from longtake.settings import Settings
    from longtake.store import Store


_QUIET = {
    # The findings say it all; what is set in the shell goes before these.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `warn` works but deserves a look; `bad` stops a run."""

    name: str
    state: Literal["ok", "warn", "bad"]
    text: str
    exit_code: int = 1
    """What the command ends with when this is bad: 2 where a setting or the key has to be changed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--prefect",
        action="store_true",
        help="look at the Prefect server of the active profile and what is deployed there",
    )
    parser.add_argument(
        "--fix", action="store_true", help="with --prefect: mend there what can be mended, install what is missing"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Look at everything; exit code 1 or 2 when something stops a run, 2 when a setting or the key does.

    Raises:
        SettingsError: options that do not go together.
    """
    if options.fix and not options.prefect:
        raise SettingsError("--fix mends what --prefect looks at", next_step="`longtake doctor --prefect --fix`")
    findings = list(_look())
    more: dict[str, Any] = {}
    if options.prefect:
        found, more = _prefect(fix=options.fix)
        findings += found
    if options.json:
        shown = [{"name": f.name, "state": f.state, "text": f.text} for f in findings]
        print(json.dumps({"findings": shown, **more}, indent=2))
    else:
        for finding in findings:
            print(f"{finding.state:>4}  {finding.name}: {finding.text}")
        if lines := more.get("server_environment"):
            print("\nSet this where the Prefect server is started:")
            for name, value in lines.items():
                print(f"  {name}={value}")
    return max((f.exit_code for f in findings if f.state == "bad"), default=0)


def _prefect(*, fix: bool) -> tuple[list[Finding], dict[str, Any]]:
    """What the half that knows Prefect found, and what more it has for machines."""
    # -P: a folder `flows/` in the working directory belongs to somebody else.
    command = [sys.executable, "-P", "-m", "flows.doctor", *(["--fix"] if fix else [])]
    done = subprocess.run(command, env={**_QUIET, **os.environ}, stdout=subprocess.PIPE, text=True, check=False)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return [Finding("Prefect", "bad", f"`python -m flows.doctor` ended with {done.returncode}")], {}
    return [Finding(**found) for found in answer.pop("findings")], answer


def _look() -> Iterator[Finding]:
    yield Finding("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")
    yield _ffmpeg()
    yield from _packages()
    try:
        settings = env.from_environment()
    except LongtakeError as error:
        yield Finding("settings", "bad", str(error), error.exit_code)
        return
    yield _try("catalog", lambda: _catalog(settings))
    yield from _store(settings)
    if settings.api_key is None:
        yield Finding("key", "warn", "none is set: `plan` works, `run` needs LONGTAKE_API_KEY or REAPI_API_KEY")
    else:
        yield _try("provider", lambda: asyncio.run(_provider(settings)))


def _try(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", look())
    except LongtakeError as error:
        return Finding(name, "bad", str(error), error.exit_code)


def _ffmpeg() -> Finding:
    from longtake.media.programs import ENCODERS, FILTERS, capabilities

    try:
        have = capabilities()
    except LongtakeError as error:
        return Finding("ffmpeg", "bad", str(error))
    lacking = have.lacking(ENCODERS, FILTERS)
    if lacking:
        text = f"{have.version} at {have.program} has no {', '.join(lacking)}: films that need that are refused"
        return Finding("ffmpeg", "warn", text)
    return Finding("ffmpeg", "ok", f"{have.version} at {have.program}, with every encoder and filter a film may need")


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


def _store(settings: Settings) -> Iterator[Finding]:
    try:
        store = stores.of(settings)
        found = stores.check_conditional(store)
    except LongtakeError as error:
        yield Finding("store", "bad", str(error), error.exit_code)
        return
    yield Finding("store", "ok", f"{store.uri} takes objects and creates each only once: {found}")
    yield from _uploads(store)
    try:
        for state, text in urls.look(store, settings):
            yield Finding("URLs", state, text)
    except LongtakeError as error:
        yield Finding("URLs", "bad", str(error), error.exit_code)


def _uploads(store: Store) -> Iterator[Finding]:
    if isinstance(store, S3Store):
        # Not every server can list them, and not every account may.
        with contextlib.suppress(StoreError):
            if count := store.abandoned_uploads():
                text = f"{count} multipart uploads were begun more than a day ago and never ended, and S3 bills their parts"
                yield Finding("uploads", "warn", f"{text}: `longtake gc` ends them")


async def _provider(settings: Settings) -> str:
    from longtake.provider import Provider

    async with Provider(base_url=settings.base_url, key=settings.key()) as provider:
        balance = await provider.balance()
    return f"{settings.base_url} answers; " + (
        "it offers no balance" if balance is None else f"balance {balance} credits"
    )
