"""Load a storyboard from an object, a mapping, a path or a URL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from longtake.errors import StoryboardError
from longtake.storyboard.board import Storyboard
from longtake.storyboard.loaded import Loaded
from longtake.storyboard.loading import LARGEST, checked, decoded, draft, draft_text, unreadable
from longtake.storyboard.node import MOST_VALUES, of_json
from longtake.storyboard.writing import plain

if TYPE_CHECKING:
    from longtake.settings import S3Settings

INLINE = "(inline)"


def load_any(
    board: Storyboard | Mapping[str, Any] | str | PathLike[str],
    *,
    base: str | PathLike[str] | None = None,
    s3: S3Settings | None = None,
) -> Loaded:
    """Load a storyboard from any of its forms.

    Problems of the storyboard stay on the result (`Loaded.problems`): `longtake.request.resolve` raises them together
    with those of files, models and prices, so that they are reported at once.

    Args:
        board: a `Storyboard`; a mapping with the keys of a file; or the path, `file://`, `http(s)://` or `s3://bucket/key` URL of
            a YAML or JSON file. A URL is read up to 2 MB, within a minute.
        base: the folder that relative paths start from. By default the file's folder, or the one a `Storyboard` knows, else the
            current one.
        s3: how to speak with the S3 server of an `s3://` URL.

    Raises:
        StoryboardError: the storyboard cannot be read, or it is too broken to be judged further.
        StoreError: the S3 server cannot be read.
    """
    folder = Path(base).absolute() if base is not None else None
    if isinstance(board, Storyboard):
        return of_board(board, base=folder)
    if isinstance(board, Mapping):
        return draft_text(_json(board), name=INLINE, base=folder or Path.cwd(), lines=False)
    source = fspath(board)
    if source.startswith(("s3://", "http://", "https://")):
        from longtake.storyboard import fetching  # noqa: PLC0415 - loads httpx or boto3

        data, name = fetching.read(source, s3=s3, limit=LARGEST)
        return draft_text(decoded(data, name), name=name, base=folder or Path.cwd())
    if isinstance(board, str) and "\n" in board:
        raise StoryboardError(
            "this text is not the path of a storyboard", next_step="read a text with `Storyboard.from_yaml(text)`"
        )
    loaded = draft(_path(source) if source.startswith("file:") else source)
    return loaded if folder is None else replace(loaded, base=folder, board=loaded.board.based_in(folder))


async def aload_any(
    board: Storyboard | Mapping[str, Any] | str | PathLike[str],
    *,
    base: str | PathLike[str] | None = None,
    s3: S3Settings | None = None,
) -> Loaded:
    """As `load_any`, for a running event loop: files and URLs are read in a thread."""
    import asyncio  # noqa: PLC0415 - already loaded where this is awaited; elsewhere it takes longer to load than all of this package

    return await asyncio.to_thread(load_any, board, base=base, s3=s3)


def of_board(board: Storyboard, *, base: Path | None = None) -> Loaded:
    """Load a storyboard that was built in Python. Problems between its parts stay on the result, as in `load_any`.

    Raises:
        StoryboardError: it is larger than a file may be.
    """
    name = f"the storyboard {json.dumps(board.title, ensure_ascii=False)}"
    data = plain(board)
    text = json.dumps(data, indent=1)
    tree = of_json(data)
    # Other runs read this text when scenes are dispatched to them, so the limits of files apply.
    if len(text) > LARGEST:
        raise unreadable(name, "the storyboard is too large")
    if tree.values > MOST_VALUES:
        raise unreadable(name, f"the storyboard holds more than {MOST_VALUES} values")
    folder = (base or board.folder or Path()).absolute()
    return checked(Loaded(board, folder, name, tree, text=text, lines=False))


def _json(board: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(board), indent=1, default=_default)
    except (TypeError, ValueError, RecursionError) as error:
        said = "it contains itself or is nested too deeply" if not isinstance(error, TypeError) else str(error)
        raise unreadable(INLINE, f"this is not data that a file could hold: {said}") from None


def _default(value: object) -> object:
    """Models, mappings and paths inside plain data, as JSON data."""
    if isinstance(value, BaseModel):
        return plain(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, PathLike):
        return str(value)
    raise TypeError(f"a value is a {type(value).__name__}")


def _path(url: str) -> str:
    """The path in a `file:` URL."""
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment or not parts.path.startswith("/"):
        raise unreadable(url, "this URL is not file:///an/absolute/path")
    return unquote(parts.path)
