"""The default score of ``nas search``: depth times width."""

from __future__ import annotations

from predictors.training_free.aggregate import depth_width_score
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="nothing",
    equation="3/2 ln D + mean over norms of ln C, rounded to 0.1; D: main-path layers with weights, C: channels",
    source="ours, chosen by nested cross-validation over spaces, data sets and rows: benchmarks/default_score.py",
    departs="",
    cost="table",
    invariances=("batch_order", "image_scale", "labels", "seed"),
)
def depth_width(probe: Probe) -> float:
    """ln of depth^1.5 times the geometric mean width of the normalised features, to 10 %."""
    return float(depth_width_score(probe.table)[0])
