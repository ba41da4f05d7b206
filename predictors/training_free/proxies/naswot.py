"""NASWOT: how differently the network's activations split the images of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from predictors.training_free.passes.training import SIGNS, training_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="images",
    equation="ln |det K|, K = sum over layers of x x^T + (1 - x)(1 - x)^T, x = [input of the activation > 0], (N, U)",
    source="Mellor et al., Neural Architecture Search without Training, ICML 2021; hook_logdet",
    departs=(
        "Every rectifier counts (GELU, SiLU, hard-swish, ...), not ReLU alone, by the sign of its input; gates do not. "
        "8 images in two mini-batches instead of 128 in one; random images unless a batch is given; one forward pass."
    ),
    cost="forward",
    uses=(SIGNS,),
    invariances=("labels", "batch_order"),
    draws=("images",),
)
def naswot(probe: Probe) -> float:
    """Log-determinant of the number of activations on which each pair of images agrees."""
    kernel = agreements(probe.shared(training_pass).signs, len(probe.images))
    return float(torch.linalg.slogdet(kernel).logabsdet)


def agreements(signs: tuple[Tensor, ...], n: int) -> Tensor:
    """K of shape (n, n), float64: on how many of the U neurons two images have the same sign.

    With s = 2x - 1 in {-1, 1}: x x^T + (1 - x)(1 - x)^T = (s s^T + U) / 2. Sums of +-1 are exact in float32 up to 2^24.
    """
    kernel = torch.zeros(n, n, dtype=torch.float64)
    for x in signs:
        for part in x.split(2**22, dim=1):
            s = part.float().mul_(2).sub_(1)
            kernel += ((s @ s.T).double().cpu() + s.shape[1]) / 2
    return kernel
