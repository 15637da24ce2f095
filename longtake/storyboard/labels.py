"""Labels that a run is given in addition to those of its storyboard: what its credits can be summed by.

A label changes no take: a change of labels buys nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from longtake.errors import SettingsError
from longtake.storyboard.problem import quoted
from longtake.storyboard.values import LABEL_TEXT, PurchaseLabels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LABELS: TypeAdapter[dict[str, str]] = TypeAdapter(PurchaseLabels)


def checked_labels(labels: Mapping[str, str] | None) -> dict[str, str]:
    """Return the labels that a run was given.

    Raises:
        SettingsError: a name or a value cannot be used, or there are more than 20.
    """
    try:
        return _LABELS.validate_python(dict(labels or {}), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = f"the label {quoted(first['loc'][0])}" if first["loc"] else "the labels of the run"
        raise SettingsError(f"{name} cannot be used", next_step=f"give {LABEL_TEXT.text}") from None


def labels_of(words: Iterable[str]) -> dict[str, str]:
    """Return the labels of `name=value` words, as the command takes them.

    Raises:
        SettingsError: a word is not one, or a name is there twice.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name in found:
            said = f"the label {quoted(name)} is given twice" if equals else f"the label {quoted(word)} has no value"
            raise SettingsError(said, next_step="give each label once: --label campaign=autumn")
        found[name] = value
    return checked_labels(found)
