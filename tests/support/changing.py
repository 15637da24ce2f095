"""Open sessions with another store, ledger or settings under them."""

from __future__ import annotations

from dataclasses import replace


def use(session, *, store=None, book=None, settings=None):
    """Let an open session go on with these."""
    if store is not None:
        session.store = store
        session.assets = replace(session.assets, store=store)
    if book is not None:
        session.book = book
        session.account = replace(session.account, book=book)
        session.events._book = book
    if settings is not None:
        session.settings = settings
        session.assets = replace(session.assets, settings=settings)
