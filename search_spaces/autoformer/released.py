"""AutoFormer's released description of a subnet and the released count of its FLOPs.

A subnet is an object with a width, heads and MLP ratios. Several spellings are in use and all are read: the paper's
configuration files (EMBED_DIM, DEPTH, NUM_HEADS, MLP_RATIO), their short form (embed, depth, heads, mlp_ratio) and
ViT-Bench's columns (hidden_dim, depth, num_heads, mlp_ratio, lists as text: "3,3,4").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.autoformer.grammar import CHECK, MAX_DEPTH, hidden_widths, side
from search_spaces.errors import SpaceError
from search_spaces.modules.vit_operators import RELATIVE_CLIP

SPELLINGS = {
    "embed_dim": ("embed_dim", "embed", "hidden_dim"), "heads": ("num_heads", "heads"),
    "mlp_ratio": ("mlp_ratio",), "depth": ("depth", "layer_num"),
}  # fmt: skip


def read(raw: Any) -> dict[str, Any]:
    """``embed_dim``, ``heads`` and ``mlp_ratio`` of a released subnet; other keys are ignored. Raises SpaceError."""
    if not isinstance(raw, Mapping):
        raise CHECK.fail("a released subnet", "an object with embed_dim, num_heads and mlp_ratio", raw)
    lower = {str(key).lower(): value for key, value in raw.items()}
    found = {name: _first(lower, name) for name in ("embed_dim", "heads", "mlp_ratio")}
    for name, kind in (("heads", int), ("mlp_ratio", float)):
        found[name] = _numbers(name, found[name], kind)
    if any(s in lower for s in SPELLINGS["depth"]):
        depth = CHECK.whole("depth", _first(lower, "depth"), 1, MAX_DEPTH)
        if not depth == len(found["heads"]) == len(found["mlp_ratio"]):
            raise SpaceError(
                f"autoformer: depth is {depth}, but there are {len(found['heads'])} heads and "
                f"{len(found['mlp_ratio'])} MLP ratios"
            )
    return found


def _first(lower: Mapping[str, Any], name: str) -> Any:
    for spelling in SPELLINGS[name]:
        if spelling in lower:
            return lower[spelling]
    raise SpaceError(f"autoformer: a released subnet needs {' or '.join(SPELLINGS[name])}")


def _numbers(name: str, value: Any, kind: type) -> list[Any]:
    """A list, or the text of one with commas; whole numbers may be written as floats."""
    items = value.split(",") if isinstance(value, str) else CHECK.items(name, value, 1, MAX_DEPTH)
    try:
        numbers = [float(item) for item in items]
        if kind is int and any(n != int(n) for n in numbers):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise CHECK.fail(name, "a list of numbers, one per layer", value) from None
    return [kind(n) for n in numbers]


def paper_flops(config: Mapping[str, Any], *, in_chans: int, num_classes: int, relative: bool) -> int:
    """FLOPs by the released ``get_complexity``, to check published figures with (rounded down).

    Close to MACs, with quirks: blocks are counted at one token too many (198 at 224 pixels), the classifier on every
    token; norms count one per element, positions and biases of patches a little, relative positions far less than
    they cost.
    """
    width, patches = config["embed_dim"], side(config) ** 2
    n = patches + 2
    twice = 2 * (patches * in_chans * config["patch_size"] ** 2 * width + (patches + 1) * num_classes * width + width)
    twice += (patches + 1) * width
    for heads, hidden in zip(config["heads"], hidden_widths(config), strict=True):
        inner = heads * config["head_dim"]
        twice += 2 * n * (2 * width + 4 * inner * width + 2 * hidden * width + 2 * n * inner)
        twice += 4 * RELATIVE_CLIP * n * n + n * n + n * inner if relative else 0
    return int(twice // 2)
