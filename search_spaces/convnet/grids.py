"""The searched grids: what each family may choose, stage by stage, and its skeleton (reference sections 2.3, 2.5).

The widths are in the manner of the solver's grid A: multiples of 8, dense where published designs lie. Residual
families choose the inner width itself, inverted ones its ratio to the stage's output (published: about 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

STEM_KERNEL, STEM_STRIDE = 3, 2


class StageGrid(NamedTuple):
    """Choices of one stage; ``inner`` are bottleneck widths, or expansion ratios in the inverted families."""

    width: tuple[int, ...]
    inner: tuple[int, ...]
    kernel: tuple[int, ...]
    depth: tuple[int, ...]


@dataclass(frozen=True)
class FamilyGrid:
    """A family's skeleton and choices: ``strides`` behind the stride-2 stem; ``head`` widths, none for no 1x1 head."""

    strides: tuple[int, ...]
    stem: tuple[int, ...]
    stages: tuple[StageGrid, ...]
    head: tuple[int, ...] = ()


def _up_to(n: int) -> tuple[int, ...]:
    return tuple(range(1, n + 1))


_K35, _K357, _RATIOS = (3, 5), (3, 5, 7), (2, 3, 4, 5, 6)

RESNET = FamilyGrid(
    (2, 2, 2, 1, 2), (16, 24, 32),
    (
        StageGrid((64, 80, 96, 112, 128), (24, 32, 40, 48, 64), _K35, _up_to(3)),
        StageGrid((128, 192, 256, 320, 384, 448, 512), (32, 40, 48, 64, 80, 96), _K35, _up_to(12)),
        StageGrid((256, 320, 384, 448, 512, 640, 768, 896), (48, 64, 80, 96, 112, 128), _K35, _up_to(16)),
        StageGrid((384, 512, 640, 768, 896, 1024, 1152, 1280), (64, 80, 96, 104, 112, 128, 160), _K35, _up_to(16)),
        StageGrid(
            (512, 640, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048), (80, 96, 104, 120, 128, 144, 160, 192),
            _K35, _up_to(16),
        ),
    ),
)  # fmt: skip

BASIC = FamilyGrid(
    (2, 2, 2, 1, 2), (16, 24, 32),
    (
        StageGrid((32, 40, 48, 56, 64), (32, 40, 48, 56, 64), _K35, _up_to(3)),
        StageGrid((48, 64, 80, 96, 112, 128), (48, 64, 80, 96, 128), _K35, _up_to(6)),
        StageGrid((64, 80, 96, 112, 128, 160, 192), (64, 80, 96, 128, 160), _K35, _up_to(8)),
        StageGrid((96, 128, 160, 192, 224, 256, 320), (96, 128, 160, 192), _K35, _up_to(8)),
        StageGrid((128, 160, 192, 224, 256, 320, 384, 448, 512), (128, 160, 192, 224, 256), _K35, _up_to(6)),
    ),
)  # fmt: skip

MOBILENET = FamilyGrid(
    (2, 2, 2, 2, 1), (16, 24, 32),
    (
        StageGrid((24, 32, 40, 48), _RATIOS, _K357, _up_to(4)),
        StageGrid((40, 48, 56, 64, 80, 96), _RATIOS, _K357, _up_to(6)),
        StageGrid((64, 80, 96, 112, 128, 160), _RATIOS, _K357, _up_to(8)),
        StageGrid((96, 128, 160, 192, 224, 256), _RATIOS, _K357, _up_to(8)),
        StageGrid((128, 160, 192, 224, 256, 288, 320), _RATIOS, _K357, _up_to(8)),
    ),
    head=(1280, 1792),
)  # fmt: skip

GRIDS = {"resnet": RESNET, "basic": BASIC, "mobilenet": MOBILENET, "mobilenet_se": MOBILENET}
