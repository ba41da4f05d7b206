"""Entropy: how much information the network can hold, in closed form from its shapes."""

from __future__ import annotations

from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy
from search_spaces.entropy import effectiveness


@proxy(
    needs="nothing",
    equation="sum_t alpha_t ln(C_t r_t^2) E_t, E_t = 1/2 sum ln w over the main path to the end of scale t, "
    "w the fan-in, alpha = (1, .., 1, 8)",
    source="Shen et al., DeepMAD: Mathematical Architecture Design for Deep CNNs, CVPR 2023",
    departs=(
        "The true r_t behind squeeze-excitation (the released code counts 1 there, by a defect) and no penalty on "
        "uneven depth. Extended to transformers: a linear of attention or an MLP counts as the 1x1 convolution it is, "
        "of queries, keys and values, which stand side by side, one counts, and N tokens are a map of r^2 = N."
    ),
    cost="table",
    invariances=("batch_order", "image_scale", "labels", "seed"),
)
def entropy(probe: Probe) -> float:
    """Multi-scale entropy of the main path; no network is built."""
    return effectiveness(probe.table).score
