"""The catalog's rules for media inputs (provider-contract.md §4), applied to files and to what URLs serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.catalog import Catalog, InputRule
    from longtake.catalog.catalog import Inputs
    from longtake.media.streams.facts import Probe
    from longtake.request.resolved import Input, ResolvedShot

InputKind = Literal["image", "video", "audio"]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A problem of one input: `message` continues after its name, `allowed` lists valid values."""

    message: str
    allowed: str


def allowed_text(kind: InputKind, rules: Inputs) -> str:
    """The formats of a kind in words, for messages."""
    rule: InputRule = getattr(rules, kind)
    codecs = f" ({' or '.join(rule.codecs)})" if rule.codecs else ""
    return f"{kind} as {', '.join(rule.formats)}{codecs}"


def kind_of(given: Input) -> InputKind:
    """The kind of media that an input has to be for its role."""
    return "image" if given.role == "first_frame" or given.role == "last_frame" else given.role  # noqa: PLR1714 - narrows the type


def misfit(facts: Probe, rules: Inputs) -> Misfit | None:
    """Say why the provider would refuse such a file in any role; None if it would not."""
    rule: InputRule = getattr(rules, facts.kind)
    if facts.format not in rule.formats or (rule.codecs and facts.codec not in rule.codecs):
        return Misfit(f"is {facts.format} {facts.codec}".rstrip(), allowed_text(facts.kind, rules))
    if rule.bytes is not None and facts.bytes > rule.bytes:
        return Misfit(f"has {facts.bytes} bytes", f"up to {rule.bytes} bytes")
    sides = (facts.width, facts.height)
    if rule.side is not None and not (rule.side.min <= min(sides) and max(sides) <= rule.side.max):
        allowed = f"{rule.side.min:g} to {rule.side.max:g} pixels a side"
        return Misfit(f"has {facts.width} x {facts.height} pixels", allowed)
    return None


def misfits(shot: ResolvedShot, served: Mapping[int, Probe], catalog: Catalog) -> list[tuple[Input, Misfit]]:
    """List the problems of a shot's URL inputs, once their content is known.

    Args:
        shot: the resolved shot; its files were held against the rules when it was resolved.
        served: the facts of each URL input, by its index in `shot.inputs`.
        catalog: for the rules.
    """
    found: list[tuple[Input, Misfit]] = []
    media = catalog.model(shot.model).media
    seconds: dict[str, float] = {}
    for index, given in enumerate(shot.inputs):
        facts = served.get(index)
        kind = kind_of(given)
        if facts is None:
            seconds[kind] = seconds.get(kind, 0.0) + (given.seconds or 0.0)
            continue
        if facts.kind != kind:
            found.append((given, Misfit(f"is not {kind} but {facts.kind}", allowed_text(kind, catalog.inputs))))
            continue
        wrong = misfit(facts, catalog.inputs)
        rule = getattr(media, kind)
        length = float(facts.seconds)
        if wrong is None and rule.each is not None and not rule.each.min <= length <= rule.each.max:
            allowed = f"{rule.each.min:g} to {rule.each.max:g} seconds ({shot.model})"
            wrong = Misfit(f"is {length:.2f} seconds long", allowed)
        if wrong is not None:
            found.append((given, wrong))
        before, seconds[kind] = seconds.get(kind, 0.0), seconds.get(kind, 0.0) + length
        if rule.together is not None and before <= rule.together < seconds[kind]:
            message = f"makes the {kind} references {seconds[kind]:.2f} seconds long together"
            found.append((given, Misfit(message, f"up to {rule.together:g} seconds ({shot.model})")))
    return found
