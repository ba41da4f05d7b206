"""ElasticViT's complexity levels (section 3.2): where subnets are drawn, and the smallest network of each region.

Subnets of one step lie on one level of MACs and the next step's at most one level away, so that gradients of very
large and very small networks do not meet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nas.training.samplers.extremes import diagonal
from search_spaces import SearchSpace
from search_spaces.counting import BudgetInfeasible, Interval
from search_spaces.space import Genomes

LEVELS = 8
PUBLISHED = {"elasticvit": tuple(m * 1e6 for m in (100, 200, 300, 400, 500, 700, 900, 1200))}
ENDS = (0.22, 0.78)
"""Where the published 100 M and 1200 M lie between 37 M and 3191 M, the ends of the space, on a logarithmic scale."""
WIDTH = 0.1
"""A level reaches from F to (1 + WIDTH) F; twice as far each time while nothing lies there."""
POOL = 1024
REGIONS = (0, 2, 4)
"""First level of each region with a smallest network of its own."""
SHARE = 0.55
"""MACs of a region's smallest network, at most, relative to its first level (160 of 300 M, 289 of 500 M published)."""


def levels(space: SearchSpace) -> tuple[float, ...]:
    """MACs at which subnets are drawn, ascending: as published, or evenly on a logarithmic scale."""
    if space.name in PUBLISHED:
        return PUBLISHED[space.name]
    low, high = space.bounds("macs")
    return tuple(low * (high / low) ** t for t in np.linspace(*ENDS, LEVELS))


def pools(space: SearchSpace, rng: np.random.Generator) -> list[Genomes]:
    """Random subnets of every level, uniform over it, each of shape (at most POOL, G)."""
    return [_pool(space, level, rng) for level in levels(space)]


def _pool(space: SearchSpace, level: float, rng: np.random.Generator) -> Genomes:
    reach = WIDTH
    while True:
        try:
            return space.sample_within(POOL, rng, {"macs": Interval(level, level * (1 + reach))})
        except BudgetInfeasible:
            reach *= 2


def smallest_networks(space: SearchSpace) -> list[NDArray[np.uint8]]:
    """The smallest network of each level's region: the space's, then ever larger ones with balanced choices."""
    genomes = diagonal(space, np.linspace(0, 1, 257))
    macs = space.price(genomes, ("macs",))["macs"]
    genomes, macs = genomes[np.argsort(macs)], np.sort(macs)
    found = []
    for first in REGIONS:
        below = int(np.searchsorted(macs, SHARE * levels(space)[first], side="right")) - 1 if first else 0
        found.append(genomes[max(below, 0)])
    region = np.searchsorted(REGIONS, np.arange(len(levels(space))), side="right") - 1
    return [found[r] for r in region]


def walk(level: int, count: int, rng: np.random.Generator) -> int:
    """The next level: one down, the same or one up, each a third; at an end, outwards means staying."""
    return int(np.clip(level + rng.integers(-1, 2), 0, count - 1))
