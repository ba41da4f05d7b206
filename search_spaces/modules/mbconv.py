"""Inverted residual block (MobileNetV2) with a shortcut that is always there (ElasticViT, section 3)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.modules.conv import ConvNorm
from search_spaces.modules.skeleton import Reused
from search_spaces.modules.squeeze_excite import SqueezeExcite


class Shortcut(nn.Module):
    """Identity; 2x2 average pool where strided; then a 1x1 convolution, no bias and no norm, where the width changes.

    An odd side is padded by one, so that the sides become ceil(side / 2) as on the main branch. Padded zeros do not
    enter the averages, unless ``count_padding`` (as in the released ElasticViT code, where the border is halved).
    """

    def __init__(self, c_in: int, c_out: int, stride: int, *, count_padding: bool = False) -> None:
        super().__init__()
        self.stride, self.count_padding = stride, count_padding
        self.conv = nn.Conv2d(c_in, c_out, 1, bias=False) if c_in != c_out else None

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, ceil(H / stride), ceil(W / stride))."""
        if self.stride > 1:
            padding = (x_BCHW.shape[2] % 2, x_BCHW.shape[3] % 2)
            x_BCHW = F.avg_pool2d(x_BCHW, 2, 2, padding=padding, count_include_pad=self.count_padding)
        return x_BCHW if self.conv is None else self.conv(x_BCHW)


class MBConv(nn.Module, metaclass=Reused):
    """1x1 expansion, depthwise convolution, optional squeeze-excitation, 1x1 projection; plus the shortcut.

    The inner width is ``c_in * expand``; ``expanded=False`` leaves the expansion out (ElasticViT's stem). The last
    norm's scale starts at 0 where ``stride`` is 1. ``stride`` is 1 or 2, ``kernel`` odd.
    """

    def __init__(
        self, c_in: int, c_out: int, *, expand: int, kernel: int, stride: int = 1, se_ratio: int = 0,
        expanded: bool = True, count_padding: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        inner = c_in * expand
        self.expand = ConvNorm(c_in, inner) if expanded else nn.Identity()
        self.depthwise = ConvNorm(inner, inner, kernel, stride=stride, groups=inner)
        self.se = SqueezeExcite(inner, inner // se_ratio) if se_ratio else nn.Identity()
        self.project = ConvNorm(inner, c_out, act=None, zero_gamma=stride == 1)
        self.shortcut = Shortcut(c_in, c_out, stride, count_padding=count_padding)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, ceil(H / stride), ceil(W / stride))."""
        out = self.project(self.se(self.depthwise(self.expand(x_BCHW))))
        return out + self.shortcut(x_BCHW)
