"""How blocks appear in JSON: a saved block as a reference, so that neither its content nor its secrets travel with a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from pydantic import SerializationInfo


def shows_secrets(info: SerializationInfo) -> bool:
    """Whether Prefect serializes a block to save it: the one place where secrets are written, and the server encrypts them."""
    return bool(info.context and info.context.get("include_secrets"))


def reference(block: Block, info: SerializationInfo) -> dict[str, Any] | None:
    """The reference to a saved block where it becomes the parameter of a run or a deployment; else None.

    Prefect serializes a block in `run_deployment(parameters=…)` with masked secrets, and a worker could not use it. It resolves
    references where a run starts.
    """
    saved = block._block_document_id  # noqa: SLF001 - Prefect's own serialization reads it
    # Prefect always says whether secrets are included when it serializes a block for its document.
    if saved is None or info.mode != "json" or "include_secrets" in (info.context or {}):
        return None
    return {"$ref": {"block_document_id": str(saved)}}
