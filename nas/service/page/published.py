"""The published networks of a space, priced, as markers for the plots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

COSTLY = frozenset({"stitching", "sorted_net"})
"""Spaces that build other people's networks to know themselves: seconds, and nothing published in them."""


def published(space: str, options: Mapping[str, Any] | None = None) -> dict[str, dict[str, float]]:
    """Prices by name of network, in base units; {} where the space or its options cannot be had."""
    if space in COSTLY:
        return {}
    return dict(_published(space, json.dumps(dict(options or {}), sort_keys=True)))


@lru_cache(maxsize=64)
def _published(space: str, options: str) -> dict[str, dict[str, float]]:
    from nas.errors import NasError
    from search_spaces import get_space

    try:
        found = get_space(space, **json.loads(options))
        return {name: dict(found.price_architecture(a)) for name, a in found.published.items()}
    except (NasError, TypeError):
        return {}  # a job of a plug-in that is not installed here: its front is shown without markers


def markers(space: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """As the plot's script reads it: names, and values by column."""
    rows = published(space, options)
    columns = {column for row in rows.values() for column in row}
    return {"names": list(rows), "values": {c: [row.get(c) for row in rows.values()] for c in sorted(columns)}}
