"""A request the emulator says no to, in the provider's words."""

from __future__ import annotations

INVALID = 20002
MIXED_MODES = 20003
INPUT_UNREADABLE = 30002
RATE_LIMITED = 50001
UPSTREAM = 50000
# The codes of these two are unknown (provider-contract.md §3); the status is what counts.
NO_CREDITS = 40200
NOT_FOUND = 40400


class RefusalAnswer(Exception):  # noqa: N818 - an answer, not a fault of the program
    """An error answer: HTTP `status`, the provider's `code` (provider-contract.md §3) and a message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
