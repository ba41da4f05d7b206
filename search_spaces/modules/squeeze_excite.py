"""Squeeze-and-excitation (Hu et al., CVPR 2018), in MobileNetV3's form."""

from __future__ import annotations

from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Scale every channel by a gate computed from all channels' means: ReLU inside, hard-sigmoid outside.

    (B, C, H, W) -> (B, C, H, W); ``squeezed`` is the width between the two 1x1 convolutions, which have biases.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.act = nn.ReLU()
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Gate the map."""
        return x_BCHW * self.gate(self.expand(self.act(self.reduce(self.pool(x_BCHW)))))
