"""A budget on activations (elements written per image) for the solver, taken from the operator table.

In the residual families the activations of a block are affine in its widths and do not depend on the kernel, so four
tables of one block give them exactly. The solver adds amounts up over blocks: the stem's stand with the first block
of the first stage, those of the 1x1 head and the classifier with the first block of the last. In the depthwise
families a block has a shortcut only between equal widths, so that its activations do not grow with its widths, which
the solver's bounds need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.convnet import operators
from search_spaces.convnet.families import ALIASES, Conv
from search_spaces.operators import TableBuilder

CLASSES, IMAGE_CHANNELS = 1000, 3
STEM_KERNEL, STEM_STRIDE = 3, 2


@dataclass(frozen=True)
class Activations:
    """The solver's resource (see ``Problem.extra``) of one residual skeleton."""

    family: str
    n_stages: int
    head: int | None

    def __call__(
        self, stage: int, cin: Any, cout: Any, b: Any, k: Any, r: float, stride: int, first: bool
    ) -> NDArray[np.float64]:
        """Elements written by one block at input side ``r``; widths may be arrays."""
        c0, per_in, per_b, per_out = _affine(self, stage, int(r), stride, first)
        return np.asarray(c0 + per_in * np.asarray(cin) + per_b * np.asarray(b) + per_out * np.asarray(cout), float)


@cache
def _affine(of: Activations, stage: int, side: int, stride: int, first: bool) -> tuple[float, float, float, float]:
    """Constant and slopes in (in, bottleneck, out), from the operator table at four corners."""
    base, *moved = (
        _elements(of, stage, side, stride, first, *widths) for widths in ((1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2))
    )
    slopes = [value - base for value in moved]
    return (base - sum(slopes), *slopes)  # type: ignore[return-value]


def _elements(
    of: Activations, stage: int, side: int, stride: int, first: bool, cin: int, inner: int, out: int
) -> float:
    b = TableBuilder(1, ["block"])
    b.enter("block")
    family = ALIASES.get(of.family, of.family)
    shape = {"c_in": cin, "out": out, "bottleneck": inner, "kernel": 3}
    operators.block(b, family, stride=stride, side=side, first=first, **shape)
    if first and stage == 0:
        operators.conv_norm(b, Conv(IMAGE_CHANNELS, cin, STEM_KERNEL, STEM_STRIDE), side * STEM_STRIDE)
    if first and stage == of.n_stages - 1:
        _end(b, out, int(operators.half(side, stride)), of.head)
    return float(b.table().activations[0])


def _end(b: TableBuilder, width: int, side: int, head: int | None) -> None:
    if head:
        operators.conv_norm(b, Conv(width, head, 1), side)
    operators.head(b, width=head or width, side=side, num_classes=CLASSES)
