"""Checkpoints: the state after an entry, which saves readers from folding the whole log."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ValidationError

from longtake.frozen import Frozen
from longtake.ledger import entries as e
from longtake.ledger.attempt import Closed
from longtake.ledger.state import LedgerState


class Checkpoint(Frozen):
    """A state as it lies in the store."""

    v: Literal[1] = 1
    digest: str | None = None
    """`digest_of` its state in canonical JSON; None in those of releases that did not write it."""
    last: str | None = None
    """`digest_of` the entry at its head, which the next entry names; None in those of releases that did not write it."""
    state: LedgerState


def checkpoint_of(state: LedgerState, last: str | None) -> bytes:
    """Return a checkpoint as it lies in the store; `last` is the digest of the entry at its head."""
    text = state.model_dump_json()
    head = {"v": 1, "digest": _canonical(json.loads(text)), **({"last": last} if last else {})}
    return b'%s,"state":%s}\n' % (json.dumps(head, separators=(",", ":")).encode()[:-1], text.encode())


def state_in(checkpoint: bytes) -> LedgerState | None:
    """Return the state in a checkpoint; None if it is from another release or damaged."""
    found = whole(checkpoint)
    return None if found is None else found.state


def whole(checkpoint: bytes) -> Checkpoint | None:
    """Parse a checkpoint; None if it is from another release or damaged."""
    try:
        found = Checkpoint.model_validate_json(checkpoint)
    except ValidationError:
        return None
    intact = found.digest is None or found.digest == _canonical(json.loads(checkpoint)["state"])
    return found if intact else None


def _canonical(state: object) -> str:
    return e.digest_of(json.dumps(state, sort_keys=True, separators=(",", ":")).encode())


class _Part(BaseModel):
    closed: list[Closed]


class _Listed(BaseModel):
    """What `history` reads of a checkpoint: much less than all of it."""

    v: Literal[1]
    state: _Part


def closed_in(checkpoint: bytes | None) -> list[Closed] | None:
    """Return what closed since the checkpoint before; None where it cannot be read or there is none."""
    try:
        return _Listed.model_validate_json(checkpoint).state.closed if checkpoint is not None else None
    except ValidationError:
        return None
