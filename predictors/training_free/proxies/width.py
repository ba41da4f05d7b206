"""Width: how wide the network is on the geometric mean of its layers."""

from __future__ import annotations

import math

from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy
from search_spaces.entropy import effectiveness


@proxy(
    needs="nothing",
    equation="exp(1/D sum ln w), w = c_in k^2 / g the fan-in of the D convolutions and linears on the main path",
    source="a plain baseline; the mean width of Shen et al., DeepMAD, CVPR 2023",
    departs="nothing",
    cost="table",
    invariances=("batch_order", "image_scale", "labels", "seed"),
)
def width(probe: Probe) -> float:
    """Geometric mean of the fan-in of the main path's layers."""
    found = effectiveness(probe.table)
    return math.exp(2 * found.entropy / found.depth)
