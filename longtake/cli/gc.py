"""`longtake gc`: list what nothing in the store needs; with `--delete` remove it."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from longtake import housekeeping
from longtake import settings as env
from longtake import store as stores
from longtake.cli.waiting import Waiting
from longtake.errors import StoreError
from longtake.store.s3 import S3Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longtake.housekeeping import Garbage, Survey
    from longtake.store import Store

_DAY = 24.0
_LONGEST = 24 * 36_500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--delete", action="store_true", help="remove what was found")
    parser.add_argument(
        "--older-than",
        metavar="HOURS",
        type=_hours,
        default=_DAY,
        help="leave what is younger (24): a run under way may be about to use it",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """List the garbage, or remove it."""
    store = stores.of(env.from_environment())
    with Waiting("looking") as waiting:
        found = housekeeping.survey(store, older_than=timedelta(hours=options.older_than), on_progress=waiting.step)
        gone = housekeeping.clear(store, found) if options.delete else ()
    uploads = _uploads(store, end=options.delete)
    if options.json:
        print(json.dumps(_answer(found, gone, uploads, deleted=options.delete), indent=2))
    else:
        _show(found, gone, uploads, options)
    return 0


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number of hours from 0 to {_LONGEST}")
    return hours


def _uploads(store: Store, *, end: bool) -> int | None:
    """Count multipart uploads that never ended; None if the server cannot list them."""
    if not isinstance(store, S3Store):
        return 0
    try:
        return store.abandoned_uploads(end=end)
    except StoreError:
        return None


def _answer(found: Survey, gone: Iterable[Garbage], uploads: int | None, *, deleted: bool) -> dict[str, Any]:
    removed = {one.key for one in gone}
    now = datetime.now(UTC)
    return {
        "garbage": [
            {
                "key": one.key,
                "what": one.what,
                "bytes": one.size,
                "hours": round((now - one.modified) / timedelta(hours=1), 1),
                "deleted": one.key in removed,
            }
            for one in found.garbage
        ],
        "bytes": found.bytes,
        "objects": found.objects,
        "young": found.young,
        "held": found.held,
        "unknown": found.unknown,
        "uploads": uploads,
        "deleted": deleted,
    }


def _show(found: Survey, gone: tuple[Garbage, ...], uploads: int | None, options: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    for one in found.garbage:
        hours = (now - one.modified) / timedelta(hours=1)
        age = f"{hours:.0f} h" if hours < 2 * _DAY else f"{hours / _DAY:.0f} d"
        print(f"{one.size:>14,} bytes  {age:>6}  {one.key}  ({one.what})")
    count = len(found.garbage)
    print(f"{found.bytes:>14,} bytes in {_objects(count)} that nothing needs, of {_objects(found.objects)}")
    if options.delete:
        print(f"removed: {_objects(len(gone))}, {sum(one.size for one in gone):,} bytes")
    elif count:
        print("nothing was removed: `longtake gc --delete` does that")
    if found.young:
        print(f"left alone: {_objects(found.young)} younger than {options.older_than:g} h")
    if found.held:
        print(
            f"left alone: {_objects(found.held)} that came while an attempt was in flight; `longtake credits` names it"
        )
    if found.unknown:
        print(f"left alone: {_objects(found.unknown)} that are not Longtake's")
    if uploads:
        said = "ended" if options.delete else "to be ended"
        print(f"uploads begun more than a day ago and never ended: {uploads}, {said}")


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count:,} objects"
