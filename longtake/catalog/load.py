"""Catalog files: the shipped one, another laid over it, and the errors of both."""

from __future__ import annotations

import copy
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from longtake.errors import CatalogError

SHIPPED = Path(__file__).with_name("catalog.yaml")
COMPILED = SHIPPED.with_name("catalog.json")
"""The same tree with the digest of the file it was read from: JSON is read in a hundredth of the time."""
LARGEST = 2**20
"""Bytes of a catalog file; the shipped one has about ten thousand."""

Tree = dict[str, Any]


def read(path: Path) -> Tree:
    """The mapping a catalog file holds.

    Raises:
        CatalogError: it cannot be read, is too large, or is not a YAML mapping.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - only when a catalog is read
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - as above

    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise CatalogError(f"the catalog file {path} is larger than {LARGEST} bytes")
        tree = YAML(typ="safe", pure=True).load(data.decode("utf-8"))
    except OSError as error:
        raise CatalogError(f"the catalog file {path} cannot be read: {error.strerror}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise CatalogError(f"the catalog file {path} is not YAML: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(tree, dict):
        raise CatalogError(f"the catalog file {path} does not hold a mapping of keys")
    return tree


@cache
def _shipped(path: Path) -> Tree:
    compiled: Tree = json.loads(COMPILED.read_bytes())
    # A changed catalog.yaml counts at once, slowly until `make catalog`.
    return compiled["tree"] if compiled["sha256"] == _digest(path) else read(path)


def compile_shipped() -> str:
    """Render `catalog.yaml` as the text of `catalog.json`."""
    return json.dumps({"sha256": _digest(SHIPPED), "tree": read(SHIPPED)}, default=str, ensure_ascii=False) + "\n"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shipped() -> Tree:
    """The catalog that comes with Longtake, as a mapping of your own."""
    return copy.deepcopy(_shipped(SHIPPED))


def merged(base: Tree, over: Tree) -> Tree:
    """`over` laid over `base`: mappings merge, other values replace, and a rate is replaced as a whole.

    None stays, to be taken out at the end (see `with_families`): a model may so undo what its family says.
    """
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if key == "rates" and isinstance(old, dict) and isinstance(value, dict):
            result[key] = {**old, **value}
        elif isinstance(old, dict) and isinstance(value, dict):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


def with_families(tree: Tree, *, where: str) -> Tree:
    """Merge each model into the family it names, and drop keys that are set to None.

    Raises:
        CatalogError: a model names a family that does not exist or is not a mapping.
    """
    families, models = tree.get("families"), tree.get("models")
    if not isinstance(families, dict) or not isinstance(models, dict):
        raise CatalogError(f"{where}: `families` and `models` must be mappings")
    whole: Tree = {}
    for name, model in models.items():
        if model is None:
            continue
        family = model.get("family") if isinstance(model, dict) else None
        if not isinstance(family, str) or not isinstance(families.get(family), dict):
            known = ", ".join(map(str, families))
            raise CatalogError(f"{where}: model {name} must name a family of the catalog; known: {known}")
        whole[str(name)] = {**merged(families[family], model), "id": str(name)}
    return _without_none({key: value for key, value in tree.items() if key != "families"} | {"models": whole})


def _without_none(tree: Tree) -> Tree:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in tree.items()
        if value is not None
    }
