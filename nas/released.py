"""Architectures in the encoding that a paper's authors released, read from a JSON file and priced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nas.errors import NasError
from search_spaces import Architecture, SearchSpace

MAX_BYTES = 20_000_000
"""Some twenty thousand architectures; a larger file is refused before it is parsed."""


def price_released(space: SearchSpace, path: Path) -> list[dict[str, Any]]:
    """Prices in the file's order. Each item: ``name``, the space's ``released_field``, optionally ``resolution``.

    Keys of each result: ``name, macs, params, paper_count, paper_params, in_space`` (null where a paper counts as we
    do). Raises NasError that names the offending item.
    """
    items = _items(path)
    architectures = [_architecture(space, i, item, path) for i, item in enumerate(items)]
    return [_priced(space, item["name"], a) for item, a in zip(items, architectures, strict=True)]


def _items(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NasError(f"{path} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are read")
        items = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NasError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise NasError(f"{path} is not JSON: {error}") from None
    if not isinstance(items, list):
        raise NasError(f"{path} holds a {type(items).__name__}, expected a list of architectures")
    return items


def _architecture(space: SearchSpace, index: int, item: Any, path: Path) -> Architecture:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise NasError(f"{path}: item {index} needs a 'name' (a text)")
    where = f"{path}: item {index} ({item['name']:.80})"
    if space.released_field not in item:
        raise NasError(f"{where} needs {space.released_field!r}, the released encoding of {space.name}")
    resolution = item.get("resolution")
    if resolution is not None and (isinstance(resolution, bool) or not isinstance(resolution, int)):
        raise NasError(f"{where}: resolution must be a whole number, got {resolution!r:.40}")
    try:
        return space.from_released(item[space.released_field], resolution)
    except NasError as error:
        raise NasError(f"{where}: {error}") from None


def _priced(space: SearchSpace, name: str, architecture: Architecture) -> dict[str, Any]:
    price = space.price_architecture(architecture)
    return {
        "name": name, "macs": price["macs"], "params": price["params"],
        "paper_count": space.paper_count(architecture), "paper_params": space.paper_params(architecture),
        "in_space": space.contains(architecture),
    }  # fmt: skip
