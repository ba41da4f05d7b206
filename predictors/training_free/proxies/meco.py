"""MeCo: how far the channels of each layer are from repeating each other."""

from __future__ import annotations

import torch
from torch import Tensor

from predictors.training_free.passes.training import LAYERS, training_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="random",
    equation="sum over layers of the smallest eigenvalue of the correlations between channels, for one image",
    source="Jiang et al., MeCo: Zero-Shot NAS with One Data and Single Forward Pass, NeurIPS 2023; HamsterMimi/MeCo",
    departs=(
        "Each layer once (the released code also counts every container, the root among them), at the network's own "
        "resolution instead of 64 pixels; tokens are positions. A layer with as many channels as positions or more "
        "has dependent ones and adds exactly 0; a layer with a constant channel has no correlations and is left out."
    ),
    cost="forward",
    uses=(LAYERS,),
    invariances=("labels",),
    draws=("images",),
)
def meco(probe: Probe) -> float:
    """Sum over layers of the smallest eigenvalue of the channels' correlation matrix."""
    found = probe.shared(training_pass)
    return sum(smallest(x) for x in found.layers) if found.finite else float("nan")


def smallest(layer: Tensor) -> float:
    """Smallest eigenvalue of the correlations between the rows of a layer, shape (C, positions)."""
    channels, positions = layer.shape
    if channels >= positions:
        return 0.0
    if channels == 1:
        return 1.0
    correlations = torch.corrcoef(layer.double())
    return float(torch.linalg.eigvalsh(correlations)[0]) if bool(correlations.isfinite().all()) else 0.0
