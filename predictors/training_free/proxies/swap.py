"""SWAP: how many different ways the network's neurons tell the images of a batch apart."""

from __future__ import annotations

from predictors.training_free.passes.gaussian import pattern_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="images",
    equation="number of distinct rows of the binary matrix (neurons, images), 1 where an activation is positive",
    source="Peng et al., SWAP-NAS: Sample-Wise Activation Patterns, ICLR 2024; pym1024/SWAP",
    departs=(
        "Every rectifier counts (GELU, SiLU, ...), on maps and tokens, by the sign of its input. Weights N(0, 1) as "
        "released, one draw instead of 32. 24 images instead of 16, whose 65,536 patterns a network at 224 pixels all "
        "shows; random ones unless a batch is given, of which 24 at most count: give 24 or the count is small."
    ),
    cost="forward",
    invariances=("labels", "batch_order"),
    draws=("images", "weights"),
)
def swap(probe: Probe) -> float:
    """Number of distinct sample-wise activation patterns."""
    found = probe.shared(pattern_pass)
    return float(found.distinct) if found.finite else float("nan")
