"""``elasticvit-small``: ElasticViT for 32- and 28-pixel images.

The same structure (stem, two MBConv stages, four transformer stages with their reductions, the same head) with the
first convolution and C1 at stride 1: at 32 pixels T1 to T4 see 8, 8, 4 and 2 tokens a side, at 28 pixels 7, 7, 4 and 2.
Widths, depths and ratios are smaller, so that a laptop trains the supernet in minutes: 134,217,728 networks, at 32
pixels and 10 classes of 5.2 to 21.0 M MACs and 1.0 to 1.7 M parameters (most of them in the head, which is as wide as
published). On a processor ``channels_last`` makes a step a third faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

from search_spaces.architecture import Architecture
from search_spaces.elasticvit.grids import Grid, Strides
from search_spaces.elasticvit.space import ElasticViT

RESOLUTIONS = (28, 32)


def _transformer(*widths: int) -> dict[str, tuple[int, ...]]:
    return {"width": widths, "depth": (1, 2), "mlp": (2, 3), "v": (2, 3)}


GRID = Grid(
    RESOLUTIONS,
    {
        "stem": {"width": (4, 8), "depth": (1, 2), "kernel": (3, 5)},
        "C1": {"width": (8, 12), "depth": (1, 2), "expand": (1, 2), "kernel": (3, 5)},
        "C2": {"width": (12, 16), "depth": (1, 2), "expand": (2, 3), "kernel": (3, 5)},
        "T1": _transformer(16, 32), "T2": _transformer(32, 48), "T3": _transformer(48, 64),
        "T4": _transformer(64, 80),
    },
    Strides(stem=1, conv=(1, 2)),
)  # fmt: skip


class ElasticViTSmall(ElasticViT):
    """See the module's docstring. ``img_size`` is 32 or 28."""

    name: ClassVar[str] = "elasticvit-small"
    title: ClassVar[str] = "ElasticViT for 32- and 28-pixel images: early strides left out, trains on a laptop"
    source: ClassVar[str] = "a small variant of our own; structure of Tang et al., ICCV 2023"
    grid: ClassVar[Grid] = GRID

    def __init__(self, *, num_classes: int = 10, in_chans: int = 3, img_size: int | None = 32) -> None:
        super().__init__(num_classes=num_classes, in_chans=in_chans, img_size=32 if img_size is None else img_size)

    def paper_count(self, architecture: Architecture) -> int | None:
        """None: the authors' counter knows the published strides only."""
        return None

    @cached_property
    def published(self) -> Mapping[str, Architecture]:
        """None: the variant is ours."""
        return {}
