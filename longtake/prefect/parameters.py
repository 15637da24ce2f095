"""The parameters of the flows: blocks as objects, the storyboard in any form, and a form in the UI without `None` fields."""

from os import PathLike, fspath
from typing import TYPE_CHECKING, Annotated, Any, cast

from prefect.blocks.core import Block
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from longtake.blocks import ArtifactStore, ReapiCredentials
from longtake.errors import SettingsError
from longtake.film_set import FilmSet
from longtake.storyboard import Approval, Storyboard
from longtake.storyboard import Downstream as _Downstream

if TYPE_CHECKING:
    from collections.abc import Callable


class _Optional:
    """Describes an optional parameter to Prefect's form by its type alone, without null and without a default.

    With null the form shows `Property is type "None"`. With the type and `default: null` it fills in null, refuses its own value
    (`None is not of type 'integer'`), and no run can be submitted. Without a default it leaves out empty fields.
    """

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        rest = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
        if len(rest) == 1:
            schema.pop("anyOf")
            # Written out instead of referred to, because pydantic puts the default next to a reference.
            schema = {**handler.resolve_ref_schema(rest[0]), **schema}
        return _WithoutDefault(schema)


class _WithoutDefault(dict[str, Any]):
    """A schema that takes no default: pydantic adds it after all hooks, and Prefect makes the fields of its parameter models."""

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401 - any schema
        if key != "default":
            super().__setitem__(key, value)


class _Picked:
    """Describes a block parameter to Prefect's form, which shows a picker, and to its server, which also takes a name.

    Written out instead of referring to the block's own schema: that one asks for an object.
    """

    def __init__(self, kind: type[Block]) -> None:
        self._kind = kind

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        del core, handler
        found = {
            "title": self._kind.__name__,
            "block_type_slug": self._kind.get_block_type_slug(),
            "block_schema_references": {},
        }
        return _WithoutDefault(found)


def _block(kind: type[Block], parameter: str) -> "Callable[[object], object]":
    """Accept a block, or load it by its name.

    Errors are not a ValueError on purpose: pydantic lets them through, so the run ends with them and not with a ParameterTypeError.
    """

    def load(value: object) -> object:
        if isinstance(value, dict):
            _without_secrets(kind, parameter, value)
        return _saved(kind, parameter, value) if isinstance(value, str) and value else value or None

    return load


def _saved(kind: type[Block], parameter: str, name: str) -> Block:
    """Load a block by its name, or by `block-type/name` as Prefect shows it.

    Raises:
        SettingsError: there is no such block, or it cannot be used here.
    """
    slug = kind.get_block_type_slug()
    try:
        # Validators are sync, even if a loop is running.
        return cast("Block", kind.load(name.removeprefix(f"{slug}/"), _sync=True))  # type: ignore[call-arg]
    except ValueError:
        raise SettingsError(
            f"`{parameter}` names the block {name}, and the Prefect server has no {kind.__name__} block of that name",
            next_step=f'save it with `{kind.__name__}(...).save("{name}")`, or correct the name',
        ) from None
    except RuntimeError as error:
        raise SettingsError(
            f"`{parameter}` names the block {name}, which is not valid for this version: {_reason(error)}",
            next_step="correct and save the block again, in the Prefect UI or from Python",
        ) from None


def _reason(error: BaseException) -> str:
    """The invalid fields, without their values."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return str(error)
    problems = cause.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems)


def secrets_in(kind: type[Block], content: dict[Any, Any]) -> list[str]:
    """Return the secrets in the content of a block, masked ones included."""
    found = (_at(content, path.split(".")) for path in kind.model_json_schema()["secret_fields"])
    return [value for value in found if isinstance(value, str) and value]


def _without_secrets(kind: type[Block], parameter: str, content: dict[Any, Any]) -> None:
    """Refuse the content of a block if it has secrets, because Prefect stores parameters in plain text.

    Raises:
        SettingsError: it has secrets; the next step says what to give instead.
    """
    found = secrets_in(kind, content)
    if not found:
        return
    advice = f'save it with `.save("NAME")` and give the saved block or its name as `{parameter}`'
    if any(set(value) == {"*"} for value in found):
        raise SettingsError(
            f"`{parameter}` is a {kind.__name__} block that was never saved, and secrets do not travel in parameters",
            next_step=advice,
        )
    raise SettingsError(
        f"`{parameter}` holds the content of a {kind.__name__} block with its secrets, which Prefect stores in plain text",
        next_step=f"replace the secret at its provider, delete this run and its deployment, then {advice}",
    )


def _at(content: object, path: list[str]) -> object:
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return content


def _plain(board: object) -> object:
    """Accept a storyboard or a film set that was built in Python, and a path object."""
    if isinstance(board, PathLike):
        return fspath(board)
    return board.model_dump(mode="json") if isinstance(board, (Storyboard, FilmSet)) else board


def _asks(approval: Approval | None) -> Approval | None:
    """Turn an approval without `before` into None: Prefect's form sends one even if it was left empty."""
    return approval if approval is not None and approval.before else None


BoardParameter = Annotated[
    str | dict[str, Any] | Storyboard,
    BeforeValidator(_plain),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
]
FilmSetParameter = Annotated[
    str | dict[str, Any] | FilmSet,
    BeforeValidator(_plain),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
]
CredentialsParameter = Annotated[
    ReapiCredentials | None, BeforeValidator(_block(ReapiCredentials, "credentials")), _Picked(ReapiCredentials)
]
StoreParameter = Annotated[
    ArtifactStore | None, BeforeValidator(_block(ArtifactStore, "store")), _Picked(ArtifactStore)
]
CreditsParameter = Annotated[int | None, Field(gt=0), _Optional()]
SceneCreditsParameter = Annotated[int | None, Field(ge=0), _Optional()]
"""An approved amount may be 0: then a scene fetches what is in flight and buys nothing."""
RetakeParameter = tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...]
StepsParameter = tuple[Annotated[str, StringConstraints(pattern=r"^[\w.]+:[\w.]+$", max_length=400)], ...]
LabelsParameter = Annotated[dict[str, str] | None, _Optional()]
DownstreamParameter = Annotated[_Downstream | None, _Optional()]
AskParameter = Annotated[Approval | None, AfterValidator(_asks), _Optional()]
DeploymentParameter = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[^/]+/[^/]+$", max_length=400)] | None, _Optional()
]


def board_name(board: object) -> str:
    """A name for the run before the storyboard is read."""
    if isinstance(board, Storyboard):
        return board.title
    if isinstance(board, dict):
        return str(board.get("title", "inline"))
    return str(board).partition("?")[0].rpartition("/")[2]


def reference(block: Block | None) -> dict[str, Any] | None:
    """A saved block as the parameter of another run: its id, never its content.

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
