"""Zen: how strongly the network answers a small change of the image, norms' damping put back."""

from __future__ import annotations

import torch

from predictors.training_free.passes.gaussian import noise_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="random",
    equation=(
        "ln mean over images of |f(x) - f(x + 0.01 x')|_1 + sum over norms of ln sqrt(mean variance of their input), "
        "x, x' and weights N(0, 1), f the features before pooling"
    ),
    source="Lin et al., Zen-NAS, ICCV 2021; ZenNAS, compute_zen_score.py",
    departs=(
        "The variance of the batch itself, not a running mean that starts at 1 (which adds about -0.83 a norm). Layer "
        "norms count like batch norms. Shortcuts stay, the released code cuts them; 4 images and one draw."
    ),
    cost="forward",
    invariances=("batch_order", "image_scale", "labels"),
    draws=("images", "weights"),
)
def zen(probe: Probe) -> float:
    """Log of the features' change under a small random change of the image, plus the log scales that norms removed."""
    found = probe.shared(noise_pass)
    change = (found.features - found.moved).double().abs().flatten(1).sum(1).mean()
    return float(torch.log(change)) + sum(found.log_scales)
