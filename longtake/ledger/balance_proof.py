"""What a balance proves: which of the possible charges must be real to explain the missing credits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def certain(amounts: Mapping[str, int | range], missing: int) -> dict[str, bool] | None:
    """Which of several possible charges explain `missing` credits, where that is certain.

    Args:
        amounts: what each charge would be, above zero; a range (with step 1) where it could be any of these.
        missing: credits.

    Returns:
        For each key that has the same answer in every choice of `amounts` adding up to `missing`: whether it is in it. None when
        no choice adds up.
    """
    if not 0 <= missing <= sum(amount if isinstance(amount, int) else amount[-1] for amount in amounts.values()):
        return None
    mask = (1 << (missing + 1)) - 1

    def reachable(but: str | None) -> int:
        """A bit set of the sums ≤ missing that choices without `but` can make."""
        sums = 1
        for key, amount in amounts.items():
            if key != but:
                sums |= _plus(sums, amount) & mask
        return sums

    if not reachable(None) >> missing & 1:
        return None
    verdicts: dict[str, bool] = {}
    for key, amount in amounts.items():
        others = reachable(key)
        without = bool(others >> missing & 1)
        with_it = bool(_plus(others, amount) >> missing & 1)
        if with_it != without:
            verdicts[key] = with_it
    return verdicts


def _plus(sums: int, amount: int | range) -> int:
    """The bit set of the sums with one charge more."""
    if isinstance(amount, int):
        return sums << amount
    have = 1
    while have < len(amount):
        step = min(have, len(amount) - have)
        sums |= sums << step
        have += step
    return sums << amount.start
