"""Multi-head attention with a relative position bias and a depthwise convolution on the values; and the MLP.

Shapes: B images, N = H W tokens of a grid, C channels, h heads.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.modules.relative_bias import RelativePositionBias
from search_spaces.modules.sharing import set_blocks


class Attention(nn.Module):
    """ElasticViT's attention (section 3): wide values, convolved on the grid, and hard-swish before the projection.

    Queries and keys have ``qk_dim`` channels per head, values ``v_dim``. The rows of ``qkv`` stand head by head:
    q, k, v of the first head, then of the second. In a supernet every head keeps its own rows whatever the number of
    heads and ``v_dim``, so a channel never changes its role. ``segments`` slices as the released code does instead:
    all rows from three segments [q | k | v], each cut first-n and only then viewed head by head (weights trained so
    need it; the forward pass of one network is the same).
    """

    def __init__(self, width: int, *, heads: int, qk_dim: int, v_dim: int, side: int, segments: bool = False) -> None:
        super().__init__()
        self.heads, self.dims = heads, (qk_dim, qk_dim, v_dim)
        value = heads * v_dim
        self.qkv = nn.Linear(width, heads * sum(self.dims), bias=False)
        self.v_conv = nn.Conv2d(value, value, 3, padding=1, groups=value, bias=False)
        self.position_bias = RelativePositionBias(heads, side)
        self.act = nn.Hardswish()
        self.proj = nn.Linear(value, width)
        if segments:
            set_blocks(self.qkv, "weight", 0, [heads * d for d in self.dims])
        else:
            set_blocks(self.qkv, "weight", 0, [sum(self.dims)] * heads)
            set_blocks(self.v_conv, "weight", 0, [v_dim] * heads)
            set_blocks(self.proj, "weight", 1, [v_dim] * heads)

    def forward(self, x_BNC: Tensor, height: int, width: int) -> Tensor:
        """(B, N, C) -> (B, N, C) on a grid of N = height * width tokens."""
        batch, tokens, _ = x_BNC.shape
        q, k, v = self.qkv(x_BNC).view(batch, tokens, self.heads, -1).split(self.dims, dim=3)
        v = self._convolve(v.flatten(2), height, width).unflatten(2, (self.heads, self.dims[2]))
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=self.position_bias(height, width))
        return self.proj(self.act(out.transpose(1, 2).flatten(2)))

    def _convolve(self, v_BNV: Tensor, height: int, width: int) -> Tensor:
        """3x3 depthwise convolution of the values on the grid, (B, N, V) -> (B, N, V)."""
        v_BVHW = v_BNV.transpose(1, 2).unflatten(2, (height, width))
        return self.v_conv(v_BVHW).flatten(2).transpose(1, 2)


class MLP(nn.Sequential):
    """Linear, hard-swish, linear, with biases: (B, N, C) -> (B, N, C) through ``hidden`` channels."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(nn.Linear(width, hidden), nn.Hardswish(), nn.Linear(hidden, width))
