"""As-ViT's grammar: which structures are networks of the family, on the searched grid or not.

A structure is::

    {"resolution": 224, "width": 32, "heads": 32,
     "stages": [{"kernel": 8, "split": 2, "expand": 3, "depth": 1}, ...four]}

``width`` is C of the first stage; stage t has min(1024, 2^t C) channels (t = 0..3). ``heads`` are those of the last
stage, and half as many in each stage before it. ``kernel`` is that of the patch embedding (stage 1) or of the patch
merging that opens the stage, ``split`` the number of attention windows per side, ``expand`` the ratio of the MLP.
"""

from __future__ import annotations

from typing import Any

from search_spaces.checking import Checker
from search_spaces.errors import SpaceError

STAGES = 4
WIDEST = 1024
"""No stage has more channels, in the released code."""
EMBED_STRIDE, MERGE_STRIDE = 4, 2
REDUCTION = EMBED_STRIDE * MERGE_STRIDE ** (STAGES - 1)
"""Image side divided by the side of the last map."""
MAX_SIDE, MAX_WIDTH, MAX_HEADS, MAX_DEPTH, MAX_EXPAND = 1024, 1024, 512, 64, 16
MAX_EMBED_KERNEL, MAX_MERGE_KERNEL = 16, 8
STAGE_KEYS = ("kernel", "split", "expand", "depth")


CHECK = Checker("asvit")


def stage_widths(width: int) -> list[int]:
    """Channels of the four stages."""
    return [min(WIDEST, width * 2**t) for t in range(STAGES)]


def stage_heads(heads: int) -> list[int]:
    """Attention heads of the four stages; ``heads`` are those of the last."""
    return [heads // 2 ** (STAGES - 1 - t) for t in range(STAGES)]


def _stage(index: int, value: Any, side: int) -> dict[str, int]:
    where = f"stages[{index}]"
    stage = CHECK.fields(where, value, STAGE_KEYS)
    low, high = (EMBED_STRIDE, MAX_EMBED_KERNEL) if index == 0 else (MERGE_STRIDE, MAX_MERGE_KERNEL)
    split = CHECK.whole(f"{where}.split", stage["split"], 1, side)
    if side % split:
        raise CHECK.fail(f"{where}.split", f"a divisor of the map's side {side}", split)
    return {
        "kernel": CHECK.whole(f"{where}.kernel", stage["kernel"], low, high),
        "split": split,
        "expand": CHECK.whole(f"{where}.expand", stage["expand"], 1, MAX_EXPAND),
        "depth": CHECK.whole(f"{where}.depth", stage["depth"], 1, MAX_DEPTH),
    }


def check(config: Any) -> dict[str, Any]:
    """The structure as plain data if it is valid; SpaceError naming the first offending field otherwise."""
    top = CHECK.fields("an architecture", config, ("resolution", "width", "heads", "stages"))
    resolution = CHECK.whole("resolution", top["resolution"], REDUCTION, MAX_SIDE, REDUCTION)
    width = CHECK.whole("width", top["width"], 1, MAX_WIDTH)
    heads = CHECK.whole("heads", top["heads"], 8, MAX_HEADS, 8)
    if any(h > c for h, c in zip(stage_heads(heads), stage_widths(width), strict=True)):
        raise SpaceError(f"asvit: {heads} heads need a width of at least {heads // 8}, got {width}")
    stages = CHECK.items("stages", top["stages"], STAGES, STAGES)
    sides = [resolution // (EMBED_STRIDE * MERGE_STRIDE**t) for t in range(STAGES)]
    checked = [_stage(i, s, side) for i, (s, side) in enumerate(zip(stages, sides, strict=True))]
    return {"resolution": resolution, "width": width, "heads": heads, "stages": checked}
