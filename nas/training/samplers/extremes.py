"""Networks that a space singles out: the largest, the smallest, and nested ones between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search_spaces import Architecture, SearchSpace
from search_spaces.space import Genomes


def diagonal(space: SearchSpace, points: NDArray[np.float64]) -> Genomes:
    """Valid genomes with every choice at about the same height: 0 is the smallest value of each, 1 the largest."""
    genomes = np.floor(points[:, None] * (space.cardinalities - 1) + 1e-9).astype(np.uint8)
    genomes = space.repair(genomes)
    return genomes[space.valid(genomes)]


def largest(space: SearchSpace) -> Architecture:
    """The network with the largest value of every choice: the supernet itself. Most MACs where values have no order."""
    return space.decode(space.cardinalities - 1 if space.ordered else _by_macs(space, space.enumerate())[-1])


def smallest(space: SearchSpace) -> Architecture:
    """The valid network with the fewest MACs among the lowest of the diagonal, or of all where values have no order."""
    genomes = diagonal(space, np.linspace(0, 1, 257)) if space.ordered else space.enumerate()
    return space.decode(_by_macs(space, genomes)[0])


def _by_macs(space: SearchSpace, genomes: Genomes) -> Genomes:
    return genomes[np.argsort(space.price(genomes, ("macs",))["macs"], kind="stable")]


def is_depth(gene: str) -> bool:
    """Whether a gene says how many layers there are."""
    return "depth" in gene.rpartition(".")[2]
