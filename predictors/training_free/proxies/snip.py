"""SNIP: how much the loss would feel the loss of each weight."""

from __future__ import annotations

from predictors.training_free.passes.training import GRADIENTS, training_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="labels",
    equation="sum over convolutions and linears of sum |W dL/dW|, L = mean cross-entropy of the batch",
    source="Lee et al., SNIP, ICLR 2019; as a proxy: Abdelfattah et al., ICLR 2021; zero-cost-nas",
    departs=(
        "Written with W dL/dW, which is the gradient by a mask of ones on W. 8 images in two mini-batches whose "
        "gradients are averaged; random images and labels unless a batch is given."
    ),
    cost="backward",
    uses=(GRADIENTS,),
    invariances=("batch_order",),
    draws=("images", "labels"),
)
def snip(probe: Probe) -> float:
    """Sum over weights of |weight x gradient|."""
    gradients, weights = probe.shared(training_pass).gradients, probe.weights()
    return sum(float((weights[name].detach() * g.mean(0)).abs().sum()) for name, g in gradients.items())
