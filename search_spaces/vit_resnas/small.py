"""``vit_resnas-small``: ViT-ResNAS for 32- and 28-pixel images.

The same structure (convolutional patch embedding, class token, three stages with optional blocks, residual spatial
reductions) with patches of 4 pixels (8, 4 and 2 patches a side at 32 pixels), narrow tokens and four places a stage:
14,348,907,000,000 networks, at 32 pixels and 10 classes of 4.4 to 19.1 M MACs and 0.4 to 1.8 M parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

from search_spaces.architecture import Architecture
from search_spaces.vit_resnas.grids import Grid, StageGrid
from search_spaces.vit_resnas.space import VitResNAS

GRID = Grid(
    (
        StageGrid((32, 40, 48), (2, 3, 4), (64, 96, 128), 8),
        StageGrid((64, 80, 96), (3, 4, 5), (128, 192, 256), 12),
        StageGrid((128, 160, 192), (4, 6, 8), (256, 384, 512), 16),
    ),
    slots=4, removable=(2, 4), mid=12, patch_size=4, img_size=32,
)  # fmt: skip


class VitResNASSmall(VitResNAS):
    """See the module's docstring. ``img_size`` is any multiple of 4 (28 for Fashion-MNIST)."""

    name: ClassVar[str] = "vit_resnas-small"
    title: ClassVar[str] = "ViT-ResNAS for 32- and 28-pixel images: patches of 4, narrow, trains on a laptop"
    source: ClassVar[str] = "a small variant of our own; structure of Liao et al., 2021"
    grids: ClassVar[Mapping[str, Grid]] = MappingProxyType({"small": GRID})

    def __init__(self, *, num_classes: int = 10, in_chans: int = 3, img_size: int | None = None) -> None:
        super().__init__(size="small", num_classes=num_classes, in_chans=in_chans, img_size=img_size)

    @cached_property
    def published(self) -> Mapping[str, Architecture]:
        """None: the variant is ours."""
        return {}
