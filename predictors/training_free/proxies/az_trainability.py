"""AZ-NAS trainability: how near each block is to passing gradients on without shrinking or growing them."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from predictors.training_free.passes.blocks import block_pass, rows
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="random",
    equation=(
        "mean over blocks of 2 - s - 1 / (s + 1e-6), s the largest singular value of g_in^T g_out / n, "
        "g_out random +-1, g_in its gradient at the block's input"
    ),
    source="Lee and Ham, AZ-NAS, CVPR 2024; written from the formula alone",
    departs=(
        "4 images instead of 64; weights as built; batch norm in train mode; blocks found by structure; blocks that "
        "change the number of positions are left out, since g_in and g_out then have no rows in common."
    ),
    cost="backward",
    uses=("blocks",),
    invariances=("labels",),
    draws=("images", "signs"),
)
def az_trainability(probe: Probe) -> float:
    """Mean over blocks of a score that is 0 for a block that keeps gradients as they are, and negative otherwise."""
    outputs, generator = probe.shared(block_pass), probe.generator("az_trainability")
    pairs = [(a, b) for a, b in pairwise(outputs) if len(rows(a)) == len(rows(b))]
    if not pairs:
        raise ValueError("no two consecutive blocks have the same number of positions")
    return sum(block_term(a, b, generator) for a, b in pairs) / len(pairs)


def block_term(before: Tensor, after: Tensor, generator: torch.Generator) -> float:
    """2 - s - 1 / (s + 1e-6) of the block from ``before`` to ``after``, whose graph is kept."""
    sign = torch.randint(2, after.shape, generator=generator).mul_(2).sub_(1).to(after)
    (gradient,) = torch.autograd.grad(after, before, sign, retain_graph=True)
    product = rows(gradient).T @ rows(sign) / len(rows(sign))
    s = float(torch.linalg.matrix_norm(product, 2))
    return 2 - s - 1 / (s + 1e-6)
