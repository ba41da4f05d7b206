"""AZ-NAS expressivity: how evenly the features of each block fill their space."""

from __future__ import annotations

import torch
from torch import Tensor

from predictors.training_free.passes.blocks import rows
from predictors.training_free.passes.training import FEATURES, training_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="random",
    equation="sum over blocks of -sum_i p_i ln p_i, p = eigenvalues of the covariance of the features / their sum",
    source="Lee and Ham, AZ-NAS, CVPR 2024; written from the formula alone",
    departs="4 images instead of 64; weights as built; batch norm in train mode; blocks found by structure.",
    cost="forward",
    uses=(FEATURES,),
    invariances=("labels", "batch_order"),
    draws=("images",),
)
def az_expressivity(probe: Probe) -> float:
    """Sum over blocks of the entropy of the normalised PCA spectrum of their features."""
    return sum(probe.shared(block_entropies))


def block_entropies(probe: Probe) -> list[float]:
    """:func:`spectral_entropy` of every block's features. Raises ValueError where the network has no blocks."""
    features = probe.shared(training_pass).features
    if not features:
        raise ValueError("the network has no blocks (members of a container with two kernels or more)")
    return [spectral_entropy(rows(f)) for f in features]


def spectral_entropy(features: Tensor) -> float:
    """Entropy in nats of the normalised covariance spectrum of features, shape (n, C); at most ln min(n - 1, C)."""
    centred = (features - features.mean(0)).double()
    values = torch.linalg.eigvalsh(centred.T @ centred).clamp_min(0)
    p = values / values.sum()
    return float(torch.special.entr(p).sum())
