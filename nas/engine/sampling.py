"""Genomes, drawn and told apart."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nas.budget import Budget
from search_spaces.space import Genomes, SearchSpace


def draw(space: SearchSpace, budget: Budget, count: int, rng: np.random.Generator) -> Genomes:
    """``count`` genomes, uniform over the valid architectures within the budget, shape (count, G)."""
    if budget.intervals:
        return space.sample_within(count, rng, budget.intervals)
    return space.sample(count, rng)


def distinct(genomes: Genomes, known: Iterable[Genomes] = ()) -> Genomes:
    """Rows that are not in ``known``, each once, in order."""
    seen = {g.tobytes() for g in known}
    keep = []
    for i, genome in enumerate(genomes):
        if genome.tobytes() not in seen:
            seen.add(genome.tobytes())
            keep.append(i)
    return genomes[keep]
