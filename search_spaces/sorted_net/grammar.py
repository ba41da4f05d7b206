"""What a sub-model may be, as JSON: the units of each group that it keeps.

A structure is ``{"widths": [...], "heads": [...], "depths": [...]}``: channels (or groups of channels) of every width
group, heads of every attention, blocks of every run, in the order of the network's :class:`Extent`. Any of them may be
cut on its own; the searched grid cuts them together.
"""

from __future__ import annotations

from typing import Any

from search_spaces.checking import Checker
from search_spaces.sorted_net.sizes import Extent, Size

CHECK = Checker("sorted_net")
KEYS = ("widths", "heads", "depths")
GENES = ("width", "depth", "heads")
MAX_OPTION = 1_000_000


def check(config: Any, extent: Extent) -> dict[str, Any]:
    """The structure as plain data if it is valid; SpaceError naming the first offending field otherwise."""
    top = CHECK.fields("a sub-model", config, KEYS)
    limits = {
        "widths": [(1, g.units) for g in extent.widths], "heads": [(1, g.units) for g in extent.heads],
        "depths": [(run.least, len(run.blocks)) for run in extent.runs],
    }  # fmt: skip
    return {key: _numbers(key, top[key], limits[key]) for key in KEYS}


def _numbers(key: str, value: Any, limits: list[tuple[int, int]]) -> list[int]:
    items = CHECK.items(key, value, len(limits), len(limits))
    return [CHECK.whole(f"{key}[{i}]", n, *limit) for i, (n, limit) in enumerate(zip(items, limits, strict=True))]


def size_of(config: Any, extent: Extent) -> Size:
    """The size that a structure describes. Raises SpaceError."""
    checked = check(config, extent)
    return Size(*(tuple(checked[key]) for key in KEYS))


def config_of(size: Size) -> dict[str, Any]:
    """The structure of a size."""
    return {key: list(getattr(size, key)) for key in KEYS}
