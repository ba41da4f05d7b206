"""Norms of tokens."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class JointLayerNorm(nn.LayerNorm):
    """Layer norm over tokens *and* channels together, as the released ElasticViT code does it.

    A token's output then depends on every other token. (B, N, C) -> (B, N, C); scale and shift have length C. It
    exists to run weights that were trained this way; use ``nn.LayerNorm`` otherwise.
    """

    def forward(self, x_BNC: Tensor) -> Tensor:
        """Normalise each sample by one mean and one variance."""
        return F.group_norm(x_BNC.transpose(1, 2), 1, self.weight, self.bias, self.eps).transpose(1, 2)
