"""The parameters of the flows: blocks as objects, the storyboard in any form, and a form in the UI without `None` fields."""

from typing import TYPE_CHECKING, Annotated, Any

from prefect.blocks.core import Block
from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, StringConstraints, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.errors import SettingsError
from longtake.storyboard import Approval, Storyboard
from longtake.storyboard import Downstream as _Downstream

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Ask",
    "Board",
    "Credentials",
    "Credits",
    "Deployment",
    "Downstream",
    "Retake",
    "Steps",
    "Store",
    "board_name",
    "reference",
]


class _NoNull:
    """Leaves the null out of a parameter's JSON schema.

    Prefect's form shows it as `Property is type "None"`, and an empty field means it anyway.
    """

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        rest = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
        if len(rest) == 1:
            schema.pop("anyOf")
            schema = {**rest[0], **schema}
        return schema


class _Picked:
    """Describes a block parameter to Prefect's form, which shows a picker, and to its server, which also takes a name.

    Written out instead of referring to the block's own schema: that one asks for an object.
    """

    def __init__(self, kind: type[Block]) -> None:
        self._kind = kind

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del core, handler
        return {
            "title": self._kind.__name__,
            "block_type_slug": self._kind.get_block_type_slug(),
            "block_schema_references": {},
        }


def _loaded(kind: type[Block]) -> "Callable[[object], object]":
    """Load a block that is given by its name."""

    def load(value: object) -> object:
        return kind.load(value, _sync=True) if isinstance(value, str) and value else value or None  # type: ignore[call-arg]

    return load


def _plain(board: object) -> object:
    """Accept a storyboard that was built in Python."""
    return board.model_dump(mode="json") if isinstance(board, Storyboard) else board


Board = Annotated[
    str | dict[str, Any] | Storyboard,
    BeforeValidator(_plain),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
]
Credentials = Annotated[ReapiCredentials | None, BeforeValidator(_loaded(ReapiCredentials)), _Picked(ReapiCredentials)]
Store = Annotated[ArtifactStore | None, BeforeValidator(_loaded(ArtifactStore)), _Picked(ArtifactStore)]
Credits = Annotated[int | None, Field(gt=0), _NoNull()]
Retake = tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...]
Steps = tuple[Annotated[str, StringConstraints(pattern=r"^[\w.]+:[\w.]+$", max_length=400)], ...]
Downstream = Annotated[_Downstream | None, _NoNull()]
Ask = Annotated[Approval | None, _NoNull()]
Deployment = Annotated[Annotated[str, StringConstraints(pattern=r"^[^/]+/[^/]+$", max_length=400)] | None, _NoNull()]


def board_name(board: object) -> str:
    """What to call a run before the storyboard is read."""
    if isinstance(board, Storyboard):
        return board.title
    if isinstance(board, dict):
        return str(board.get("title", "inline"))
    return str(board).partition("?")[0].rpartition("/")[2]


def reference(block: Block | None) -> dict[str, Any] | None:
    """A saved block as the parameter of another run: by its id, never by what it holds.

    Raises:
        SettingsError: the block was never saved, so another worker cannot load it.
    """
    if block is None:
        return None
    if block._block_document_id is None:  # noqa: SLF001 - Prefect's own dispatch reads it
        raise SettingsError(
            f"scenes are made by other workers, which cannot load a {type(block).__name__} that was never saved",
            next_step='save it with `.save("NAME")` and give that block, or leave `scenes` out',
        )
    return {"$ref": {"block_document_id": str(block._block_document_id)}}  # noqa: SLF001
