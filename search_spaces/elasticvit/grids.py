"""What is searched: the resolutions, the choices of every stage, and the strides, which are fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul

CONV_NAMES, CONV_SE = ("C1", "C2"), (False, True)
TRANSFORMER_NAMES = ("T1", "T2", "T3", "T4")
WIDTH_CHAIN = ("stem", *CONV_NAMES, *TRANSFORMER_NAMES)


@dataclass(frozen=True)
class Strides:
    """Of the first convolution, and of the first block of every stage."""

    stem: int = 2
    conv: tuple[int, int] = (2, 2)
    transformer: tuple[int, int, int, int] = (2, 1, 2, 2)

    @property
    def reductions(self) -> dict[str, int]:
        """How many times smaller than the image each stage's output is."""
        products = accumulate((self.stem, *self.conv, *self.transformer), mul)
        return dict(zip(WIDTH_CHAIN, products, strict=True))


PUBLISHED_STRIDES = Strides()


@dataclass(frozen=True)
class Grid:
    """Choices by stage and field; ``depth`` counts layers, ``mlp`` and ``v`` are ratios to the width."""

    resolutions: tuple[int, ...]
    stages: Mapping[str, Mapping[str, tuple[int, ...]]] = field(hash=False)
    strides: Strides = PUBLISHED_STRIDES


def _transformer(low: int, high: int, depth: int) -> dict[str, tuple[int, ...]]:
    widths = tuple(range(low, high + 1, 16))
    return {"width": widths, "depth": tuple(range(1, depth + 1)), "mlp": (2, 3, 4, 5), "v": (2, 3, 4)}


PUBLISHED = Grid(
    (128, 160, 176, 192, 224, 256),
    {
        "stem": {"width": (16, 24), "depth": (1, 2), "kernel": (3, 5)},
        "C1": {"width": (16, 24, 32), "depth": (2, 3, 4, 5), "expand": (3, 4, 5, 6), "kernel": (3, 5)},
        "C2": {"width": (16, 24, 32, 40, 48), "depth": (2, 3, 4, 5, 6), "expand": (3, 4, 5, 6), "kernel": (3, 5)},
        "T1": _transformer(48, 96, 5), "T2": _transformer(80, 160, 6), "T3": _transformer(144, 288, 6),
        "T4": _transformer(160, 320, 6),
    },
)  # fmt: skip
