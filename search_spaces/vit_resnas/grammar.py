"""ViT-ResNAS's grammar: which structures are networks of the family, on a searched grid or not.

A structure is::

    {"resolution": 224, "patch_size": 14, "mid": 24,
     "stages": [{"embed_dim": 176,
                 "blocks": [{"heads": 3, "head_dim": 32, "mlp": 704}, null, ...]}, ...]}

``mid`` is the width of the convolutions that make the patches, null for linear patches. Between two stages stands a
residual spatial reduction. A block that is left out is null: the others keep their places in the supernet. Heads and
MLP belong to a block, and the inner width ``heads * head_dim`` is free of ``embed_dim``, which never decreases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.checking import Checker
from search_spaces.errors import SpaceError

MAX_SIDE, MAX_PATCH, MAX_WIDTH, MAX_HIDDEN, MAX_DEPTH, MAX_STAGES = 1024, 64, 4096, 16_384, 64, 6
MAX_HEADS, MAX_HEAD_DIM, MAX_MID = 64, 256, 1024
CHECK = Checker("vit_resnas")
KEYS = ("resolution", "patch_size", "mid", "stages")
BLOCK_KEYS = ("heads", "head_dim", "mlp")


def _block(where: str, value: Any) -> dict[str, int] | None:
    if value is None:
        return None
    block = CHECK.fields(where, value, BLOCK_KEYS)
    return {
        "heads": CHECK.whole(f"{where}.heads", block["heads"], 1, MAX_HEADS),
        "head_dim": CHECK.whole(f"{where}.head_dim", block["head_dim"], 1, MAX_HEAD_DIM),
        "mlp": CHECK.whole(f"{where}.mlp", block["mlp"], 1, MAX_HIDDEN),
    }


def _stage(where: str, value: Any) -> dict[str, Any]:
    stage = CHECK.fields(where, value, ("embed_dim", "blocks"))
    width = CHECK.whole(f"{where}.embed_dim", stage["embed_dim"], 1, MAX_WIDTH)
    items = CHECK.items(f"{where}.blocks", stage["blocks"], 1, MAX_DEPTH)
    blocks = [_block(f"{where}.blocks[{i}]", b) for i, b in enumerate(items)]
    if not any(blocks):
        raise SpaceError(f"vit_resnas: {where}.blocks must hold at least one block that is not null")
    return {"embed_dim": width, "blocks": blocks}


def check(config: Any, defaults: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The structure as plain data if it is valid; SpaceError naming the first offending field otherwise.

    ``defaults`` (resolution, patch_size, mid) stand in for fields that are not given.
    """
    merged = {**(defaults or {}), **config} if isinstance(config, Mapping) else config
    top = CHECK.fields("an architecture", merged, KEYS)
    mid = None if top["mid"] is None else CHECK.whole("mid", top["mid"], 1, MAX_MID)
    patch = CHECK.whole("patch_size", top["patch_size"], 1, MAX_PATCH, 1 if mid is None else 2)
    stages = CHECK.items("stages", top["stages"], 1, MAX_STAGES)
    checked = [_stage(f"stages[{i}]", s) for i, s in enumerate(stages)]
    widths = [s["embed_dim"] for s in checked]
    if widths != sorted(widths):
        raise SpaceError(f"vit_resnas: embed_dim must not decrease from stage to stage, got {widths}")
    resolution = CHECK.whole("resolution", top["resolution"], patch, MAX_SIDE, patch)
    return {"resolution": resolution, "patch_size": patch, "mid": mid, "stages": checked}


def sides(config: Mapping[str, Any]) -> list[int]:
    """Edge of each stage's grid of patches: halved and rounded up from one to the next."""
    found = [int(config["resolution"] // config["patch_size"])]
    for _ in config["stages"][1:]:
        found.append(-(-found[-1] // 2))
    return found


def stage_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """patch_embed, S1, R1, S2, .., head: the module's children and the table's stages."""
    middle = [f"S{i}" for i in range(1, len(config["stages"]) + 1)]
    joined = [name for stage in middle for name in (stage, stage.replace("S", "R"))][:-1]
    return ("patch_embed", *joined, "head")


def present(stage: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """The blocks of a stage that are there, by the number of their place."""
    return {str(i): block for i, block in enumerate(stage["blocks"]) if block is not None}
