"""Operator rows of ElasticViT's blocks (Tang et al., ICCV 2023, section 3; released code ``models/``).

Every function adds rows for a whole batch of architectures: arguments are scalars or arrays of shape (N,), and
``where`` says which of them have the block. Sides are the edges of square feature maps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search_spaces.operators import Kind, Role, TableBuilder

HEAD_DIM = 16
"""Width of a query, a key and one unit of value scale in each head; heads = channels / 16."""
FEATURES = 1984
"""Width of the classifier's input."""
REDUCTION_EXPAND, REDUCTION_KERNEL = 6, 3
HEAD_EXPAND = 6
SE_RATIO = 4


def half(side: ArrayLike, stride: int) -> NDArray[np.int64]:
    """Side of the map after a padded stride: rounded up, as the convolutions do."""
    return -(-np.asarray(side, dtype=np.int64) // stride)


def first_conv(b: TableBuilder, *, in_chans: int, width: ArrayLike, side: ArrayLike, stride: int = 2) -> None:
    """3x3 convolution, BN, hard-swish; ``side`` is the image's."""
    out = half(side, stride)
    b.conv(in_chans, width, 3, side, out, stride=stride)
    b.pointwise(Kind.BATCH_NORM, width, out, params=2 * np.asarray(width))
    b.pointwise(Kind.ACTIVATION, width, out, function="hard_swish")


def mbconv(
    b: TableBuilder, *, c_in: ArrayLike, c_out: ArrayLike, expand: ArrayLike, kernel: ArrayLike, stride: int,
    side: ArrayLike, se: bool, where: ArrayLike = True, expanded: bool = True,
) -> None:  # fmt: skip
    """Inverted residual whose shortcut is always there: pooled where strided, projected where the width changes.

    ``side`` is the input's; ``expanded=False`` leaves the 1x1 expansion out (the stem).
    """
    c_in, c_out = np.asarray(c_in, dtype=np.int64), np.asarray(c_out, dtype=np.int64)
    inner, out = c_in * np.asarray(expand), half(side, stride)
    residual = c_in * np.asarray(side, dtype=np.int64) ** 2
    if expanded:
        b.conv(c_in, inner, 1, side, side, where=where)
        b.pointwise(Kind.BATCH_NORM, inner, side, params=2 * inner, held=residual, where=where)
        b.pointwise(Kind.ACTIVATION, inner, side, function="hard_swish", held=residual, where=where)
    held = residual if expanded else 0
    b.conv(inner, inner, kernel, side, out, stride=stride, groups=inner, held=held, where=where)
    b.pointwise(Kind.BATCH_NORM, inner, out, params=2 * inner, held=residual, where=where)
    b.pointwise(Kind.ACTIVATION, inner, out, function="hard_swish", held=residual, where=where)
    if se:
        squeeze_excite(b, inner, out, held=residual, where=where)
    b.conv(inner, c_out, 1, out, out, held=residual, where=where)
    b.pointwise(Kind.BATCH_NORM, c_out, out, params=2 * c_out, held=residual, where=where)
    shortcut(b, c_in, c_out, stride, side, out, where)


def shortcut(
    b: TableBuilder, c_in: NDArray[np.int64], c_out: NDArray[np.int64], stride: int, side: ArrayLike,
    out: NDArray[np.int64], where: ArrayLike,
) -> None:  # fmt: skip
    """The other branch of :func:`mbconv` and the sum."""
    main = c_out * out**2
    if stride == 2:
        b.add(
            Kind.POOL, where=where, function="average", role=int(Role.SHORTCUT), c_in=c_in, c_out=c_in, kernel_h=2,
            kernel_w=2, stride=2, groups=c_in, h_in=side, w_in=side, h_out=out, w_out=out, held=main,
        )  # fmt: skip
    b.conv(c_in, c_out, 1, out, out, role=Role.SHORTCUT, held=main, where=np.asarray(where) & (c_in != c_out))
    b.pointwise(Kind.ADD, c_out, out, held=main, where=where)


def squeeze_excite(
    b: TableBuilder, channels: NDArray[np.int64], side: ArrayLike, *, held: ArrayLike, where: ArrayLike
) -> None:
    """Global pool, 1x1 convolution to a quarter, ReLU, 1x1 back, hard-sigmoid, product; both with bias."""
    squeezed = channels // SE_RATIO
    volume = channels * np.asarray(side, dtype=np.int64) ** 2
    alive = volume + np.asarray(held)
    b.add(
        Kind.POOL, where=where, function="global", role=int(Role.GATE), c_in=channels, c_out=channels, groups=channels,
        kernel_h=side, kernel_w=side, h_in=side, w_in=side, held=held,
    )  # fmt: skip
    b.conv(channels, squeezed, 1, 1, 1, bias=True, role=Role.GATE, held=alive, where=where)
    b.pointwise(Kind.ACTIVATION, squeezed, function="relu", role=Role.GATE, held=alive, where=where)
    b.conv(squeezed, channels, 1, 1, 1, bias=True, role=Role.GATE, held=alive, where=where)
    b.pointwise(Kind.ACTIVATION, channels, function="hard_sigmoid", role=Role.GATE, held=alive, where=where)
    b.pointwise(Kind.MUL, channels, side, role=Role.GATE, held=channels + np.asarray(held), where=where)


def mbconv_layers(
    b: TableBuilder, *, c_in: ArrayLike, width: ArrayLike, expand: Sequence[ArrayLike], kernel: Sequence[ArrayLike],
    stride: int, side: ArrayLike, se: bool, where: Sequence[ArrayLike], expanded: bool = True,
) -> None:  # fmt: skip
    """Consecutive blocks of one stage, of which the first changes width and side; ``where`` is per block."""
    for e, k, present in zip(expand, kernel, where, strict=True):
        mbconv(
            b, c_in=c_in, c_out=width, expand=e, kernel=k, stride=stride, side=side, se=se, where=present,
            expanded=expanded,
        )  # fmt: skip
        c_in, side, stride = width, half(side, stride), 1


def reduction(b: TableBuilder, *, c_in: ArrayLike, width: ArrayLike, stride: int, side: ArrayLike) -> None:
    """The MBConv that opens every transformer stage: ratio 6, kernel 3, squeeze-excitation."""
    mbconv(
        b, c_in=c_in, c_out=width, expand=REDUCTION_EXPAND, kernel=REDUCTION_KERNEL, stride=stride, side=side, se=True
    )


def transformer_layer(
    b: TableBuilder, *, width: ArrayLike, v_scale: ArrayLike, mlp_ratio: ArrayLike, side: ArrayLike,
    where: ArrayLike = True,
) -> None:  # fmt: skip
    """Attention with relative position bias and a 3x3 depthwise convolution on V, then the MLP; both pre-norm."""
    c, n = np.asarray(width, dtype=np.int64), np.asarray(side, dtype=np.int64) ** 2
    heads, value, hidden = c // HEAD_DIM, c * np.asarray(v_scale), c * np.asarray(mlp_ratio)
    residual = c * n
    b.pointwise(Kind.LAYER_NORM, c, side, params=2 * c, where=where)
    b.linear(c, 2 * c + value, side, bias=False, held=residual, where=where)
    b.conv(value, value, 3, side, side, groups=value, held=residual + 2 * c * n, where=where)
    table = heads * (2 * np.asarray(side, dtype=np.int64) - 1) ** 2
    b.attention(heads, HEAD_DIM, value // heads, n, held=residual, where=where, bias_params=table)
    b.pointwise(Kind.ACTIVATION, value, side, function="hard_swish", held=residual, where=where)
    b.linear(value, c, side, held=residual, where=where)
    b.pointwise(Kind.ADD, c, side, held=residual, where=where)
    b.pointwise(Kind.LAYER_NORM, c, side, params=2 * c, where=where)
    b.linear(c, hidden, side, held=residual, where=where)
    b.pointwise(Kind.ACTIVATION, hidden, side, function="hard_swish", held=residual, where=where)
    b.linear(hidden, c, side, held=residual, where=where)
    b.pointwise(Kind.ADD, c, side, held=residual, where=where)


def head(b: TableBuilder, *, width: ArrayLike, side: ArrayLike, num_classes: int) -> None:
    """Linear to 6C on every token, BN, hard-swish, mean over tokens, linear to 1984, hard-swish, classifier."""
    inner = HEAD_EXPAND * np.asarray(width, dtype=np.int64)
    b.linear(width, inner, side, role=Role.HEAD)
    b.pointwise(Kind.BATCH_NORM, inner, side, params=2 * inner, role=Role.HEAD)
    b.pointwise(Kind.ACTIVATION, inner, side, function="hard_swish", role=Role.HEAD)
    b.add(
        Kind.POOL, function="global", role=int(Role.HEAD), c_in=inner, c_out=inner, groups=inner, h_in=side, w_in=side,
        kernel_h=side, kernel_w=side,
    )  # fmt: skip
    b.linear(inner, FEATURES, role=Role.HEAD)
    b.pointwise(Kind.ACTIVATION, FEATURES, function="hard_swish", role=Role.HEAD)
    if num_classes:
        b.linear(FEATURES, num_classes, role=Role.HEAD)
