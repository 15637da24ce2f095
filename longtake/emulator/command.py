"""`longtake emulator`: options in, one JSON line out, then serving until stopped."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from longtake import emulator
from longtake.emulator import faults
from longtake.emulator.config import DEFAULT_KEY, SPEEDS, Config
from longtake.errors import SettingsError
from longtake.settings import explain

if TYPE_CHECKING:
    from longtake.emulator.server import EmulatorAddress

_HIGHEST_PORT = 65_535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the emulator's options on a parser."""
    given = Config()
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add(
        "--port",
        type=_port,
        default=0,
        metavar="PORT",
        help="port to listen on; 0 takes a free one (default: %(default)s)",
    )
    add("--key", action="append", dest="keys", help=f"an API key to take; repeatable (default: {DEFAULT_KEY})")
    add("--balance", type=int, default=given.balance, metavar="CREDITS", help="opening balance (default: %(default)s)")
    add("--no-balance", action="store_false", dest="offers_balance", help="answer 404 to GET /balance")
    add(
        "--processing", type=float, default=given.processing, metavar="SECONDS",
        help="how long a task shows `processing` (default: %(default)s)",
    )  # fmt: skip
    add("--catalog", type=Path, metavar="FILE", help="a catalog file laid over the shipped one")
    add("--public", type=Path, metavar="FOLDER", help="a folder store whose media/ is served under /store/")
    add("--faults", metavar="JSON", help="a JSON list of fault rules, or @FILE that holds one")
    add(
        "--url-lifetime", type=float, default=given.url_lifetime, metavar="SECONDS",
        help="how long output URLs live after completion (default: %(default)s)",
    )  # fmt: skip
    add("--rate-limit", type=float, metavar="N", help="API requests per second and key before 429 (default: none)")
    add("--max-in-flight", type=int, metavar="N", help="tasks that process at once before 429 (default: no limit)")
    add("--submits-per-second", type=float, metavar="N", help="submits a second before 429 (default: no limit)")
    add("--seed", type=int, default=given.seed, help="decides pictures and fault shares (default: %(default)s)")
    add("--speed", choices=SPEEDS, default=given.speed, help="x264 preset of the clips (default: %(default)s)")
    add(
        "--copies",
        action="store_true",
        help="render one clip of each size and length and give copies: for measurements",
    )


def configuration(options: argparse.Namespace) -> Config:
    """The configuration the options ask for.

    Raises:
        SettingsError: an option is unusable; names it.
    """
    try:
        text = options.faults or "[]"
        if text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        rules = faults.parse(text)
    except OSError as error:
        raise SettingsError(
            f"--faults: {error.strerror}", next_step="give a JSON list, or @ and a readable file"
        ) from None
    except (ValidationError, UnicodeDecodeError) as error:
        raise SettingsError(f"--faults: {_first(error)}", next_step="give a JSON list of fault rules") from None
    if options.public is not None and not options.public.is_dir():
        raise SettingsError(f"--public: {options.public} is not a folder", next_step="give a folder store that exists")
    try:
        given = {name: value for name, value in vars(options).items() if name in Config.model_fields}
        return Config.model_validate({**given, "keys": options.keys or (DEFAULT_KEY,), "faults": rules})
    except ValidationError as error:
        names = {name: f"--{name.replace('_', '-')}" for name in Config.model_fields} | {"keys": "--key"}
        raise SettingsError(explain(error, Config, names), next_step="see `longtake emulator --help`") from None


def main(options: argparse.Namespace) -> int:
    """Serve until interrupted. Prints one JSON line when it listens; logs go to standard error.

    Raises:
        SettingsError: an option is unusable, or the address cannot be listened on.
        CatalogError: the catalog file is unusable.
    """
    config = configuration(options)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    # Its lines hold the URLs of inputs, which can be signed.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(emulator.serve(config, host=options.host, port=options.port, ready=_announce))
    return 0


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is not a port: it must be a whole number from 0 to {_HIGHEST_PORT}"
        )
    return int(text)


def _announce(address: EmulatorAddress) -> None:
    line = {"base_url": address.base_url, "admin_url": address.admin_url, "store_url": address.store_url}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _first(error: ValidationError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "the file is not UTF-8"
    one = error.errors()[0]
    return f"{'.'.join(map(str, one['loc'])) or 'value'}: {one['msg']}"
