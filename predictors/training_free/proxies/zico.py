"""ZiCo: layers whose gradients are large and agree between mini-batches."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from predictors.training_free.passes.training import GRADIENTS, training_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="labels",
    equation="sum over layers of ln sum over weights of mean_b |g| / std_b(g), where std_b(g) is not 0",
    source="Li et al., ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients, ICLR 2023",
    departs=(
        "Two mini-batches of 4 instead of two of 128; random images and labels unless a batch is given. "
        "Standard deviation over mini-batches is the population's, as released; layers without any variation add 0."
    ),
    cost="backward",
    uses=(GRADIENTS,),
    draws=("images", "labels"),
)
def zico(probe: Probe) -> float:
    """Sum over layers of the log of the weights' inverse coefficients of variation."""
    return sum(layer_term(g) for g in probe.shared(training_pass).gradients.values())


def layer_term(gradients: Tensor) -> float:
    """ln sum_w mean_b|g| / std_b(g) of one layer's gradients, shape (B, *W)."""
    g = gradients.flatten(1)
    mean, std = g.abs().mean(0), (g - g.mean(0)).square_().mean(0).sqrt_()
    total = float(torch.where(std == 0, 0.0, mean / std).sum(dtype=torch.float64))
    return 0.0 if total == 0 else math.log(total)
