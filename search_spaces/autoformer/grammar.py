"""AutoFormer's grammar: which structures are networks of the family, on a searched grid or not.

A structure is::

    {"resolution": 224, "patch_size": 16, "head_dim": 64, "embed_dim": 192,
     "heads": [3, 3, 4], "mlp_ratio": [3.5, 4.0, 3.5]}

The lists hold one value per layer. Queries, keys and values are ``head_dim * heads`` wide whatever ``embed_dim`` is;
the MLP's hidden width is ``int(embed_dim * mlp_ratio)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.checking import Checker

MAX_SIDE, MAX_PATCH, MAX_WIDTH, MAX_DEPTH, MAX_HEADS, MAX_HEAD_DIM, MAX_RATIO = 1024, 64, 4096, 64, 64, 256, 16.0
CHECK = Checker("autoformer")
KEYS = ("resolution", "patch_size", "head_dim", "embed_dim", "heads", "mlp_ratio")


def check(config: Any, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The structure as plain data if it is valid; SpaceError naming the first offending field otherwise.

    ``defaults`` (resolution, patch_size, head_dim) stand in for fields that are not given.
    """
    merged = {**(defaults or {}), **config} if isinstance(config, Mapping) else config
    top = CHECK.fields("an architecture", merged, KEYS)
    patch = CHECK.whole("patch_size", top["patch_size"], 1, MAX_PATCH)
    heads = CHECK.items("heads", top["heads"], 1, MAX_DEPTH)
    ratios = CHECK.items("mlp_ratio", top["mlp_ratio"], 1, MAX_DEPTH)
    if len(heads) != len(ratios):
        raise CHECK.fail("heads and mlp_ratio", "lists of one length, a value per layer", (heads, ratios))
    return {
        "resolution": CHECK.whole("resolution", top["resolution"], patch, MAX_SIDE, patch),
        "patch_size": patch,
        "head_dim": CHECK.whole("head_dim", top["head_dim"], 1, MAX_HEAD_DIM),
        "embed_dim": CHECK.whole("embed_dim", top["embed_dim"], 8, MAX_WIDTH),
        "heads": [CHECK.whole(f"heads[{i}]", h, 1, MAX_HEADS) for i, h in enumerate(heads)],
        "mlp_ratio": [CHECK.number(f"mlp_ratio[{i}]", r, 0.25, MAX_RATIO) for i, r in enumerate(ratios)],
    }


def hidden_widths(config: Mapping[str, Any]) -> list[int]:
    """Hidden width of each layer's MLP."""
    return [int(config["embed_dim"] * ratio) for ratio in config["mlp_ratio"]]


def side(config: Mapping[str, Any]) -> int:
    """Edge of the grid of patches."""
    return int(config["resolution"] // config["patch_size"])
