"""Depth: the baseline that beats parameters where networks are distilled."""

from __future__ import annotations

from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy
from search_spaces.entropy import effectiveness


@proxy(
    needs="nothing",
    equation="D: convolutions and linears on the main path before the classifier",
    source="a plain baseline; D as in Shen et al., DeepMAD, CVPR 2023",
    departs="nothing: attention's two products hold no weights and do not count",
    cost="table",
    invariances=("batch_order", "image_scale", "labels", "seed"),
)
def depth(probe: Probe) -> float:
    """Convolutions and linears that an image passes one after the other."""
    return float(effectiveness(probe.table).depth)
