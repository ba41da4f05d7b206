"""Gradient norm: how strongly the loss pulls at the weights before training."""

from __future__ import annotations

from predictors.training_free.passes.training import GRADIENTS, training_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="labels",
    equation="sum over convolutions and linears of ||dL/dW||_2, L = mean cross-entropy of the batch",
    source="Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021; zero-cost-nas",
    departs=(
        "8 images in two mini-batches whose gradients are averaged (the released code's split mode), so batch norm "
        "sees each mini-batch alone; random images and labels unless a batch is given."
    ),
    cost="backward",
    uses=(GRADIENTS,),
    invariances=("batch_order",),
    draws=("images", "labels"),
)
def grad_norm(probe: Probe) -> float:
    """Sum over layers of the Euclidean norm of the loss gradient."""
    gradients = probe.shared(training_pass).gradients
    return sum(float(g.mean(0).norm()) for g in gradients.values())
