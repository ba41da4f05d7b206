"""What is searched: the three published grids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Grid:
    """One grid: a width for all layers, a depth, and per layer heads and an MLP ratio.

    Ratios are in tenths (35 is 3.5). ``patch_size``, ``head_dim`` and ``img_size`` are fixed.
    """

    embed_dim: tuple[int, ...]
    depth: tuple[int, ...]
    heads: tuple[int, ...]
    mlp_tenths: tuple[int, ...]
    img_size: int = 224
    patch_size: int = 16
    head_dim: int = 64


GRIDS: Mapping[str, Grid] = MappingProxyType(
    {
        "tiny": Grid((192, 216, 240), (12, 13, 14), (3, 4), (35, 40)),
        "small": Grid((320, 384, 448), (12, 13, 14), (5, 6, 7), (30, 35, 40)),
        "base": Grid((528, 576, 624), (14, 15, 16), (9, 10), (30, 35, 40)),
    }
)
