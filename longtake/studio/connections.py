"""Sessions that open when first used and close when last used: one per event loop, film and run in a process.

A part that is called alone opens its session and closes it; parts of one flow on one loop share theirs. A store and a ledger need
no loop: they stay for the process, so that 50 mapped tasks read the ledger once and not 50 times. What limits a run holds for all
its sessions in a process (`sharing.py`).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import OrderedDict
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longtake import store as stores
from longtake.catalog import Catalog
from longtake.studio import shared_run
from longtake.take import SetTag, ledger_of, open_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from longtake.ledger import Ledger
    from longtake.observer import Observer
    from longtake.settings import Settings
    from longtake.store import Store
    from longtake.take import Session

_MOST = 8
"""Accounts a process keeps at hand."""


@dataclass
class _Open:
    """A session in use."""

    users: int = 0
    session: Session | None = None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


_open: dict[tuple[object, ...], _Open] = {}
_accounts: OrderedDict[Settings, tuple[Store, Ledger]] = OrderedDict()
_guard = threading.Lock()


def _account(settings: Settings) -> tuple[Store, Ledger]:
    """The store and the ledger of some settings, opened once in a process, however many threads ask at the same moment."""
    with _guard:
        found = _accounts.pop(settings, None)
        if found is not None and (found[1].refusal is not None or _replaced(found[1])):
            # Why a ledger takes no purchases may be gone by now.
            found = None
        if found is None:
            store = stores.of(settings)
            found = store, ledger_of(settings, store)
        _accounts[settings] = found
        while len(_accounts) > _MOST:
            _accounts.popitem(last=False)
        return found


def _replaced(ledger: Ledger) -> bool:
    """Whether another store lies where the ledger was read, such as a folder that was deleted and made again.

    An entry behind the last one that is remembered would leave a gap in it.
    """
    head = ledger.log.known().head
    return head > 0 and ledger.log.entry(head) is None


def _forget() -> None:
    """A forked process must not share sockets or locks with its parent."""
    global _guard  # noqa: PLW0603 - the process is another
    _guard = threading.Lock()
    _open.clear()
    _accounts.clear()
    shared_run.forget()


os.register_at_fork(after_in_child=_forget)


@asynccontextmanager
async def connected(
    settings: Settings,
    *,
    film: str,
    run: str,
    budget: int | None = None,
    run_budget: int | None = None,
    tag: SetTag = SetTag(),  # noqa: B008 - frozen
    observer: Observer | None = None,
) -> AsyncIterator[Session]:
    """Give the open session of a film and a run on this event loop.

    Args:
        settings: credentials, limits and places.
        film: the film's slug.
        run: an id: what is bought counts against the run budget of everything with the same id.
        budget: credits the film may ever cost; None for no limit.
        run_budget: credits the run may cost, in addition to the budget of the settings; None for none of its own.
        tag: the film set that the film belongs to.
        observer: notified of each step and each change. Sessions are shared only by callers with the same observer.

    Raises:
        SettingsError: no key, or a store URI that cannot be used.
        StoreError: the store is away.
        PreflightError: the store is not fit for a ledger; nothing was sent.
    """
    key = (asyncio.get_running_loop(), settings, film, run, budget, run_budget, tag, observer)
    one = _open.setdefault(key, _Open())
    one.users += 1
    try:
        async with one.lock:
            if one.session is None:
                store, ledger = await asyncio.to_thread(_account, settings)
                catalog = await asyncio.to_thread(Catalog.load, settings.catalog)
                opening = open_session(
                    settings,
                    catalog=catalog,
                    film=film,
                    budget=budget,
                    run_budget=run_budget,
                    tag=tag,
                    run=run,
                    observer=observer,
                    store=store,
                    ledger=ledger,
                )
                session = await one.stack.enter_async_context(opening)
                shared = shared_run.shared_run(settings, run)
                session.slots, session.takes = shared.slots, shared.takes
                session.keeping = shared_run.keeping()
                one.session = session
        yield one.session
    finally:
        one.users -= 1
        if not one.users:
            _open.pop(key, None)
            await one.stack.aclose()
