"""``autoformer-small``: AutoFormer for 32- and 28-pixel images.

The same structure (one width, a depth, heads and MLP ratio layer by layer) with patches of 4 pixels and heads of 16
channels, so that a laptop trains the supernet in minutes: 1,791,153 networks, at 32 pixels and 10 classes of 5.2 to
31.4 M MACs and 0.1 to 0.4 M parameters. Relative positions are off by default: at 65 tokens they
would take a third of a step's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

from search_spaces.architecture import Architecture
from search_spaces.autoformer.grids import Grid
from search_spaces.autoformer.space import AutoFormer

GRID = Grid((48, 64, 80), (4, 5, 6), (2, 3, 4), (20, 30, 40), img_size=32, patch_size=4, head_dim=16)


class AutoFormerSmall(AutoFormer):
    """See the module's docstring. ``img_size`` is any multiple of 4 (28 for Fashion-MNIST)."""

    name: ClassVar[str] = "autoformer-small"
    title: ClassVar[str] = "AutoFormer for 32- and 28-pixel images: patches of 4, narrow, trains on a laptop"
    source: ClassVar[str] = "a small variant of our own; structure of Chen et al., ICCV 2021"
    grids: ClassVar[Mapping[str, Grid]] = MappingProxyType({"small": GRID})

    def __init__(
        self, *, num_classes: int = 10, in_chans: int = 3, img_size: int | None = None, relative_position: bool = False
    ) -> None:
        super().__init__(
            size="small", num_classes=num_classes, in_chans=in_chans, img_size=img_size,
            relative_position=relative_position,
        )  # fmt: skip

    @cached_property
    def published(self) -> Mapping[str, Architecture]:
        """None: the variant is ours."""
        return {}
