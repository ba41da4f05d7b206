"""Operator rows of As-ViT's blocks (Chen et al., ICLR 2022; released code ``lib/models/cell_infers``).

Every function adds rows for a whole batch of architectures: arguments are scalars or arrays of shape (N,), and
``where`` says which of them have the block. Sides are the edges of square feature maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search_spaces.asvit.grammar import EMBED_STRIDE, MERGE_STRIDE, STAGES, stage_heads, stage_widths
from search_spaces.operators import Kind, OperatorTable, Role, TableBuilder

STAGE_NAMES = tuple(f"S{t + 1}" for t in range(STAGES))


def embed(
    b: TableBuilder, *, in_chans: int, width: ArrayLike, kernel: ArrayLike, side_in: int, side_out: int,
    stride: int = EMBED_STRIDE,
) -> None:  # fmt: skip
    """Convolution of stride 4 with bias, then LN."""
    b.conv(in_chans, width, kernel, side_in, side_out, stride=stride, bias=True)
    b.pointwise(Kind.LAYER_NORM, width, side_out, params=2 * np.asarray(width))


def merge(b: TableBuilder, *, c_in: ArrayLike, c_out: ArrayLike, kernel: ArrayLike, side: int) -> None:
    """Patch merging to maps of ``side``: K x K patches of stride 2, LN over K^2 c_in, linear without bias."""
    patch = np.asarray(kernel, dtype=np.int64) ** 2 * np.asarray(c_in)
    b.pointwise(Kind.LAYER_NORM, patch, side, params=2 * patch)
    b.linear(patch, c_out, side, bias=False)


def block(
    b: TableBuilder, *, width: ArrayLike, heads: ArrayLike, split: ArrayLike, expand: ArrayLike, side: int,
    where: ArrayLike = True,
) -> None:  # fmt: skip
    """Window attention and MLP, both pre-norm; split x split windows, padded where they do not divide the side.

    The inner width of the attention is ``heads * (width // heads)``, which may be less than ``width``.
    """
    c, h, w = (np.asarray(v, dtype=np.int64) for v in (width, heads, split))
    head_dim = c // h
    inner, edge, hidden, residual = h * head_dim, -(-side // w), c * np.asarray(expand), c * side**2
    padded = edge * w
    b.pointwise(Kind.LAYER_NORM, c, side, params=2 * c, where=where)
    b.linear(c, 3 * inner, padded, held=residual, where=where)
    _attention(b, h * w**2, head_dim, edge**2, residual, where)
    b.linear(inner, c, padded, held=residual, where=where)
    b.pointwise(Kind.ADD, c, side, held=residual, where=where)
    b.pointwise(Kind.LAYER_NORM, c, side, params=2 * c, where=where)
    b.linear(c, hidden, side, held=residual, where=where)
    b.pointwise(Kind.ACTIVATION, hidden, side, function="gelu", held=residual, where=where)
    b.linear(hidden, c, side, held=residual, where=where)
    b.pointwise(Kind.ADD, c, side, held=residual, where=where)


def _attention(
    b: TableBuilder, heads: NDArray[np.int64], head_dim: NDArray[np.int64], tokens: NDArray[np.int64],
    residual: NDArray[np.int64], where: ArrayLike,
) -> None:  # fmt: skip
    """The products of all windows; ``heads`` are those of all windows together, ``tokens`` those of one.

    Queries, keys and values are one tensor, so all of it lives until the last product has read its part.
    """
    inner, logits = heads * head_dim, heads * tokens
    alive = residual + 3 * inner * tokens
    shape: dict[str, Any] = {"groups": heads, "h_in": tokens, "h_out": tokens}
    b.add(Kind.MATMUL, where=where, c_in=inner, c_out=logits, held=alive - inner * tokens, **shape)
    b.add(Kind.SOFTMAX, where=where, c_in=logits, c_out=logits, held=alive, h_in=tokens, h_out=tokens)
    b.add(Kind.MATMUL, where=where, c_in=logits, c_out=inner, held=alive, **shape)


def head(b: TableBuilder, *, width: int, side: int, num_classes: int) -> None:
    """LN, mean over tokens, linear to the same width, tanh, classifier."""
    b.pointwise(Kind.LAYER_NORM, width, side, params=2 * width, role=Role.HEAD)
    b.add(
        Kind.POOL, function="global", role=int(Role.HEAD), c_in=width, c_out=width, groups=width, h_in=side, w_in=side,
        kernel_h=side, kernel_w=side,
    )  # fmt: skip
    b.linear(width, width, role=Role.HEAD)
    b.pointwise(Kind.ACTIVATION, width, function="tanh", role=Role.HEAD)
    if num_classes:
        b.linear(width, num_classes, role=Role.HEAD)


def sides(resolution: int, stride: int = EMBED_STRIDE) -> list[int]:
    """Sides of the four maps, rounded up where a stride does not divide."""
    first = -(-resolution // stride)
    return [-(-first // MERGE_STRIDE**t) for t in range(STAGES)]


def table(config: Mapping[str, Any], *, num_classes: int, in_chans: int, stride: int = EMBED_STRIDE) -> OperatorTable:
    """The table (size 1) of a valid structure; ``stride`` is the patch embedding's (see ``asvit.tokenization``)."""
    b = TableBuilder(1, (*STAGE_NAMES, "head"))
    widths, heads, edges = (
        stage_widths(config["width"]),
        stage_heads(config["heads"]),
        sides(config["resolution"], stride),
    )
    for t, (name, stage) in enumerate(zip(STAGE_NAMES, config["stages"], strict=True)):
        b.enter(name)
        if t == 0:
            embed(b, in_chans=in_chans, width=widths[0], kernel=stage["kernel"], side_in=config["resolution"],
                  side_out=edges[0], stride=stride)  # fmt: skip
        else:
            merge(b, c_in=widths[t - 1], c_out=widths[t], kernel=stage["kernel"], side=edges[t])
        for _ in range(stage["depth"]):
            block(b, width=widths[t], heads=heads[t], split=stage["split"], expand=stage["expand"], side=edges[t])
    b.enter("head")
    head(b, width=widths[-1], side=edges[-1], num_classes=num_classes)
    return b.table()


POOLINGS = 2
"""The released forward pass averages the last map twice: behind the last LN, and before it for the proxies."""


def released_count(table: OperatorTable) -> NDArray[np.int64]:
    """Operations as the released code prints them (its modified thop), shape (size,); used only to check them.

    Our MACs, one for each output that has a convolution's bias, and for each averaged channel its tokens and one more.
    """
    conv = table["kind"] == Kind.CONV
    biases = np.where(conv, table["c_out"] * table["h_out"] * table["w_out"], 0)
    pooled = table["c_out"] * (table["kernel_h"] * table["kernel_w"] + 1) * POOLINGS
    return table.macs + table.total(biases + np.where(table["kind"] == Kind.POOL, pooled, 0))
