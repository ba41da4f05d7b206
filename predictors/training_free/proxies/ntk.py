"""NTK: how evenly the network could fit different images (condition number of its tangent kernel)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from predictors.training_free.passes.features import Features, pooled_features
from predictors.training_free.passes.tangents import tangent_kernel
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="images",
    direction="min",
    equation="largest / smallest eigenvalue of G G', row i of G = gradient of image i's summed features by the weights",
    source="Chen et al., TE-NAS, ICLR 2021 (of the logits); As-ViT, ICLR 2022 (of the pooled features); AsViT, ntk.py",
    departs=(
        "8 images and the weights as built instead of 16 and the mean over five draws (redraw with another seed); "
        "random images unless a batch is given. What cannot be computed is an outcome without a value, never -1."
    ),
    cost="jacobian",
    invariances=("batch_order", "labels"),
    draws=("images",),
)
def ntk(probe: Probe) -> float:
    """Condition number of the tangent kernel of the pooled features; lower is better."""
    with probe.seeded("tangents"):
        return spread(tangent_kernel(probe.model, probe.images))


def condition_number(model: nn.Module, images: Tensor, features: Features = pooled_features) -> float:
    """Of the tangent kernel of images (N, C, H, W); the model is run as it stands. NaN or infinite where undefined."""
    return spread(tangent_kernel(model, images, features))


def spread(kernel: Tensor) -> float:
    """Largest by smallest eigenvalue of a symmetric kernel; infinite where it is singular, NaN where it is NaN."""
    if not bool(kernel.isfinite().all()):
        return math.nan
    values = torch.linalg.eigvalsh(kernel)
    noise = len(values) * torch.finfo(values.dtype).eps * values[-1]
    return float(values[-1] / values[0]) if values[0] > noise else math.inf
