"""The forms of blocks in Prefect's UI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.blocks.core import schema_extra

if TYPE_CHECKING:
    from prefect.blocks.core import Block


def block_schema(schema: dict[str, Any], model: type[Block]) -> None:
    """Add to a block's JSON schema what Prefect adds, and leave out null, which the form shows as a type to choose."""
    schema_extra(schema, model)
    # Without prefect-aws the store's credentials can only be null; the form shows that as `Property is type "None"`.
    schema["properties"] = {name: field for name, field in schema["properties"].items() if field.get("type") != "null"}
    for field in schema["properties"].values():
        kinds = [kind for kind in field.get("anyOf", []) if kind != {"type": "null"}]
        if len(kinds) == 1:
            del field["anyOf"]
            field.update({**kinds[0], **field})
        elif kinds:
            field["anyOf"] = kinds
