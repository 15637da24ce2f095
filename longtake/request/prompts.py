"""Names in prompts: `@keeper` becomes what the provider calls the shot's first image (provider-contract.md §4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MENTION = re.compile(r"@@|(?<!\w)@([A-Za-z0-9][A-Za-z0-9_-]*)")
"""An @ inside a word, as in an address, is left alone; @@ stands for a plain one."""


def translated(prompt: str, names: Mapping[str, str]) -> tuple[str, list[str]]:
    """The prompt with every `@name` replaced by what `names` says, and the names it does not hold.

    The provider's own names (`@image1`) may be written too when they stand among the values.
    """
    unknown: list[str] = []
    provided = {value.removeprefix("@") for value in names.values()}

    def replace(match: re.Match[str]) -> str:
        if match.group() == "@@":
            return "@"
        for name in (match[1], match[1].rstrip("-_")):
            rest = match[1][len(name) :]
            if name in names:
                return names[name] + rest
            if name in provided:
                return f"@{name}{rest}"
        if match[1] not in unknown:
            unknown.append(match[1])
        return match.group()

    return MENTION.sub(replace, prompt), unknown
