"""ViT-ResNAS's released encoding, and the authors' own counts.

``network_def`` is a list of rows: ``(0, embed)`` linear patches, ``(4, embed)`` convolutional patches of 24 channels,
``(5, embed, mid)`` of ``mid`` channels; ``(1, (embed, heads, head_dim), (embed, mlp), exists)`` a block;
``(3, in, out)`` a spatial reduction; ``(2, embed, classes)`` the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search_spaces.errors import SpaceError
from search_spaces.vit_resnas import grammar
from search_spaces.vit_resnas.grammar import CHECK

LINEAR_PATCHES, BLOCK, HEAD, REDUCTION, CONV_PATCHES, WIDE_CONV_PATCHES = range(6)
DEFAULT_MID, DEFAULT_RESOLUTION = 24, 224
PATCH, PLAIN_PATCH = 14, 16
"""Networks without any reduction are plain transformers, released with patches of 16 pixels."""
COUNTED_SIDE = 112
"""The authors' counter takes the first convolutions' maps to have this side, whatever the resolution."""
MAX_ROWS = 512


def read(raw: Any, resolution: int | None = None) -> dict[str, Any]:
    """The structure (see ``grammar``) of a released network; ``resolution`` defaults to 224. Raises SpaceError."""
    rows = CHECK.items("a released network_def", raw, 3, MAX_ROWS)
    kinds = [_kind(i, row) for i, row in enumerate(rows)]
    if kinds[0] not in (LINEAR_PATCHES, CONV_PATCHES, WIDE_CONV_PATCHES) or kinds[-1] != HEAD:
        raise SpaceError(
            f"vit_resnas: a network_def starts with patches (type 0, 4 or 5) and ends with the head (type 2), got "
            f"types {kinds[0]} and {kinds[-1]}"
        )
    width, mid = _patches(kinds[0], rows[0])
    stages: list[dict[str, Any]] = [{"embed_dim": width, "blocks": []}]
    for i, (kind, row) in enumerate(zip(kinds[1:-1], rows[1:-1], strict=True), start=1):
        where = f"network_def[{i}]"
        if kind == BLOCK:
            stages[-1]["blocks"].append(_block(where, row, width))
        elif kind == REDUCTION:
            width = _reduction(where, row, width)
            stages.append({"embed_dim": width, "blocks": []})
        else:
            raise SpaceError(f"vit_resnas: {where} has type {kind}; between patches and head stand types 1 and 3")
    _, embed, classes = _integers("network_def[-1]", rows[-1], 3)
    _same("network_def[-1]", embed, width)
    CHECK.whole("network_def[-1][2]", classes, 0, 1_000_000)
    patch = PATCH if len(stages) > 1 else PLAIN_PATCH
    size = DEFAULT_RESOLUTION if resolution is None else resolution
    return grammar.check({"resolution": size, "patch_size": patch, "mid": mid, "stages": stages})


def _kind(index: int, row: Any) -> int:
    items = CHECK.items(f"network_def[{index}]", row, 2, 4)
    return CHECK.whole(f"network_def[{index}][0]", items[0], LINEAR_PATCHES, WIDE_CONV_PATCHES)


def _integers(where: str, row: Any, length: int) -> list[int]:
    items = CHECK.items(where, row, length, length)
    return [CHECK.whole(f"{where}[{i}]", v, 0, 1_000_000) for i, v in enumerate(items)]


def _same(where: str, embed: int, width: int) -> None:
    if embed != width:
        raise SpaceError(f"vit_resnas: {where} has tokens of {embed} channels, but those before it have {width}")


def _patches(kind: int, row: Any) -> tuple[int, int | None]:
    """(width, width of the first convolutions)."""
    if kind == WIDE_CONV_PATCHES:
        _, width, mid = _integers("network_def[0]", row, 3)
        return width, mid
    _, width = _integers("network_def[0]", row, 2)
    return width, DEFAULT_MID if kind == CONV_PATCHES else None


def _block(where: str, row: Sequence[Any], width: int) -> dict[str, int] | None:
    _, attention, mlp, exists = CHECK.items(where, row, 4, 4)
    embed, heads, head_dim = _integers(f"{where}[1]", attention, 3)
    embed_too, hidden = _integers(f"{where}[2]", mlp, 2)
    _same(where, embed, width)
    _same(where, embed_too, width)
    there = exists if isinstance(exists, bool) else CHECK.whole(f"{where}[3]", exists, 0, 1)
    return {"heads": heads, "head_dim": head_dim, "mlp": hidden} if there else None


def _reduction(where: str, row: Any, width: int) -> int:
    _, before, after = _integers(where, row, 3)
    _same(where, before, width)
    return after


def paper_macs(config: dict[str, Any], in_chans: int, macs: int) -> int:
    """``macs`` (exact) as the authors' estimator counts them: the first convolutions on 112 x 112 maps."""
    mid = config["mid"]
    if mid is None:
        return macs
    side = config["resolution"] // 2
    return macs - 9 * mid * (in_chans + 2 * mid) * (side**2 - COUNTED_SIDE**2)


def patch_head_params(config: dict[str, Any], num_classes: int) -> int:
    """Parameters of the classifier on every patch, which exists in training only; the authors count it."""
    return int((config["stages"][-1]["embed_dim"] + 1) * num_classes)
