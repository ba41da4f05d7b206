"""Operator rows of AutoFormer's stages for a whole batch of architectures (see ``modules.vit_operators``)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from search_spaces.modules import vit_operators as vit
from search_spaces.operators import Kind, Role, TableBuilder


def patch_embedding(b: TableBuilder, *, in_chans: int, width: ArrayLike, patch: int, side: int) -> None:
    """One convolution per patch, class token, position embedding."""
    b.conv(in_chans, width, patch, side * patch, side, stride=patch, bias=True)
    vit.embedding(b, width=width, tokens=side * side + 1)


def head(b: TableBuilder, *, width: ArrayLike, side: int, num_classes: int) -> None:
    """Layer norm of every token, mean of the patches, classifier."""
    tokens, c = side * side + 1, np.asarray(width, dtype=np.int64)
    vit.layer_norm(b, c, tokens)
    b.add(
        Kind.POOL, function="global", role=int(Role.HEAD), c_in=c, c_out=c, groups=c, h_in=side * side,
        kernel_h=side * side, held=c,
    )  # fmt: skip
    b.linear(c, num_classes, role=Role.HEAD)
