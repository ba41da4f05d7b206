"""Operator rows of ViT-ResNAS's stages for a whole batch of architectures (see ``modules.vit_operators``).

Sides are the edges of square grids of patches; every grid has one class token beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from search_spaces.modules import vit_operators as vit
from search_spaces.operators import Kind, Role, TableBuilder


def patch_embedding(
    b: TableBuilder, *, in_chans: int, width: ArrayLike, mid: int | None, patch: int, side: int
) -> None:
    """Convolutions at half the resolution and one per patch (or one per patch alone), class token, positions."""
    image = side * patch
    if mid is None:
        b.conv(in_chans, width, patch, image, side, stride=patch, bias=True)
    else:
        half = image // 2
        first = mid * half**2
        _conv_norm(b, in_chans, mid, image, half)
        _conv_norm(b, mid, mid, half, half, held_after=first)
        _conv_norm(b, mid, mid, half, half, held=first, held_after=first)
        b.pointwise(Kind.ADD, mid, half, held=first)
        b.conv(mid, width, patch // 2, half, side, stride=patch // 2, bias=True)
    vit.embedding(b, width=width, tokens=side * side + 1)


def _conv_norm(
    b: TableBuilder, c_in: int, c_out: int, side: int, out: int, *, held: int = 0, held_after: int = 0
) -> None:
    """3x3 convolution, BN, ReLU; ``held_after`` lives beside the last two."""
    b.conv(c_in, c_out, 3, side, out, stride=side // out, held=held)
    b.pointwise(Kind.BATCH_NORM, c_out, out, params=2 * c_out, held=held_after)
    b.pointwise(Kind.ACTIVATION, c_out, out, function="relu", held=held_after)


def reduction(b: TableBuilder, *, c_in: ArrayLike, c_out: ArrayLike, side: int) -> None:
    """Residual spatial reduction: halve the grid (rounding up) and widen the tokens; ``side`` is the input's.

    Layer norm; 3x3 convolution of the patches with positions of their own, plus the average pool of the patches as
    they were; a linear layer for the class token, plus the token as it was. What is narrower is padded with zeros.
    """
    c_i, c_o, out = np.asarray(c_in, dtype=np.int64), np.asarray(c_out, dtype=np.int64), -(-side // 2)
    tokens = c_i * (side * side + 1)
    main, pooled = c_o * out * out, c_i * out * out
    vit.layer_norm(b, c_i, side * side + 1)
    b.conv(c_i, c_o, 3, side, out, stride=2, bias=True, held=tokens + c_i)
    b.add(Kind.PARAMETER, params=main)
    vit.tokenwise(b, Kind.ADD, c_o, out * out, held=2 * tokens)
    b.linear(c_i, c_o, role=Role.SHORTCUT, held=2 * tokens - c_i + main)
    b.add(
        Kind.POOL, function="average", role=int(Role.SHORTCUT), c_in=c_i, c_out=c_i, kernel_h=2, kernel_w=2, stride=2,
        groups=c_i, h_in=side, w_in=side, h_out=out, w_out=out, held=c_i + 2 * main + 2 * c_o,
    )  # fmt: skip
    vit.tokenwise(b, Kind.ADD, c_o, out * out + 1, held=tokens + 2 * pooled + c_i + main + c_o)


def head(b: TableBuilder, *, width: ArrayLike, side: int, num_classes: int) -> None:
    """Layer norm of every token, classifier on the class token."""
    c = np.asarray(width, dtype=np.int64)
    vit.layer_norm(b, c, side * side + 1)
    b.linear(c, num_classes, role=Role.HEAD, held=c * side * side)
