"""The four block families (DeepMAD, reference section 2.1): which convolutions the main path of a block has.

One description serves the operator rows (arrays) and the modules (integers).

| family | block | shortcut |
|---|---|---|
| ``resnet`` | 1x1 to b, kxk, 1x1 | first block of a stage: pool where strided, then 1x1 + BN; others: identity |
| ``basic`` | kxk to b, kxk | the same |
| ``mobilenet`` | 1x1 to b, depthwise kxk, 1x1 | only where in = out: pool where strided, no projection |
| ``mobilenet_se`` | the same, with squeeze-excitation behind the depthwise convolution | the same |
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FAMILIES = ("resnet", "basic", "mobilenet", "mobilenet_se")
ALIASES = {"resnet_basic": "basic"}
"""Other names in use for a family; read, never written."""


class Conv(NamedTuple):
    """A convolution of a block's main path; fields are integers or arrays of shape (N,)."""

    c_in: Any
    c_out: Any
    kernel: Any
    stride: int = 1
    groups: Any = 1


def main_path(family: str, c_in: Any, out: Any, bottleneck: Any, kernel: Any, stride: int) -> tuple[Conv, ...]:
    """The convolutions of one block in order; each is followed by BN and ReLU (the last ReLU stands after the sum)."""
    if family == "basic":
        return Conv(c_in, bottleneck, kernel, stride), Conv(bottleneck, out, kernel)
    groups = 1 if family == "resnet" else bottleneck
    middle = Conv(bottleneck, bottleneck, kernel, stride, groups)
    return Conv(c_in, bottleneck, 1), middle, Conv(bottleneck, out, 1)


def inverted(family: str) -> bool:
    """Whether blocks are inverted residuals, whose shortcut exists only between equal widths."""
    return family.startswith("mobilenet")


def squeezed(channels: ArrayLike) -> NDArray[np.int64]:
    """Width inside squeeze-excitation: a quarter, down to a multiple of 8, at least 8 (section 2.7)."""
    quarter = np.rint(np.asarray(channels) / 4).astype(np.int64)
    return np.maximum(1, quarter // 8) * 8
