"""What is searched: the two published grids (released configurations ``sr_tiny_mh`` and ``sr_small_mh``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class StageGrid:
    """Choices of one stage: a width, and per block heads (each ``head_dim`` wide) and the MLP's hidden width."""

    embed_dim: tuple[int, ...]
    heads: tuple[int, ...]
    mlp: tuple[int, ...]
    head_dim: int


@dataclass(frozen=True)
class Grid:
    """One grid: stages of ``slots`` blocks, of which the 2nd, 4th and 6th may be left out.

    ``mid`` is the width of the convolutional patch embedding's first layers (None: linear patches).
    """

    stages: tuple[StageGrid, ...]
    slots: int
    removable: tuple[int, ...] = (2, 4, 6)
    mid: int | None = 24
    patch_size: int = 14
    img_size: int = 224

    def heads(self, stage: int, slot: int) -> tuple[int, ...]:
        """Choices of heads in a slot (from 1); 0 leaves a removable block out."""
        chosen = self.stages[stage].heads
        return (0, *chosen) if slot in self.removable else chosen


def _up(first: int, last: int, step: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1, step))


GRIDS: Mapping[str, Grid] = MappingProxyType(
    {
        "tiny": Grid(
            (
                StageGrid((160, 176, 192, 224, 256), _up(3, 6, 1), _up(384, 768, 64), 32),
                StageGrid((320, 352, 384, 448, 512), _up(6, 12, 2), _up(768, 1536, 128), 48),
                StageGrid((640, 704, 768, 896, 1024), _up(6, 12, 2), _up(1536, 3072, 256), 64),
            ),
            slots=6,
        ),
        "small": Grid(
            (
                StageGrid((200, 220, 240, 280, 320), _up(5, 8, 1), _up(480, 960, 80), 32),
                StageGrid((400, 440, 480, 560, 640), _up(10, 16, 2), _up(960, 1920, 160), 48),
                StageGrid((800, 880, 960, 1120, 1280), _up(10, 16, 2), _up(1920, 3840, 320), 64),
            ),
            slots=7,
        ),
    }
)
