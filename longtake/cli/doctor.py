"""`longtake doctor`: check this machine and the settings. Spends nothing.

With `--prefect` also the Prefect server of the active profile: that half is imported only then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from longtake import film as films
from longtake import preflight
from longtake import settings as env
from longtake import store as stores
from longtake.cli import login, urls
from longtake.errors import LongtakeError, SettingsError, StoreError
from longtake.finding import Finding
from longtake.ledger import ledgers_of_key
from longtake.ledger.audit import audit
from longtake.ledger.realm import host_in
from longtake.ledger.repair import repair
from longtake.store.s3 import S3Store
from longtake.take import ledger_of
from longtake.telemetry import destination

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from longtake.catalog import Overview
    from longtake.settings import Settings
    from longtake.store import Store


_QUIET = {
    # Only the findings are printed; variables of the shell take precedence.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--prefect",
        action="store_true",
        help="look at the Prefect server of the active profile and what is deployed there",
    )
    parser.add_argument(
        "--fix",
        action="store_true",
        help="with --prefect: repair what can be repaired there and install what is missing",
    )
    parser.add_argument("--ledger", action="store_true", help="check every entry of the account's ledger")
    parser.add_argument(
        "--repair",
        action="store_true",
        help="with --ledger: mark missing entries as lost, so that the attempts they belong to are in doubt",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Check everything; return 1 if something stops a run, 2 if that is a setting or the key.

    Raises:
        SettingsError: --fix was given without --prefect.
    """
    if options.fix and not options.prefect:
        raise SettingsError("--fix works only with --prefect", next_step="`longtake doctor --prefect --fix`")
    if options.repair and not options.ledger:
        raise SettingsError("--repair works only with --ledger", next_step="`longtake doctor --ledger --repair`")
    findings = list(_look())
    if options.ledger:
        findings += _ledger(fix=options.repair)
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


def _ledger(*, fix: bool) -> Iterator[Finding]:
    """Read the account's whole log, one finding for each thing that is wrong; with `fix`, repair what can be repaired first."""
    try:
        settings = env.from_environment()
        store = stores.of(settings)
        log = ledger_of(settings, store, record=fix).log
        others = [
            name
            for name in ledgers_of_key(store, host=host_in(log.account), key=settings.key().get_secret_value())
            if name != log.account
        ]
        done = repair(log, who=login(), why="missing from the log") if fix else []
        found = audit(log)
    except LongtakeError as error:
        yield Finding("ledger", "bad", str(error), error.exit_code)
        return
    for one in done:
        yield Finding("ledger", "warn", one)
    for problem in found.problems:
        yield Finding("ledger", "bad", problem, 4)
    for note in found.notes:
        yield Finding("ledger", "warn", note)
    for name in others:
        yield Finding("ledger", "warn", f"this key has another ledger, {name}: LONGTAKE_ACCOUNT={name} checks it")
    if not found.problems and not found.notes:
        yield Finding(
            "ledger", "ok", f"{found.entries} entries and {found.checkpoints} checkpoints, none damaged or missing"
        )


def _prefect(*, fix: bool) -> tuple[list[Finding], dict[str, Any]]:
    """Check the Prefect server; returns the findings and what else `--json` prints."""
    # Prefect reads its settings when it is imported.
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        from longtake.flows import film, film_set, reconcile, scene, storyboard
        from longtake.prefect.ops import doctor as server
    except (ImportError, ValueError) as error:
        # A broken installation, or a PREFECT_ variable with an invalid value.
        return [Finding("Prefect", "bad", f"cannot be loaded: {' '.join(str(error).split())}")], {}
    flows = {flow.name: list(flow.parameters.properties) for flow in (storyboard, scene, reconcile, film_set, film)}
    findings, environment = server.look(flows, fix=fix)
    return findings, {"server_environment": environment}


def _look() -> Iterator[Finding]:
    yield Finding("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")
    yield from _media()
    try:
        settings = env.from_environment()
    except LongtakeError as error:
        yield Finding("settings", "bad", str(error), error.exit_code)
        return
    yield from _catalog(settings)
    yield from _store(settings)
    yield _try("disk", lambda: preflight.check_disk(stores.of(settings)).text)
    yield _try("marking", lambda: films.check_marking(settings))
    yield _try("telemetry", lambda: _telemetry(settings))
    if settings.api_key is None:
        yield Finding("key", "warn", "none is set: `plan` works, `run` needs LONGTAKE_API_KEY or REAPI_API_KEY")
    else:
        yield _try("provider", lambda: asyncio.run(_provider(settings)))


def _try(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", look())
    except LongtakeError as error:
        return Finding(name, "bad", str(error), error.exit_code)


def _media() -> Iterator[Finding]:
    """Name the ffmpeg that a run would use and why, and take a clip through the whole media path."""
    from longtake.media.programs import ENCODERS, FILTERS, capabilities, choice

    try:
        chosen, have = choice(), capabilities()
    except LongtakeError as error:
        yield Finding("ffmpeg", "bad", str(error))
        return
    text = f"{have.version} at {chosen.program}, because {chosen.why}"
    if lacking := have.lacking(ENCODERS, FILTERS):
        text += f"; it has no {', '.join(lacking)}: films that need that are refused"
    yield Finding("ffmpeg", "warn" if lacking else "ok", text)
    yield _try("media", lambda: preflight.check_media().text)


def _telemetry(settings: Settings) -> str:
    if settings.otel == "off":
        return "off; LONGTAKE_OTEL=on sends traces and metrics"
    destination.check()
    return f"{destination.destination()}; {'with' if settings.otel == 'prompts' else 'without'} prompts"


def _catalog(settings: Settings) -> Iterator[Finding]:
    from longtake.catalog import Catalog

    try:
        catalog = Catalog.load(settings.catalog)
    except LongtakeError as error:
        yield Finding("catalog", "bad", str(error), error.exit_code)
        return
    text = preflight.check_catalog(catalog).text
    yield Finding("catalog", "ok", f"{text}, with {settings.catalog}" if settings.catalog else text)
    yield _rates(catalog.overview())


def _rates(overview: Overview) -> Finding:
    """Say whether rates are old enough to have changed."""
    old, limit = overview.old, overview.stale_days
    if not old:
        return Finding("rates", "ok", f"none was seen more than {limit} days ago")
    oldest = max(old, key=lambda rate: rate.days)
    text = (
        f"{len(old)} of {len(overview.models)} models have rates seen more than {limit} days ago; the oldest, of "
        f"{oldest.model}, is {oldest.days} days old"
    )
    return Finding(
        "rates", "warn", f"{text}: `longtake catalog` lists them, a file in LONGTAKE_CATALOG brings new ones"
    )


def _store(settings: Settings) -> Iterator[Finding]:
    try:
        store = stores.of(settings)
        found = stores.check_conditional(store)
    except LongtakeError as error:
        yield Finding("store", "bad", str(error), error.exit_code)
        return
    yield Finding("store", "ok", f"{store.uri} stores objects and creates each only once: {found}")
    yield _try("objects", lambda: preflight.check_store(store).text)
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
                text = f"{count} multipart uploads began more than a day ago and never ended; S3 bills their parts"
                yield Finding("uploads", "warn", f"{text}: `longtake gc` ends them")


async def _provider(settings: Settings) -> str:
    from longtake.provider import Provider

    async with Provider(base_url=settings.base_url, key=settings.key()) as provider:
        balance = await provider.balance()
    return f"{settings.base_url} answers; " + (
        "it offers no balance" if balance is None else f"balance {balance} credits"
    )
