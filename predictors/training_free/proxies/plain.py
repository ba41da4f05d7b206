"""Plain: weight times gradient, with its sign."""

from __future__ import annotations

from predictors.training_free.passes.training import GRADIENTS, training_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="labels",
    equation="sum over convolutions and linears of sum W dL/dW, L = mean cross-entropy of the batch",
    source="Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021; zero-cost-nas",
    departs=(
        "8 images in two mini-batches whose gradients are averaged; random images and labels unless a batch is given. "
        "In front of a norm the sum over a layer is 0 by Euler's theorem, so what is left is little and noisy."
    ),
    cost="backward",
    uses=(GRADIENTS,),
    invariances=("batch_order",),
    draws=("images", "labels"),
)
def plain(probe: Probe) -> float:
    """Sum over weights of weight x gradient."""
    gradients, weights = probe.shared(training_pass).gradients, probe.weights()
    return sum(float((weights[name].detach() * g.mean(0)).double().sum()) for name, g in gradients.items())
