"""Operator rows of plain vision transformers: tokens of a grid and one class token. No torch here.

Every function adds rows for a whole batch of architectures: arguments are scalars or arrays of shape (N,), and
``where`` says which of them have the block. ``tokens`` counts the class token too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from search_spaces.operators import IntArray, Kind, Role, TableBuilder

RELATIVE_CLIP = 14
"""Offsets beyond it share one embedding (AutoFormer's ``max_relative_position``)."""
RELATIVE_ROWS = 2 * RELATIVE_CLIP + 2
"""Rows of one table: the offsets -14 .. 14, and one for the class token."""


def linear(
    b: TableBuilder, c_in: ArrayLike, c_out: ArrayLike, tokens: int, *, role: Role = Role.MAIN, held: ArrayLike = 0,
    where: ArrayLike = True,
) -> None:  # fmt: skip
    """A linear layer with bias on every token."""
    b.linear(c_in, c_out, 0, extra_tokens=tokens, role=role, held=held, where=where)


def tokenwise(
    b: TableBuilder, kind: Kind, channels: ArrayLike, tokens: int, *, function: str = "", role: Role = Role.MAIN,
    params: ArrayLike = 0, held: ArrayLike = 0, where: ArrayLike = True,
) -> None:  # fmt: skip
    """A norm, activation or sum of (tokens, channels)."""
    b.add(
        kind, where=where, function=function, role=int(role), c_in=channels, c_out=channels, h_in=tokens,
        h_out=tokens, params=params, held=held,
    )  # fmt: skip


def layer_norm(
    b: TableBuilder, channels: ArrayLike, tokens: int, *, role: Role = Role.MAIN, held: ArrayLike = 0,
    where: ArrayLike = True,
) -> None:  # fmt: skip
    """Layer norm over the channels of each token."""
    params = 2 * np.asarray(channels)
    tokenwise(b, Kind.LAYER_NORM, channels, tokens, role=role, params=params, held=held, where=where)


def block(
    b: TableBuilder, *, width: ArrayLike, heads: ArrayLike, head_dim: ArrayLike, hidden: ArrayLike, tokens: int,
    relative: bool = False, where: ArrayLike = True,
) -> None:  # fmt: skip
    """Pre-norm attention of inner width ``heads * head_dim`` and MLP with GELU, each with its residual."""
    c, h, d = (np.asarray(a, dtype=np.int64) for a in (width, heads, head_dim))
    inner, residual = h * d, c * tokens
    layer_norm(b, c, tokens, where=where)
    linear(b, c, 3 * inner, tokens, held=residual, where=where)
    _attention(b, h, d, tokens, residual, relative, where)
    linear(b, inner, c, tokens, held=residual, where=where)
    tokenwise(b, Kind.ADD, c, tokens, held=residual, where=where)
    layer_norm(b, c, tokens, where=where)
    linear(b, c, hidden, tokens, held=residual, where=where)
    tokenwise(b, Kind.ACTIVATION, hidden, tokens, function="gelu", held=residual, where=where)
    linear(b, hidden, c, tokens, held=residual, where=where)
    tokenwise(b, Kind.ADD, c, tokens, held=residual, where=where)


def _attention(
    b: TableBuilder, heads: IntArray, dim: IntArray, tokens: int, residual: IntArray, relative: bool, where: ArrayLike
) -> None:
    """Logits, softmax, product with V; q, k and v are one tensor, which lives until the last of them is used.

    ``relative`` adds relative positions to keys and values: products with their tables, and the sums they enter.
    """
    h, n, inner = heads, tokens, heads * dim
    square, alive, both, table = h * n * n, residual + 3 * inner * n, 2 * RELATIVE_ROWS, 2 * RELATIVE_ROWS * dim
    b.add(Kind.MATMUL, where=where, c_in=inner, c_out=h * n, groups=h, h_in=n, h_out=n, held=alive - inner * n)
    if relative:
        _beside(b, dim, both, h * n, params=table, held=alive - inner * n + square, where=where)
        tokenwise(b, Kind.ADD, h * n, n, role=Role.SHORTCUT, held=alive + 2 * square + both * h * n, where=where)
        tokenwise(b, Kind.ADD, h * n, n, held=alive + square, where=where)
    tokenwise(b, Kind.SOFTMAX, h * n, n, held=alive, where=where)
    b.add(Kind.MATMUL, where=where, c_in=h * n, c_out=inner, groups=h, h_in=n, h_out=n, held=alive)
    if relative:
        _beside(b, both, dim, h * n, params=table, held=residual + inner * n + square, where=where)
        tokenwise(b, Kind.ADD, inner, n, held=residual + inner * n, where=where)


def _beside(
    b: TableBuilder, c_in: ArrayLike, c_out: ArrayLike, rows: ArrayLike, *, params: ArrayLike, held: ArrayLike,
    where: ArrayLike,
) -> None:  # fmt: skip
    """A product with a table of embeddings, on every query of every head."""
    b.add(
        Kind.LINEAR, where=where, role=int(Role.SHORTCUT), c_in=c_in, c_out=c_out, h_in=rows, h_out=rows,
        params=params, held=held,
    )  # fmt: skip


def embedding(b: TableBuilder, *, width: ArrayLike, tokens: int) -> None:
    """Class token and learnable position embedding, added to the patches."""
    c = np.asarray(width, dtype=np.int64)
    b.add(Kind.PARAMETER, params=c)
    b.add(Kind.PARAMETER, params=c * tokens)
    tokenwise(b, Kind.ADD, c, tokens, held=0)
