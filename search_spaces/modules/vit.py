"""Blocks of plain vision transformers whose attention has a width of its own.

Shapes: B images, N tokens (the class token first, then the grid row by row), C channels, h heads of d channels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.modules.relative_position import RelativePosition, offsets
from search_spaces.modules.skeleton import Reused

Grid = tuple[int, int]
"""Height and width of the patches' grid."""


class Attention(nn.Module):
    """Multi-head attention of inner width h d, independent of C; ``relative`` adds AutoFormer's relative positions.

    The rows of ``qkv`` stand head by head: q, k, v of the first head, then of the second. So the first rows of a
    supernet's matrix (and of its bias) are the first heads, and a channel never changes its role. The released
    AutoFormer code interleaves q, k and v row by row but cuts the bias as a plain prefix, which then belongs to other
    rows than in the whole network; the released ViT-ResNAS code keeps three segments. Both compute the same function
    once a network stands alone.
    """

    def __init__(self, width: int, heads: int, head_dim: int, *, relative: bool = False) -> None:
        super().__init__()
        self.heads, self.head_dim, inner = heads, head_dim, heads * head_dim
        self.qkv = nn.Linear(width, 3 * inner)
        self.relative_k = RelativePosition(head_dim) if relative else None
        self.relative_v = RelativePosition(head_dim) if relative else None
        self.proj = nn.Linear(inner, width)

    def forward(self, x_BNC: Tensor, rows_2NN: Tensor | None = None) -> Tensor:
        """(B, N, C) -> (B, N, C); ``rows_2NN`` are the relative positions of the grid (``offsets``), if any."""
        batch, tokens, _ = x_BNC.shape
        qkv = self.qkv(x_BNC).view(batch, tokens, self.heads, 3, self.head_dim)
        q, k, v = qkv.permute(3, 0, 2, 1, 4).unbind(0)
        if rows_2NN is None or self.relative_k is None or self.relative_v is None:
            out = F.scaled_dot_product_attention(q, k, v)
        else:
            q = q * self.head_dim**-0.5
            weights = (q @ k.transpose(-2, -1) + self.relative_k.of_queries(q, rows_2NN)).softmax(-1)
            out = weights @ v + self.relative_v.of_weights(weights, rows_2NN)
        return self.proj(out.transpose(1, 2).flatten(2))


class MLP(nn.Sequential):
    """Linear, GELU, linear, with biases: (B, N, C) -> (B, N, C) through ``hidden`` channels."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class DropPath(nn.Module):
    """In training, drop the branch of an image with probability ``rate`` and scale the others up for it."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x_BNC: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        if not self.training or not self.rate:
            return x_BNC
        kept = x_BNC.new_empty(x_BNC.shape[0], 1, 1).bernoulli_(1 - self.rate)
        return x_BNC * kept / (1 - self.rate)


class Block(nn.Module, metaclass=Reused):
    """Pre-norm attention and MLP, each with its residual (dropped at ``drop_path`` in training)."""

    def __init__(
        self, width: int, heads: int, head_dim: int, hidden: int, *, eps: float, relative: bool = False,
        drop_path: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, eps)
        self.attention = Attention(width, heads, head_dim, relative=relative)
        self.mlp_norm = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, hidden)
        self.drop_path = DropPath(drop_path)

    def forward(self, x_BNC: Tensor, rows_2NN: Tensor | None = None) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        x_BNC = x_BNC + self.drop_path(self.attention(self.attention_norm(x_BNC), rows_2NN))
        return x_BNC + self.drop_path(self.mlp(self.mlp_norm(x_BNC)))


class Blocks(nn.ModuleDict):
    """Consecutive blocks, by name: a block left out leaves the names of the others as they are in the supernet."""

    def __init__(self, blocks: Mapping[str, Block], *, relative: bool = False) -> None:
        super().__init__(blocks)
        self.relative = relative

    def forward(self, x_BNC: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """(B, N, C) -> (B, N, C); the grid stays."""
        rows_2NN = offsets(*grid, x_BNC.device) if self.relative else None
        for block in self.values():
            x_BNC = block(x_BNC, rows_2NN)
        return x_BNC, grid


def init_weights(module: nn.Module) -> None:
    """Linear weights truncated-normal 0.02, biases 0; for ``module.apply``."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
