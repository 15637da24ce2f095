"""`longtake books`: the ledger, takes, films and sets as tables for SQL. It needs no key, reads only, and spends nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

from longtake import settings as env
from longtake import store as stores
from longtake.books import BookForm, export, over_parquet
from longtake.cli import help_of

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="export | sql", required=True)
    out = _verb(
        verbs,
        "export",
        "add what is new in the store to tables in a folder or bucket",
        "longtake books export --to books --format csv",
        "longtake books export --to s3://finance/longtake --format parquet",
    )
    out.add_argument("--to", metavar="PLACE", required=True, help="a folder or s3://bucket/prefix")
    out.add_argument(
        "--format", choices=get_args(BookForm), default="parquet", help="parquet (the default), csv, or one DuckDB file"
    )
    out.add_argument("--json", action="store_true", help="print one JSON object")
    sql = _verb(
        verbs,
        "sql",
        "print SQL that makes DuckDB views over Parquet tables",
        "longtake books sql books > books.sql && duckdb -init books.sql",
    )
    sql.add_argument("place", metavar="PLACE", help="where the tables were exported to")


def _verb(verbs: Any, name: str, summary: str, *examples: str) -> argparse.ArgumentParser:  # noqa: ANN401 - argparse has no public name for it
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, **help_of(summary, *examples))
    return parser


def main(options: argparse.Namespace) -> int:
    """Export, or print SQL."""
    settings = env.from_environment()
    if options.verb == "sql":
        print(over_parquet(stores.open(options.place, s3=settings.s3)))
        return 0
    done = export(stores.of(settings), options.to, options.format, s3=settings.s3)
    print(json.dumps(asdict(done), indent=2) if options.json else done)
    return 0
