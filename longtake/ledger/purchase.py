"""What an intent buys: a take of a shot, with its price."""

from __future__ import annotations

from pydantic import Field

from longtake.frozen import Frozen


class Purchase(Frozen):
    """What an intent is for: everything the accounts later ask about an attempt."""

    film: str
    scene: str
    shot: str
    take: int = Field(ge=1)
    fingerprint: str
    description: str
    model: str
    run: str
    expected: int = Field(gt=0)
    """What the attempt should cost, credits."""
    reserve: int = Field(gt=0)
    """The most the provider may debit at acceptance, credits."""
    set: str = ""
    """The film set that the film belongs to, by its slug; empty for a film alone."""
    labels: dict[str, str] = Field(default_factory=dict)
    """What accounts may be summed by, such as a campaign: labels of the set's row."""
    exact: bool = True
    """Whether it debits just that, as far as the price is right. False where it chooses the length or an input's is unknown."""

    @property
    def label(self) -> str:
        """`scene/shot · take n`, as people see it everywhere."""
        return f"{self.scene}/{self.shot} · take {self.take}"
