from __future__ import annotations

import pytest
from pydantic import ValidationError

from longtake.emulator import faults
from longtake.emulator.faults import BEFORE, Faults, Rule


def test_a_rule_must_be_possible_where_it_is():
    with pytest.raises(ValidationError, match="cannot happen on balance"):
        Rule(where="balance", what="truncated")
    with pytest.raises(ValidationError):
        faults.parse('[{"where": "submit", "what": "429", "tmes": 2}]')


def test_times_ends_a_rule_and_the_next_takes_over():
    some = Faults((Rule(where="submit", what="429", times=2), Rule(where="submit", what="500", times=1)))
    seen = [some.strike("submit", BEFORE, "x") for _ in range(4)]
    assert [rule and rule.what for rule in seen] == ["429", "429", "500", None]


def test_match_and_place_restrict_a_rule():
    some = Faults((Rule(where="submit", what="429", match="lamp"),))
    assert some.strike("submit", BEFORE, "the sea") is None
    assert some.strike("submit", BEFORE, None) is None
    assert some.strike("poll", BEFORE, "the lamp") is None
    assert some.strike("submit", BEFORE, "the lamp") is not None


def test_share_strikes_the_same_occasions_for_the_same_seed():
    def pattern(seed):
        some = Faults((Rule(where="submit", what="500", share=0.3),), seed=seed)
        return [some.strike("submit", BEFORE, "x") is not None for _ in range(400)]

    assert pattern(1) == pattern(1) != pattern(2)
    assert 80 < sum(pattern(1)) < 160


def test_fates_add_up():
    some = Faults(
        (
            Rule(where="submit", what="fail-80006"),
            Rule(where="submit", what="no-refund"),
            Rule(where="submit", what="slow", seconds=5),
        )
    )
    fate = some.fate("x")
    assert (fate.code, fate.refund, fate.extra_seconds) == (80006, False, 5)
