"""AZ-NAS progressivity: whether each block adds to what the one before it expressed."""

from __future__ import annotations

from itertools import pairwise

from predictors.training_free.passes.training import FEATURES
from predictors.training_free.probe import Probe
from predictors.training_free.proxies.az_expressivity import block_entropies
from predictors.training_free.registry import proxy


@proxy(
    needs="random",
    equation="min over blocks l > 1 of E_l - E_(l-1), E_l the entropy of block l's normalised PCA spectrum",
    source="Lee and Ham, AZ-NAS, CVPR 2024; written from the formula alone",
    departs=(
        "4 images instead of 64; weights as built; blocks found by structure. The paper leaves it out for "
        "transformers, whose width is constant; here it is computed for any network with two blocks."
    ),
    cost="forward",
    uses=(FEATURES,),
    invariances=("labels", "batch_order"),
    draws=("images",),
)
def az_progressivity(probe: Probe) -> float:
    """The smallest gain in expressivity from one block to the next."""
    entropies = probe.shared(block_entropies)
    if len(entropies) < 2:
        raise ValueError("the network has fewer than two blocks")
    return min(after - before for before, after in pairwise(entropies))
