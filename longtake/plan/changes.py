"""List what changed between a used take and the current request, in the storyboard's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longtake.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.request import ResolvedShot

_LONGEST = 60


class Change(Frozen):
    """One changed input: its old and new value, None where absent. Media are named by their digests."""

    what: str
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        if self.before is None and self.after is None:
            return self.what
        return f"{self.what}: {_shown(self.before, self.after)} → {_shown(self.after, self.before)}"


def between(
    before: Mapping[str, Any], after: Mapping[str, Any], *, shot: ResolvedShot, ignored: frozenset[str]
) -> tuple[Change, ...]:
    """The changes from one frozen request to another; `ignored` are fields that decide nothing."""
    old, new = _flat(before), _flat(after)
    names = {f"sha256:{given.sha256}": given.name for given in shot.inputs if given.sha256 is not None}
    return tuple(
        Change(what=what, before=_named(old.get(what), {}), after=_named(new.get(what), names))
        for what in dict.fromkeys((*old, *new))
        if old.get(what) != new.get(what) and what.partition(" ")[0] not in ignored
    )


def _flat(body: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, list):
            for number, item in enumerate(value, 1):
                role = next((str(v) for k, v in item.items() if k == "role"), "") if isinstance(item, dict) else ""
                text = next((str(v) for k, v in item.items() if k != "role"), "") if isinstance(item, dict) else item
                found[f"{name} {role or number}"] = str(text)
        else:
            found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _named(value: str | None, names: Mapping[str, str]) -> str | None:
    if value is None or not value.startswith("sha256:"):
        return value
    digest = value.removeprefix("sha256:")[:12]
    return f"{names[value]} ({digest})" if value in names else digest


def _shown(value: str | None, other: str | None) -> str:
    """One side of a change on one line; of a long text what comes behind the words that both sides begin with."""
    if value is None:
        return "none"
    words, others = value.split(), (other or "").split()
    if len(plain := " ".join(words)) <= _LONGEST:
        return plain
    same = next((n for n, (one, two) in enumerate(zip(words, others, strict=False)) if one != two), len(others))
    start = min(same, len(words) - 1)
    left = ("…" if start else "") + " ".join(words[start:])
    return left if len(left) <= _LONGEST else left[: _LONGEST - 1] + "…"
