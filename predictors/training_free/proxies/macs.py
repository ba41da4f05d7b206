"""MACs: the other baseline that every proxy should beat."""

from __future__ import annotations

from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="nothing",
    equation="multiply-accumulates of convolutions, linears and attention's two products for one image",
    source="the plain baseline of every comparison of proxies (papers call it FLOPs)",
    departs="nothing",
    cost="table",
    invariances=("batch_order", "image_scale", "labels", "seed"),
)
def macs(probe: Probe) -> float:
    """Multiply-accumulates for one image; no network is built."""
    return float(probe.table.macs[0])
