"""Block references in a file of deployments that `prefect deploy` would replace by the content of the block, secrets included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TEMPLATE = re.compile(
    r"\{\{\s*prefect\.blocks\.(reapi-credentials|longtake-artifact-store|aws-credentials|minio-credentials|secret)\."
)


def resolved_blocks(file: Path) -> list[str]:
    """List such references in the parameters of deployments and schedules, as `NAME: parameters.credentials`.

    Prefect resolves blocks in the whole file before it deploys, and keeps parameters in plain text.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - only `longtake deploy` needs it
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        document = YAML(typ="safe").load(file)
    except YAMLError:
        return []  # Prefect itself reports the error
    deployments = document.get("deployments") if isinstance(document, dict) else None
    found = []
    for deployment in deployments or ():
        name = deployment.get("name", "?")
        places = [("parameters", deployment.get("parameters"))]
        for number, schedule in enumerate(deployment.get("schedules") or ()):
            places.append((f"schedules[{number}].parameters", schedule.get("parameters")))
        found += [f"{name}: {path}" for place, value in places for path in _references(place, value)]
    return found


def _references(place: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - any YAML
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, dict) and "block_document_id" in reference:
            yield place
        for key, inner in value.items():
            yield from _references(f"{place}.{key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _references(f"{place}[{number}]", inner)
    elif isinstance(value, str) and _TEMPLATE.search(value):
        yield place
