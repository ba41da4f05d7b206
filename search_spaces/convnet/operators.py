"""Operator rows of the blocks (reference sections 2.1 and 2.7); what a block is stands in ``families``.

Every function adds rows for a whole batch of architectures: arguments are scalars or arrays of shape (N,), and
``where`` says which of them have the layer. Sides are the edges of square feature maps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search_spaces.convnet.families import Conv, inverted, main_path, squeezed
from search_spaces.operators import Kind, Role, TableBuilder


def half(side: ArrayLike, stride: int) -> NDArray[np.int64]:
    """Side of the map after a padded stride: rounded up, as the convolutions do."""
    return -(-np.asarray(side, dtype=np.int64) // stride)


def conv_norm(
    b: TableBuilder, conv: Conv, side: ArrayLike, *, act: bool = True, role: Role = Role.MAIN, held: ArrayLike = 0,
    held_after: ArrayLike | None = None, where: ArrayLike = True,
) -> None:  # fmt: skip
    """Convolution without bias, BN and, with ``act``, ReLU; ``held_after`` is what lives on beside the last two."""
    out, after = half(side, conv.stride), held if held_after is None else held_after
    shape = {"stride": conv.stride, "groups": conv.groups, "role": role, "held": held, "where": where}
    b.conv(conv.c_in, conv.c_out, conv.kernel, side, out, **shape)  # type: ignore[arg-type]
    pointwise: dict[str, Any] = {"role": role, "held": after, "where": where}
    b.pointwise(Kind.BATCH_NORM, conv.c_out, out, params=2 * np.asarray(conv.c_out), **pointwise)
    if act:
        b.pointwise(Kind.ACTIVATION, conv.c_out, out, function="relu", **pointwise)


def block(
    b: TableBuilder, family: str, *, c_in: ArrayLike, out: ArrayLike, bottleneck: ArrayLike, kernel: ArrayLike,
    stride: int, side: ArrayLike, first: bool, where: ArrayLike = True,
) -> None:  # fmt: skip
    """One residual block; ``first`` of its stage or not, ``side`` is the input's."""
    c_in, out = np.asarray(c_in, dtype=np.int64), np.asarray(out, dtype=np.int64)
    joined = np.asarray(where) & (c_in == out) if inverted(family) else np.asarray(where)
    residual = np.where(joined, c_in * np.asarray(side, dtype=np.int64) ** 2, 0)
    convs, edge = main_path(family, c_in, out, np.asarray(bottleneck, dtype=np.int64), kernel, stride), side
    for i, conv in enumerate(convs):
        last = i == len(convs) - 1
        conv_norm(b, conv, edge, act=not last, held=residual if i else 0, held_after=residual, where=where)
        edge = half(edge, conv.stride)
        if family == "mobilenet_se" and i == 1:
            squeeze_excite(b, conv.c_out, edge, held=residual, where=where)
    projected = first and not inverted(family)
    shortcut(b, Conv(c_in, out, 1), stride, side, projected=projected, where=joined)
    b.pointwise(Kind.ADD, out, edge, held=out * np.asarray(edge) ** 2, where=joined)
    b.pointwise(Kind.ACTIVATION, out, edge, function="relu", where=where)


def shortcut(b: TableBuilder, conv: Conv, stride: int, side: ArrayLike, *, projected: bool, where: ArrayLike) -> None:
    """2x2 average pool where strided, then a 1x1 convolution with BN where ``projected``."""
    out = half(side, stride)
    main = conv.c_out * out**2
    if stride == 2:
        b.add(
            Kind.POOL, where=where, function="average", role=int(Role.SHORTCUT), c_in=conv.c_in, c_out=conv.c_in,
            kernel_h=2, kernel_w=2, stride=2, groups=conv.c_in, h_in=side, w_in=side, h_out=out, w_out=out, held=main,
        )  # fmt: skip
    if projected:
        conv_norm(b, conv, out, act=False, role=Role.SHORTCUT, held=main, where=where)


def squeeze_excite(b: TableBuilder, channels: ArrayLike, side: ArrayLike, *, held: ArrayLike, where: ArrayLike) -> None:
    """Global pool, 1x1 convolution, BN, ReLU, 1x1 convolution, BN, sigmoid, product; no biases (section 2.7)."""
    c, inner = np.asarray(channels, dtype=np.int64), squeezed(channels)
    alive = c * np.asarray(side, dtype=np.int64) ** 2 + np.asarray(held)
    b.add(
        Kind.POOL, where=where, function="global", role=int(Role.GATE), c_in=c, c_out=c, groups=c, kernel_h=side,
        kernel_w=side, h_in=side, w_in=side, held=held,
    )  # fmt: skip
    conv_norm(b, Conv(c, inner, 1), 1, role=Role.GATE, held=alive, where=where)
    conv_norm(b, Conv(inner, c, 1), 1, act=False, role=Role.GATE, held=alive, where=where)
    b.pointwise(Kind.ACTIVATION, c, function="sigmoid", role=Role.GATE, held=alive, where=where)
    b.pointwise(Kind.MUL, c, side, role=Role.GATE, held=c + np.asarray(held), where=where)


def head(b: TableBuilder, *, width: ArrayLike, side: ArrayLike, num_classes: int) -> None:
    """Mean over the map, classifier."""
    b.add(
        Kind.POOL, function="global", role=int(Role.HEAD), c_in=width, c_out=width, groups=width, h_in=side, w_in=side,
        kernel_h=side, kernel_w=side,
    )  # fmt: skip
    b.linear(width, num_classes, role=Role.HEAD)
