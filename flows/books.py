"""The flow `books`: what is new in the store as tables for SQL, on a schedule or by hand."""

import asyncio

from prefect import flow
from prefect.artifacts import acreate_table_artifact

from longtake import store as stores
from longtake.books import BookForm, BooksExport, export
from longtake.prefect import artifacts
from longtake.prefect.config import settings_of
from longtake.prefect.parameters import StoreParameter


@flow(name="books", flow_run_name="books", persist_result=False)
async def books(to: str, format: BookForm = "parquet", store: StoreParameter = None) -> BooksExport:  # noqa: A002 - named as by the command
    """Add what is new of every ledger, film and film set to tables for SQL. Reads only, and spends nothing.

    Args:
        to: a folder of the worker, or `s3://bucket/prefix`; the same one each time.
        format: `parquet`, `csv` or `duckdb`; all but `csv` need the extra `data` where the worker runs.
        store: whose books they are; LONGTAKE_STORE where the worker runs, if left out.

    Raises:
        SettingsError: the extra is not installed, or the place cannot be used or holds other books.
        LedgerError: the ledger of an account cannot be read to its end; the other accounts were exported.
    """
    settings = settings_of(None, store)
    done = await asyncio.to_thread(export, stores.of(settings), to, format, s3=settings.s3)
    rows = [{"table": name, "new rows": count} for name, count in done.rows.items()]
    await artifacts.harmless(acreate_table_artifact(rows, key="books", description=f"Added to {done.place}"))
    return done
