"""Parameters: the baseline that every proxy should beat."""

from __future__ import annotations

from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="nothing",
    equation="number of trainable numbers, from the operator table",
    source="the plain baseline of every comparison of proxies",
    departs="nothing",
    cost="table",
    invariances=("batch_order", "image_scale", "labels", "seed"),
)
def params(probe: Probe) -> float:
    """Number of parameters; no network is built."""
    return float(probe.table.params[0])
