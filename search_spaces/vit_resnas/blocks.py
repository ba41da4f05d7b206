"""ViT-ResNAS's patch embedding and residual spatial reduction as modules.

B images, N = 1 + height * width tokens (the class token first), C channels, H x W maps.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.modules.conv import ConvNorm
from search_spaces.modules.skeleton import Reused
from search_spaces.modules.tokens import PositionEmbedding
from search_spaces.modules.vit import Grid

EPS = 1e-6


class ResidualPair(nn.Sequential):
    """Two 3x3 convolutions with BN and ReLU, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__(*(ConvNorm(channels, channels, 3, act=nn.ReLU) for _ in range(2)))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x_BCHW + super().forward(x_BCHW)


def patches(in_chans: int, width: int, mid: int | None, patch: int) -> nn.Module:
    """From images to one vector per patch: convolutions at half the resolution first, unless ``mid`` is None."""
    if mid is None:
        return nn.Conv2d(in_chans, width, patch, patch)
    half = patch // 2
    stem, pair = ConvNorm(in_chans, mid, 3, stride=2, act=nn.ReLU), ResidualPair(mid)
    return nn.Sequential(OrderedDict(stem=stem, pair=pair, patch=nn.Conv2d(mid, width, half, half)))


class SpatialReduction(nn.Module, metaclass=Reused):
    """Residual spatial reduction: a quarter of the patches, wider tokens; see ``operators.reduction``."""

    def __init__(self, c_in: int, c_out: int, side_out: int) -> None:
        super().__init__()
        self.widen = c_out - c_in
        self.norm = nn.LayerNorm(c_in, EPS)
        self.patches = nn.Conv2d(c_in, c_out, 3, stride=2, padding=1)
        self.position = PositionEmbedding(c_out, side_out, class_token=False)
        self.class_token = nn.Linear(c_in, c_out)

    def forward(self, x_BNC: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """(B, N, c_in) -> (B, N', c_out) and the halved grid."""
        normal_BNC = self.norm(x_BNC)
        map_BCHW = self.patches(normal_BNC[:, 1:].transpose(1, 2).unflatten(2, grid))
        smaller = (int(map_BCHW.shape[2]), int(map_BCHW.shape[3]))
        patches_BNC = map_BCHW.flatten(2).transpose(1, 2) + self.position(smaller)
        main_BNC = torch.cat([self.class_token(normal_BNC[:, :1]), patches_BNC], dim=1)
        # A window over the edge of an odd side averages what lies inside.
        pooled = F.avg_pool2d(x_BNC[:, 1:].transpose(1, 2).unflatten(2, grid), 2, ceil_mode=True)
        residual_BNC = torch.cat([x_BNC[:, :1], pooled.flatten(2).transpose(1, 2)], dim=1)
        return main_BNC + F.pad(residual_BNC, (0, self.widen)), smaller
