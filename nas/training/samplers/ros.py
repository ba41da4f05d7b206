"""Resource-constrained sampling (Pan et al., "Stitched ViTs are Flexible Vision Backbones", ECCV 2024, ROS).

Routes between two networks crowd at a few costs, and the anchors stand alone at theirs. Drawn uniformly, a cost is
trained as often as it has routes; here every cost is trained equally often.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nas.training.samplers.plan import Item, Moment, Sampler
from search_spaces import SearchSpace
from search_spaces.space import Genomes

GAP = 1 / 24
"""Width of a group, as a share of the range of costs. The paper's 1 GFLOP lies between 1/57 (ViT-S to L) and 1/13 (S to
B) of it; any such gap gives the paper's 13 groups on all three pairs of anchors."""
LARGEST = 100_000
SAMPLE = 4096
"""Architectures that stand for a space of more than :data:`LARGEST`."""


def cost_groups(space: SearchSpace, gap: float = GAP) -> list[Genomes]:
    """Architectures in groups of about equal MACs, ascending, each of shape (n, G).

    A group begins with the cheapest that is left, and takes in all whose MACs exceed that by at most the gap.
    """
    genomes = _population(space)
    macs = space.price(genomes, ("macs",))["macs"]
    order = np.argsort(macs, kind="stable")
    genomes, macs = genomes[order], macs[order]
    width, starts = gap * (macs[-1] - macs[0]), [0]
    while (end := int(np.searchsorted(macs, macs[starts[-1]] + width, side="right"))) < len(macs):
        starts.append(end)
    return np.split(genomes, starts[1:])


def _population(space: SearchSpace) -> Genomes:
    if space.total_size <= LARGEST:
        return space.enumerate()
    return np.unique(space.sample(SAMPLE, np.random.default_rng(0)), axis=0)


class ResourceConstrained(Sampler):
    """One subnet a step: a group of equal cost, uniformly, then an architecture of it, uniformly."""

    name: ClassVar[str] = "ros"

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self.groups = cost_groups(space)

    def plan(self, at: Moment, rng: np.random.Generator) -> list[Item]:
        """See :class:`Sampler`."""
        group = self.groups[rng.integers(len(self.groups))]
        return [Item(self.space.decode(group[rng.integers(len(group))]))]
