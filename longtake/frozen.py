"""The base of the records that are written and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pydantic_core import CoreSchema


class Frozen(BaseModel):
    """Read-only, and closed to unknown keys. The schema is built when it is first used, because most commands use few of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def without_serializer(core_schema: CoreSchema) -> CoreSchema:
    """The schema of a model without its own serializer, which says to a JSON schema only that it gives a mapping."""
    bare: Any = {name: part for name, part in core_schema.items() if name != "serialization"}
    if "schema" in bare and bare.get("type") != "model":
        bare["schema"] = without_serializer(bare["schema"])
    return bare  # type: ignore[no-any-return]
