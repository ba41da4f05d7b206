"""Convolution, batch norm and activation as one step."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, then the activation (none where ``act`` is None).

    (B, c_in, H, W) -> (B, c_out, ceil(H / stride), ceil(W / stride)); the padding is half the (odd) kernel.
    ``zero_gamma`` starts the norm's scale at 0, so that a residual block begins as its shortcut.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int = 1, *, stride: int = 1, groups: int = 1,
        act: type[nn.Module] | None = nn.Hardswish, zero_gamma: bool = False,
    ) -> None:  # fmt: skip
        conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        norm = nn.BatchNorm2d(c_out)
        if zero_gamma:
            nn.init.zeros_(norm.weight)
        steps: list[tuple[str, nn.Module]] = [("conv", conv), ("norm", norm)]
        super().__init__(OrderedDict(steps if act is None else [*steps, ("act", act())]))
