"""Reports of a run: the outcome of every shot, a table, a page and a contact sheet."""

from __future__ import annotations

from longtake.report.outcomes import Money, OutcomeStatus, ShotOutcome, incomplete, money_of
from longtake.report.page import RunLedger, cut_short, page
from longtake.report.pictures import picture
from longtake.report.sheet import MOST_PICTURES, contact_sheet, kept_sheet
from longtake.report.table import rows
from longtake.report.words import failed_checks, many, plain, seam_notes, stale_note, under_way

__all__ = [
    "MOST_PICTURES",
    "Money",
    "OutcomeStatus",
    "RunLedger",
    "ShotOutcome",
    "contact_sheet",
    "cut_short",
    "failed_checks",
    "incomplete",
    "kept_sheet",
    "many",
    "money_of",
    "page",
    "picture",
    "plain",
    "rows",
    "seam_notes",
    "stale_note",
    "under_way",
]
