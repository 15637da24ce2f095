"""Open sessions with another store, ledger or settings under them."""

from __future__ import annotations

from dataclasses import replace

from longtake.take.events import AttemptEvents


def use(session, *, store=None, ledger=None, settings=None):
    """Let an open session go on with these."""
    if store is not None:
        session.store = store
        session.assets = replace(session.assets, store=store)
    if ledger is not None:
        session.ledger = ledger
        session.account = replace(session.account, ledger=ledger)
        session.events = AttemptEvents(session.events.observer, session.spending, ledger)
    if settings is not None:
        session.settings = settings
        session.assets = replace(session.assets, settings=settings)
