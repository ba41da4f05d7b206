"""jacob_cov: how differently the network reacts to different images."""

from __future__ import annotations

import torch
from torch import Tensor

from predictors.training_free.passes.training import JACOBIAN, training_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy

K = 1e-5


@proxy(
    needs="images",
    equation=(
        "-sum (ln(v + k) + 1 / (v + k)) over the eigenvalues v of the correlations between the images' gradients of "
        "the summed logits, k = 1e-5"
    ),
    source="Mellor et al., first version of NAS without Training (2020); Abdelfattah et al., ICLR 2021; zero-cost-nas",
    departs="8 images in two mini-batches instead of 64 in one; random images unless a batch is given.",
    cost="backward",
    uses=(JACOBIAN,),
    invariances=("batch_order", "labels"),
    draws=("images",),
)
def jacob_cov(probe: Probe) -> float:
    """Near its maximum, minus the number of images, where the images' gradients are uncorrelated."""
    return decorrelation(probe.shared(training_pass).jacobian)


def decorrelation(jacobian: Tensor) -> float:
    """-sum (ln(v + k) + 1 / (v + k)) of gradients of shape (N, pixels)."""
    v = torch.linalg.eigvalsh(torch.corrcoef(jacobian.double()))
    return -float(((v + K).log() + 1 / (v + K)).sum())
