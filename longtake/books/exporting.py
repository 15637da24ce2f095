"""Export the books of a store: new ledger entries, takes, films and film sets become rows. It reads only, and spends nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from longtake import store as stores
from longtake.books import arrow, database, films
from longtake.books import postings as ledgers
from longtake.books.parts import BookStep, Parts
from longtake.books.schema import TABLES
from longtake.errors import LedgerError, SettingsError
from longtake.ledger import EntryLog, all_accounts
from longtake.ledger.entries import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from longtake.books.postings import Block
    from longtake.settings import S3Settings
    from longtake.store import Store

BookForm = Literal["parquet", "csv", "duckdb"]

_FILMS = (("films", films.manifests, films.film_blocks), ("sets", films.results, films.set_blocks))


@dataclass(frozen=True, slots=True)
class BooksExport:
    """What an export added.

    Attributes:
        place: where the books are.
        accounts: the accounts whose ledgers they hold.
        rows: how many rows were added to each table.
    """

    place: str
    accounts: tuple[str, ...]
    rows: dict[str, int]

    def __str__(self) -> str:
        added = ", ".join(f"{count:,} {name}" for name, count in self.rows.items() if count)
        return f"{self.place}: {added or 'nothing new'}"


def export(store: Store, to: str, form: BookForm, *, s3: S3Settings | None = None) -> BooksExport:
    """Add new rows to the books in a place. An export that was killed is finished first, with the same rows.

    Args:
        store: whose books they are.
        to: a folder or an `s3://bucket/prefix`; a DuckDB file is written to a folder.
        form: `parquet`, `csv` or `duckdb`.
        s3: how S3 is reached.

    Raises:
        SettingsError: the extra `data` is not installed, or the place cannot be used or holds other books.
        LedgerError: the ledger of an account cannot be read to its end; the other accounts were exported.
        StoreError: the store or the place is away.
    """
    _check(form)
    target = _target(to, form, s3)
    rows = Counter(dict.fromkeys(TABLES, 0))
    failed: LedgerError | None = None
    accounts = all_accounts(store)
    try:
        for account in accounts:
            try:
                _export_ledger(EntryLog(store, account), target, rows)
            except LedgerError as error:
                failed = failed or error
        for source, listed, blocks in _FILMS:
            keys = listed(store)
            _export(target, source, rows, next_step=_films_step(keys), blocks=_films_blocks(store, blocks))
    finally:
        target.close()
    if failed is not None:
        raise failed
    return BooksExport(to, tuple(accounts), dict(rows))


def arrow_tables(store: Store) -> dict[str, pa.Table]:
    """All books as Arrow tables by name, as they stand now.

    Raises:
        SettingsError: the extra `data` is not installed.
        LedgerError: a ledger cannot be read to its end.
        StoreError: the store is away.
    """
    arrow.check()
    import pyarrow as pa  # noqa: PLC0415 - heavy, and of an extra

    found = {name: [arrow.table_of(table.columns, ())] for name, table in TABLES.items()}
    for block in _all_blocks(store):
        for name, rows in block.rows.items():
            found[name].append(arrow.table_of(TABLES[name].columns, rows))
    return {name: pa.concat_tables(parts) for name, parts in found.items()}


def _all_blocks(store: Store) -> Iterator[Block]:
    for account in all_accounts(store):
        log = EntryLog(store, account)
        yield from ledgers.blocks(log, 0, log.read().head)
    for _, listed, blocks in _FILMS:
        yield from blocks(store, listed(store), 0)


def _check(form: BookForm) -> None:
    if form not in get_args(BookForm):
        raise SettingsError(f"the books cannot be written as {form!r}", next_step="name parquet, csv or duckdb")
    if form == "parquet":
        arrow.check()
    elif form == "duckdb":
        database.check()


def _target(to: str, form: BookForm, s3: S3Settings | None) -> Parts | database.Database:
    place = stores.open(to, s3=s3)
    if form != "duckdb":
        return Parts(place, form)
    inside = place.path(database.NAME)
    if inside is None:
        raise SettingsError(f"a DuckDB file cannot be written to {to}", next_step="name a folder, or export Parquet")
    return database.Database(inside.parent)


def _export(
    target: Parts | database.Database,
    source: str,
    rows: Counter[str],
    *,
    next_step: Callable[[BookStep], BookStep | None],
    blocks: Callable[[BookStep], Iterator[Block]],
) -> None:
    """Finish the last step of a source where its end is missing, then take the next one."""
    step, whole = target.last(source)
    while True:
        if whole:
            following = next_step(step)
            if following is None:
                return
            step = target.begin(source, following)
        for block in blocks(step):
            target.write(block)
            rows.update({name: len(found) for name, found in block.rows.items()})
        target.end(source, step)
        whole = True


def _export_ledger(log: EntryLog, target: Parts | database.Database, rows: Counter[str]) -> None:
    head = log.read().head
    known, _ = target.last(log.account)
    if known.until and _digest(log, known.until) != known.last:
        raise SettingsError(
            f"the books in this place are of another ledger of {log.account}: entry {known.until} is not the same",
            next_step="export to another place",
        )

    def next_step(last: BookStep) -> BookStep | None:
        if head <= last.until:
            return None
        return BookStep(number=last.number + 1, since=last.until, until=head, last=_digest(log, head))

    _export(
        target, log.account, rows, next_step=next_step, blocks=lambda step: ledgers.blocks(log, step.since, step.until)
    )


def _digest(log: EntryLog, sequence: int) -> str | None:
    (data,) = log.raw([sequence])
    return None if data is None else digest_of(data)


def _films_step(keys: list[str]) -> Callable[[BookStep], BookStep | None]:
    def next_step(last: BookStep) -> BookStep | None:
        known = set(last.objects)
        new = sorted(key for key in keys if key not in known)
        if not new:
            return None
        objects = (*last.objects, *new)
        return BookStep(number=last.number + 1, since=last.until, until=len(objects), objects=objects)

    return next_step


def _films_blocks(
    store: Store, blocks: Callable[[Store, tuple[str, ...], int], Iterator[Block]]
) -> Callable[[BookStep], Iterator[Block]]:
    return lambda step: blocks(store, step.objects[step.since :], step.since)
