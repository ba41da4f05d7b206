"""Learnable relative position bias of attention logits (Swin, ElasticViT)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RelativePositionBias(nn.Module):
    """One number per head and per offset (dy, dx) between query and key on a grid of tokens.

    ``table`` has shape (1, heads, 2 side - 1, 2 side - 1): an image of offsets with (0, 0) in its middle, so that a
    smaller grid's table is its centre crop, exactly. The bias is read from it by strided views: no index is stored.
    On a grid other than the native one the table is resized bicubically.
    """

    def __init__(self, heads: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.table = nn.Parameter(torch.empty(1, heads, 2 * side - 1, 2 * side - 1))
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, height: int, width: int) -> Tensor:
        """The bias of a height x width grid, shape (1, heads, N, N) with N = height * width, rows are queries."""
        table: Tensor = self.table
        if (height, width) != (self.side, self.side):
            table = F.interpolate(table, size=(2 * height - 1, 2 * width - 1), mode="bicubic", align_corners=False)
        # windows[..., a, b, c, d] = table[..., a + c, b + d]; with c = height - 1 - y_k (flipped) that is the offset
        # a - y_k, counted from -(height - 1): what the query in row a and the key in row y_k need.
        windows = table.unfold(2, height, 1).unfold(3, width, 1).flip(4, 5)
        return windows.reshape(1, table.shape[1], height * width, height * width)
