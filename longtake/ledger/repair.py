"""Repair a log where that is safe: mark lost entries as lost, and write damaged checkpoints again.

Nothing is overwritten. An entry that cannot be read, or that is not the one its follower names, stays for a backup to replace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.ledger import entries as e
from longtake.ledger import owner
from longtake.ledger.audit import audit
from longtake.ledger.ledger import now

if TYPE_CHECKING:
    from longtake.ledger.entry_log import EntryLog


def repair(log: EntryLog, *, who: str, why: str) -> list[str]:
    """Mark missing entries as lost, and leave readers a checkpoint that they can use; return what was done, a sentence each.

    What hung on a lost entry is in doubt from then on, and nothing is bought until a person has settled it.

    Args:
        log: the account's log.
        who: the person, for the log.
        why: the reason, for the log.

    Raises:
        StoreError: the store is away; run it again.
    """
    done = []
    for sequence in audit(log).missing:
        behind = log.raw([sequence - 1])[0] if sequence > 1 else None
        before = None if behind is None else e.digest_of(behind)
        if log.write_lost(sequence, e.Lost(at=now(), by=owner.current(), before=before, who=who, why=why)):
            done.append(f"entry {sequence} is marked as lost")
    found = audit(log)
    if found.state is not None and not found.readable and log.write_checkpoint(found.state, found.last):
        done.append(f"checkpoint {found.state.head} is written")
    return done
