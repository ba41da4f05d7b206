"""SynFlow: how much signal passes through all weights together, without data."""

from __future__ import annotations

from predictors.training_free.passes.flow import flow_pass, log
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="nothing",
    equation="ln sum over convolutions and linears of sum |W dR/dW|, R = summed outputs of the positive net on ones",
    source="Tanaka et al., NeurIPS 2020; as a proxy: Abdelfattah et al., ICLR 2021; zero-cost-nas",
    departs=(
        "Released code only turns batch norm into the identity. Here every norm and smooth rectifier is, and softmax "
        "is uniform, so that R stays linear in each layer's weights (see passes/flow.py). Queries and keys add 0. "
        "The logarithm is ours: the same ranking, but R grows exponentially with depth (1e94 for an ElasticViT)."
    ),
    cost="backward",
    uses=("flow",),
    invariances=("batch_order", "image_scale", "labels", "seed"),
)
def synflow(probe: Probe) -> float:
    """Log of the sum of all weights' synaptic saliency in the positive linear network."""
    flow = probe.shared(flow_pass)
    return log(sum(float((w * flow.gradients[name]).abs().sum()) for name, w in flow.weights.items()))
