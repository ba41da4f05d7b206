"""Relative positions as embeddings of keys and values (Shaw et al. 2018), on a grid with a class token (AutoFormer).

Every head adds q_i . r_ij to its logits and sum_j a_ij r'_ij to its output, where r_ij is the sum of a row of a
vertical and of a horizontal table. Computed here by products with the tables (30 rows each) and not with one
embedding per pair of tokens: the same numbers for a third of the multiply-accumulates at 197 tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search_spaces.modules.vit_operators import RELATIVE_CLIP, RELATIVE_ROWS


def offsets(height: int, width: int, device: torch.device) -> Tensor:
    """Rows of (vertical, horizontal) table for each query and key, shape (2, N, N), N = height * width + 1.

    Offsets are clipped to 14; row 0 belongs to every pair with the class token.
    """
    y = torch.arange(height, device=device).repeat_interleave(width)
    x = torch.arange(width, device=device).repeat(height)
    rows = [(a[None, :] - a[:, None]).clamp(-RELATIVE_CLIP, RELATIVE_CLIP) + RELATIVE_CLIP + 1 for a in (y, x)]
    return nn.functional.pad(torch.stack(rows), (1, 0, 1, 0))


class RelativePosition(nn.Module):
    """The two tables of keys or of values, of shape (30, head_dim) each, shared by all heads."""

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.vertical = nn.Parameter(torch.empty(RELATIVE_ROWS, head_dim))
        self.horizontal = nn.Parameter(torch.empty(RELATIVE_ROWS, head_dim))
        for table in (self.vertical, self.horizontal):
            nn.init.trunc_normal_(table, std=0.02)

    def of_queries(self, q_BhNd: Tensor, rows_2NN: Tensor) -> Tensor:
        """q_i . r_ij, shape (B, h, N, N)."""
        logits = q_BhNd @ torch.cat([self.vertical, self.horizontal]).t()
        vertical, horizontal = logits.split(RELATIVE_ROWS, dim=-1)
        batch, heads, tokens = logits.shape[:3]
        index = rows_2NN.unsqueeze(1).unsqueeze(1).expand(2, batch, heads, tokens, tokens)
        return vertical.gather(-1, index[0]) + horizontal.gather(-1, index[1])

    def of_weights(self, a_BhNN: Tensor, rows_2NN: Tensor) -> Tensor:
        """sum_j a_ij r_ij, shape (B, h, N, d)."""
        batch, heads, tokens = a_BhNN.shape[:3]
        index = rows_2NN.unsqueeze(1).unsqueeze(1).expand(2, batch, heads, tokens, tokens)
        bins = a_BhNN.new_zeros(batch, heads, tokens, 2 * RELATIVE_ROWS)
        bins = bins.scatter_add_(-1, index[0], a_BhNN).scatter_add_(-1, index[1] + RELATIVE_ROWS, a_BhNN)
        return bins @ torch.cat([self.vertical, self.horizontal])
