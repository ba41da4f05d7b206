"""Regularised SWAP: SWAP, preferring networks of a wanted size."""

from __future__ import annotations

import math

from predictors.training_free.passes.gaussian import pattern_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy

MU, SIGMA = 10.0, 100.0
"""Wanted size in millions of parameters, and how sharply it is wanted, in their squares."""


@proxy(
    needs="images",
    equation="SWAP x exp(-(P - mu)^2 / sigma), P millions of parameters, mu = 10, sigma = 100",
    source="Peng et al., SWAP-NAS, ICLR 2024; pym1024/SWAP",
    departs="As swap. The paper sets mu and sigma for each space by the size that is wanted; these suit small nets.",
    cost="forward",
    invariances=("labels", "batch_order"),
    draws=("images", "weights"),
)
def swap_reg(probe: Probe) -> float:
    """Number of distinct sample-wise activation patterns, damped away from ten million parameters."""
    found = probe.shared(pattern_pass)
    millions = sum(p.numel() for p in probe.model.parameters()) / 1e6
    return found.distinct * math.exp(-((millions - MU) ** 2) / SIGMA) if found.finite else math.nan
