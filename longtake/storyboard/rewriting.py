"""Change a storyboard's file in place: shots in another order, fields of shots; everything else stays as a person wrote it.

Comments in front of a scene or a shot move with it. The changed text is read again: it is used only if it says what was wanted.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longtake.errors import StoryboardError
from longtake.storyboard.loading import draft_text
from longtake.storyboard.writing import inline, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longtake.storyboard.board import Storyboard
    from longtake.storyboard.loaded import Loaded

_Edit = tuple[int, int, str]
"""From one place of the text to another, and what stands there instead."""


def rewritten(loaded: Loaded, board: Storyboard) -> str:
    """Change the text of a storyboard's file to describe `board`.

    Args:
        loaded: the storyboard as it was read.
        board: the same scenes and shots, in another order or with other fields of shots and transitions of scenes.

    Raises:
        StoryboardError: the text is written in a way that cannot be changed in place.
    """
    if loaded.board == board:
        return loaded.text
    try:
        text = _File(loaded.text, loaded.board, board).text()
        done = draft_text(text, name=loaded.name, base=loaded.base)
    except (_CannotChangeError, StoryboardError, LookupError, ValueError):
        done = None
    if done is None or done.problems or done.board != board:
        raise StoryboardError(
            f"{loaded.name} cannot be changed in place: aliases, or lists written in an unusual way",
            next_step="write scenes and shots one below another, without aliases",
            source=loaded.name,
        )
    return text


class _CannotChangeError(Exception):
    """The text is written in a way that this module does not change."""


@dataclass(slots=True)
class _Item:
    """A scene or a shot: its place in the text with the comments before it, and its changes."""

    node: Any
    start: int
    end: int
    column: int
    """Of its dash; -1 between brackets."""
    edits: list[_Edit] = field(default_factory=list)
    shots: _Items | None = None

    def text(self, whole: str) -> str:
        return _applied(whole, self.start, self.end, self.edits)


@dataclass(slots=True)
class _Items:
    """A list of scenes or shots, and what stands between them."""

    items: list[_Item]
    between: list[str] | None
    """None for items one below another."""


class _File:
    """The text of a storyboard while it is changed."""

    def __init__(self, text: str, old: Storyboard, new: Storyboard) -> None:
        from ruamel.yaml import YAML  # noqa: PLC0415 - few storyboards are changed

        self._text = text
        self._new = new
        self._line = "\r\n" if "\r\n" in text else "\n"
        self._was = {scene.id: plain(scene) for scene in old.scenes}
        self._shots_were = {shot.id: plain(shot) for scene in old.scenes for shot in scene.shots}
        root = YAML(typ="safe", pure=True).compose(text)
        self._scenes = self._items(*_entry(root, "scenes"))
        self._by_id = {_entry(scene.node, "id")[1].value: scene for scene in self._scenes.items}
        self._shots: dict[str, _Item] = {}
        for scene in self._scenes.items:
            scene.shots = self._items(*_entry(scene.node, "shots"))
            self._shots |= {_entry(shot.node, "id")[1].value: shot for shot in scene.shots.items}

    def text(self) -> str:
        """The changed text."""
        for scene in self._new.scenes:
            home = self._by_id[scene.id]
            for shot in scene.shots:
                self._change(self._shots[shot.id], plain(shot), self._shots_were[shot.id])
            said, was = plain(scene), self._was[scene.id]
            self._change(home, {**said, "shots": 0}, {**was, "shots": 0})
            if home.shots is None:
                raise _CannotChangeError
            home.edits.append(self._placed(home.shots, [self._shots[shot.id] for shot in scene.shots]))
        edit = self._placed(self._scenes, [self._by_id[scene.id] for scene in self._new.scenes])
        return _applied(self._text, 0, len(self._text), [edit])

    # -- order -----------------------------------------------------------------------------------------------------------

    def _items(self, key: Any, value: Any) -> _Items:  # noqa: ANN401 - ruamel's nodes
        nodes = value.value
        if value.flow_style:
            spans = [(node.start_mark.index, node.end_mark.index) for node in nodes]
            between = [self._text[a[1] : b[0]] for a, b in itertools.pairwise(spans)]
            return _Items([_Item(node, *span, -1) for node, span in zip(nodes, spans, strict=True)], between)
        items, at = [], self._after(key.end_mark.index)
        for node in nodes:
            dash = self._text.rindex("-", 0, node.start_mark.index)
            end = self._after(self._ending(node))
            items.append(_Item(node, at, end, dash - self._text.rfind("\n", 0, dash) - 1))
            at = end
        return _Items(items, None)

    def _placed(self, was: _Items, items: Sequence[_Item]) -> _Edit:
        """The list with these items in this order, in the place it has."""
        place = was.items[0].start, was.items[-1].end
        if was.between is not None:
            between = was.between if len(items) == len(was.items) else [", "] * (len(items) - 1)
            if any(item.column >= 0 for item in items) or any("#" in part for part in (*was.between, *between)):
                raise _CannotChangeError
            texts = [item.text(self._text) for item in items]
            return (*place, "".join(part for pair in zip(texts, [*between, ""], strict=True) for part in pair))
        column = was.items[0].column
        if any(item.column < 0 for item in items):
            raise _CannotChangeError
        whole = "".join(self._shifted(item, column) for item in items)
        # The file's last line may lack its end.
        return (*place, whole if self._text[place[0] : place[1]].endswith("\n") else whole.rstrip("\r\n"))

    def _shifted(self, item: _Item, column: int) -> str:
        text = item.text(self._text)
        text = text if text.endswith("\n") else text + self._line
        if item.column == column:
            return text
        lines = text.splitlines(keepends=True)
        if column > item.column:
            return "".join(" " * (column - item.column) + line if line.strip() else line for line in lines)
        less = item.column - column
        return "".join(line[min(less, len(line) - len(line.lstrip(" "))) :] for line in lines)

    # -- fields -----------------------------------------------------------------------------------------------------------

    def _change(self, item: _Item, said: Mapping[str, Any], was: Mapping[str, Any]) -> None:
        for key in (*said, *(key for key in was if key not in said)):
            if key not in said:
                item.edits.append(self._without(item, key))
            elif key not in was or said[key] != was[key]:
                item.edits.append(self._with(item, key, said[key]))
        inserted = [edit for edit in item.edits if edit[0] == edit[1]]
        if len(inserted) > 1:  # all at one place
            item.edits = [edit for edit in item.edits if edit not in inserted]
            item.edits.append((*inserted[0][:2], "".join(edit[2] for edit in inserted)))

    def _with(self, item: _Item, key: str, value: object) -> _Edit:
        entries = item.node.value
        quoted = entries[0][0].style == '"'
        text = json.dumps(value, ensure_ascii=False) if quoted else inline(value)
        for name, node in entries:
            if name.value == key:
                start = self._text.index(":", name.end_mark.index) + 1
                return start, self._ending(node), f" {text}"
        if item.node.flow_style:
            end = self._ending(entries[-1][1])
            return end, end, f", {json.dumps(key) if quoted else key}: {text}"
        place = self._after(self._ending(entries[-1][1]))
        if self._text[:place].endswith("\n"):
            place -= len(self._line)
        return place, place, f"{self._line}{' ' * entries[0][0].start_mark.column}{key}: {text}"

    def _without(self, item: _Item, key: str) -> _Edit:
        entries = item.node.value
        at = next(number for number, (name, _) in enumerate(entries) if name.value == key)
        name, node = entries[at]
        if at == 0:
            raise _CannotChangeError
        if item.node.flow_style:
            return self._ending(entries[at - 1][1]), self._ending(node), ""
        return self._text.rfind("\n", 0, name.start_mark.index) + 1, self._after(self._ending(node)), ""

    # -- places -----------------------------------------------------------------------------------------------------------

    def _ending(self, node: Any) -> int:  # noqa: ANN401 - ruamel's nodes
        """Where a value ends: without the comments and the lines behind it."""
        if isinstance(node.value, str):
            return len(self._text[: node.end_mark.index].rstrip())
        if node.flow_style or not node.value:
            return int(node.end_mark.index)
        last = node.value[-1]
        return self._ending(last[1] if isinstance(last, tuple) else last)

    def _after(self, place: int) -> int:
        """The start of the next line."""
        found = self._text.find("\n", place)
        return found + 1 if found >= 0 else len(self._text)


def _entry(node: Any, key: str) -> tuple[Any, Any]:  # noqa: ANN401 - ruamel's nodes
    for name, value in node.value:
        if name.value == key:
            return name, value
    raise _CannotChangeError


def _applied(text: str, start: int, end: int, edits: Iterable[_Edit]) -> str:
    parts, at = [], start
    for first, last, new in sorted(edits):
        if first < at or last > end:
            raise _CannotChangeError
        parts += [text[at:first], new]
        at = last
    return "".join([*parts, text[at:end]])
