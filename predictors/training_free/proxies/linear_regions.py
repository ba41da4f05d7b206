"""Linear regions: into how many pieces the network's activations cut the space of images."""

from __future__ import annotations

import torch
from torch import Tensor

from predictors.training_free.passes.training import SIGNS, training_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy

DRAWS, NEURONS = 256, 4


@proxy(
    needs="images",
    equation="sum over images of 1 / (images with the same activation pattern): the number of regions they fall into",
    source="Chen et al., Neural Architecture Search on ImageNet in Four GPU Hours (TE-NAS), ICLR 2021; TENAS",
    departs=(
        "TE-NAS thins the network to a few channels and crops 3,000 images to 3x3 pixels, since under a network as it "
        "is no two images share a region. Here the network and its images are left as they are, patterns are read off "
        "4 of its neurons at a time, and the count is the mean over 256 random such sets. Every rectifier counts."
    ),
    cost="forward",
    uses=(SIGNS,),
    invariances=("labels", "batch_order"),
    draws=("images", "neurons"),
    repeats=DRAWS,
)
def linear_regions(probe: Probe) -> float:
    """Mean number of linear regions that the batch falls into, as a few neurons at a time see it."""
    found = probe.shared(training_pass)
    if not found.signs:
        raise ValueError("the network has no rectifiers")
    if not found.finite:
        return float("nan")
    total = sum(x.shape[1] for x in found.signs)
    sets = torch.randint(total, (DRAWS, NEURONS), generator=probe.generator("linear_regions"))
    return float(regions(select(found.signs, sets.to(found.signs[0].device))).double().mean())


def select(signs: tuple[Tensor, ...], neurons: Tensor) -> Tensor:
    """Patterns of shape (N, *neurons.shape) of neurons numbered through the layers (N, U) of ``signs``."""
    out = torch.empty((len(signs[0]), neurons.numel()), dtype=torch.bool, device=neurons.device)
    wanted, start = neurons.flatten(), 0
    for x in signs:
        here = (wanted >= start) & (wanted < start + x.shape[1])
        out[:, here] = x[:, wanted[here] - start]
        start += x.shape[1]
    return out.view(-1, *neurons.shape)


def regions(patterns: Tensor) -> Tensor:
    """Distinct patterns among N images, shape (D,), of patterns (N, D, neurons) with at most 62 neurons."""
    codes = (patterns.long() << torch.arange(patterns.shape[2], device=patterns.device)).sum(2)
    ordered = codes.sort(0).values
    return 1 + (ordered[1:] != ordered[:-1]).sum(0)
