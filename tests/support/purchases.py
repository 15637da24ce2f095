"""Purchases of shots that are never made, and claims for them: for tests of the ledger alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.ledger import Budget, Limits, Purchase
from longtake.ledger.entries import Intent
from longtake.ledger.ledger import now

if TYPE_CHECKING:
    from datetime import datetime

    from longtake.ledger import Claim, Ledger

ELSEWHERE = "host/another-boot.4026531836/1/1"
"""A process of another machine: a process with its number runs here, too, and started at another time."""


def purchase(shot: str | int = "rocks", *, credits: int = 160, **fields: object) -> Purchase:
    """Take 1 of a shot, expected to cost exactly what it reserves; `fields` replace others of the purchase."""
    given = {
        "film": "a-film",
        "scene": "s",
        "shot": f"shot-{shot}" if isinstance(shot, int) else shot,
        "take": 1,
        "fingerprint": f"fingerprint of {shot}",
        "description": f"description of {shot}",
        "model": "seedance-2.5",
        "run": "run",
        "expected": credits,
        "reserve": credits,
    }
    return Purchase.model_validate({**given, **fields})


def claim(ledger: Ledger, shot: str | int | Purchase = "rocks", *, budget=None, limits=None, **fields: object) -> Claim:
    """Claim a purchase, or the purchase of a shot; its take is not in the library."""
    wanted = shot if isinstance(shot, Purchase) else purchase(shot, **fields)
    given = {"budget": budget or Budget(), "limits": limits or Limits()}
    return ledger.claim(wanted, body={"prompt": "x"}, kept=lambda: False, **given)


def intent_of_another_machine(ledger: Ledger, *, lease_until: datetime, shot: str = "rocks") -> None:
    """Write that a process of another machine claims a shot."""
    entry = Intent(at=now(), by=ELSEWHERE, order=purchase(shot), number=1, lease_until=lease_until, body={})
    ledger.log.append(lambda _: entry)
