"""AZ-NAS complexity: the fourth component of its rank aggregation."""

from __future__ import annotations

from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="nothing",
    equation="FLOPs: here multiply-accumulates for one image",
    source="Lee and Ham, AZ-NAS, CVPR 2024; written from the formula alone",
    departs="nothing: it is ranked, so a factor of two between FLOPs and MACs does not matter",
    cost="table",
    invariances=("batch_order", "image_scale", "labels", "seed"),
)
def az_complexity(probe: Probe) -> float:
    """Multiply-accumulates for one image, as a component of AZ-NAS."""
    return float(probe.table.macs[0])
