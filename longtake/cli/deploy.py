"""`longtake deploy`: put the deployments of a file on a Prefect server, through Prefect's own `prefect deploy`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import LongtakeError, SettingsError

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default="deployments.yaml",
        help="a file of deployments as `prefect deploy` reads it (deployments.yaml)",
    )


def main(options: argparse.Namespace) -> int:
    """Deploy everything in the file; return the exit code of `prefect deploy`.

    Raises:
        SettingsError: there is no such file, it would put secrets on the server, or a Prefect setting is invalid.
        LongtakeError: the Prefect server does not answer.
    """
    from longtake.prefect.ops.block_references import resolved_blocks

    file = Path(options.file)
    if not file.is_file():
        raise SettingsError(
            f"{file} does not exist" if not file.exists() else f"{file} is not a file",
            next_step="`longtake init` writes a project with deployments.yaml; run `longtake deploy` in its folder",
        )
    if found := resolved_blocks(file):
        raise SettingsError(
            f"{file} refers to blocks that `prefect deploy` would store with their secrets in plain text: {'; '.join(found)}",
            next_step='give the name of the block (`credentials: NAME`) or `{"$ref": {"block_document_slug": "TYPE/NAME"}}`',
        )
    url, origin = _server()
    print(f"deploy: {file} to {_shown(url)} ({origin})", file=sys.stderr, flush=True)
    _check(url)
    # -P: modules in the working directory must not shadow installed ones.
    command = [sys.executable, "-P", "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(file), "--all"]
    return subprocess.run(command, env={**os.environ, "PREFECT_API_URL": url}, check=False).returncode


def _server() -> tuple[str, str]:
    """Return the URL of the API to deploy to, and where it comes from."""
    from longtake.prefect.ops.up import PORT

    if url := os.environ.get("PREFECT_API_URL"):
        return url, "PREFECT_API_URL"
    try:
        from prefect.settings import get_current_settings

        url = get_current_settings().api.url
    except ValueError as error:
        raise SettingsError(f"a Prefect setting is invalid: {' '.join(str(error).split())}") from None
    if url:
        return url, "PREFECT_API_URL of the active Prefect profile"
    return f"http://127.0.0.1:{PORT}/api", "the server of `longtake up`; PREFECT_API_URL is not set"


def _shown(url: str) -> str:
    """The URL without a user name and password."""
    import httpx

    return str(httpx.URL(url).copy_with(userinfo=b""))


def _check(url: str) -> None:
    """Raise LongtakeError unless the server answers."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if error is not None:
        raise LongtakeError(
            f"the Prefect server at {_shown(url)} does not answer: {type(error).__name__}",
            next_step="start one with `longtake up`, or set PREFECT_API_URL to the API of yours",
        )
