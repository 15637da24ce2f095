"""A page of Markdown as what its reader does: prose, blocks of code, and commands that stand for an edit by hand.

A comment before a block says how it is run, and nothing about most blocks:

    <!-- run: background -->           a server: it goes on until the page ends
    <!-- run: file film.yaml -->       the block is written to this file
    <!-- run: exit 2 -->               the last command ends with this code
    <!-- run: not here, WHY -->        it is not run, for this reason
    <!-- run: only, COMMANDS -->       runs these lines in its place, for example an edit that the prose asks for
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PART = re.compile(
    r"(?:^<!-- run: (?P<how>.*?) -->\n)(?P<fence>^```(?P<lang>\w+)\n(?P<code>.*?)^```\n?)?"
    r"|^```(?P<lang2>\w+)\n(?P<code2>.*?)^```\n?",
    re.MULTILINE | re.DOTALL,
)
SHELL = frozenset({"console", "sh", "bash"})


@dataclass(frozen=True)
class Block:
    """A block of code of a page, or a command that is not shown."""

    line: int
    language: str
    text: str
    how: str = ""
    """What the comment before it says."""

    @property
    def commands(self) -> str:
        """The shell commands of a block: of a console, the lines after `$ `."""
        if self.how.startswith("only, "):
            return self.how.removeprefix("only, ")
        if self.language != "console":
            return self.text
        return "".join(f"{line[2:]}\n" for line in self.text.splitlines() if line.startswith("$ "))


def parts(markdown: str) -> list[str | Block]:
    """The page in its order: texts between blocks, and blocks."""
    found: list[str | Block] = []
    last = 0
    for match in PART.finditer(markdown):
        found.append(markdown[last : match.start()])
        last = match.end()
        language = match["lang"] or match["lang2"] or "sh"
        line = markdown.count("\n", 0, match.start()) + 1
        found.append(Block(line, language, match["code"] or match["code2"] or "", match["how"] or ""))
    return [*found, markdown[last:]]


def blocks(markdown: str) -> list[Block]:
    """The blocks of a page alone."""
    return [part for part in parts(markdown) if isinstance(part, Block)]
