"""Faults on purpose: rules that say where something goes wrong, what, how often and for whom."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from longtake.frozen import Frozen

Where = Literal["submit", "poll", "media", "balance"]
What = Literal[
    "429", "500", "503-before", "500-after", "drop-before", "drop-after", "stall", "garbage", "html", "redirect",
    "refuse-30002", "no-id", "same-id", "404", "expired", "truncated", "no-last-frame", "no-usage", "fail-80003",
    "fail-80006", "fail-80007", "no-refund", "slow", "black", "tint",
]  # fmt: skip

BEFORE = frozenset({"429", "500", "503-before", "drop-before", "redirect", "refuse-30002"})
"""On submit: answered before anything is looked at or charged."""
AFTER = frozenset({"500-after", "drop-after", "stall", "garbage", "html", "no-id", "same-id"})
"""On submit: the task is charged and runs, and the answer that would name it is spoilt."""
FATES = frozenset(
    {
        "fail-80003",
        "fail-80006",
        "fail-80007",
        "no-refund",
        "slow",
        "expired",
        "no-last-frame",
        "no-usage",
        "black",
        "tint",
    }
)
"""On submit: the answer is right, and the task ends otherwise than it should."""
SHAPES = frozenset({"no-last-frame", "no-usage"})
"""On poll: the envelope lacks something this once."""
GETS = frozenset(
    {"429", "500", "503-before", "500-after", "drop-before", "drop-after", "stall", "garbage", "html", "redirect"}
)
"""On what is free the words before and after make no difference."""

FAULTS: dict[Where, frozenset[str]] = {
    "submit": BEFORE | AFTER | FATES,
    "poll": GETS | SHAPES | {"404", "no-id", "slow"},
    "media": GETS | {"expired", "truncated", "slow"},
    "balance": GETS | {"slow"},
}


class Rule(Frozen):
    """One fault. Without `times` and `share` it strikes every time.

    `times` ends the rule after this many strikes; `share` (0 to 1) strikes that part of the occasions, the same ones for the
    same seed; `match` restricts it to prompts that hold this text (never true for a balance). `retry_after` goes into the
    header of a 429 (seconds, or an HTTP date as text). `seconds` is the length of `slow`: longer processing on submit, a
    later answer elsewhere.
    """

    where: Where
    what: What
    times: int | None = Field(default=None, ge=1, le=1_000_000)
    share: float | None = Field(default=None, ge=0, le=1)
    match: str | None = Field(default=None, min_length=1, max_length=4000)
    retry_after: float | str | None = None
    seconds: float = Field(default=30.0, ge=0, le=3600)

    @model_validator(mode="after")
    def _can_happen(self) -> Self:
        if self.what not in FAULTS[self.where]:
            allowed = ", ".join(sorted(FAULTS[self.where]))
            raise ValueError(f"{self.what} cannot happen on {self.where}; allowed: {allowed}")
        return self


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What was decided at submit about how a task ends."""

    code: int | None = None
    refund: bool = True
    extra_seconds: float = 0.0
    expired: bool = False
    last_frame: bool = True
    usage: bool = True
    spoiled: str = ""


class Faults:
    """The rules in force and how often each has struck. Used from one event loop."""

    def __init__(self, rules: tuple[Rule, ...] = (), *, seed: int = 0) -> None:
        self._seed = seed
        self._rules: list[_Counted] = []
        self.add(rules)

    @property
    def rules(self) -> list[dict[str, object]]:
        """Every rule with `struck`, the times it has."""
        return [{**counted.rule.model_dump(), "struck": counted.struck} for counted in self._rules]

    def add(self, rules: tuple[Rule, ...]) -> None:
        """Put rules behind those in force."""
        self._rules += [_Counted(rule, random.Random(f"{self._seed}:{len(self._rules) + at}"))  # noqa: S311 - dice of a rehearsal
                        for at, rule in enumerate(rules)]  # fmt: skip

    def clear(self) -> None:
        """Take all rules away. Tasks keep the fate they have."""
        self._rules.clear()

    def strike(self, where: Where, kinds: frozenset[str], prompt: str | None) -> Rule | None:
        """Return the first rule of these kinds that strikes now, and count it."""
        return next((counted.rule for counted in self._rules if counted.strikes(where, kinds, prompt)), None)

    def fate(self, prompt: str) -> Fate:
        """Draw what becomes of a task that has just been charged: every matching rule of that kind counts."""
        struck = [counted.rule for counted in self._rules if counted.strikes("submit", FATES, prompt)]
        kinds = {rule.what for rule in struck}
        codes = [int(kind.removeprefix("fail-")) for kind in sorted(kinds) if kind.startswith("fail-")]
        lost = "no-refund" in kinds
        return Fate(
            code=codes[0] if codes else (80003 if lost else None),
            refund=not lost,
            extra_seconds=sum(rule.seconds for rule in struck if rule.what == "slow"),
            expired="expired" in kinds,
            last_frame="no-last-frame" not in kinds,
            usage="no-usage" not in kinds,
            spoiled=next((kind for kind in ("black", "tint") if kind in kinds), ""),
        )


class _Counted:
    def __init__(self, rule: Rule, dice: random.Random) -> None:
        self.rule = rule
        self.struck = 0
        self._dice = dice

    def strikes(self, where: Where, kinds: frozenset[str], prompt: str | None) -> bool:
        rule = self.rule
        if rule.where != where or rule.what not in kinds or (rule.times is not None and self.struck >= rule.times):
            return False
        if rule.match is not None and (prompt is None or rule.match not in prompt):
            return False
        # One throw for each occasion, so that the same seed strikes the same occasions.
        if rule.share is not None and self._dice.random() >= rule.share:
            return False
        self.struck += 1
        return True


_RULES: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(tuple[Rule, ...])


def parse(text: str | bytes) -> tuple[Rule, ...]:
    """Read a JSON list of rules.

    Raises:
        pydantic.ValidationError: it is not JSON, or not a list of rules.
    """
    return _RULES.validate_json(text)
