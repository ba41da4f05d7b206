"""An island: one population that evolves by itself and exchanges its best at fixed generations.

What an island does at generation g depends on the spec, its number, its population after g-1 and the migrants of its
neighbour at g: nothing else. Its generator is seeded by (seed, island, generation), so a checkpoint is the population.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.engine.nsga2 import Population, offspring, select, violation
from nas.engine.sampling import draw
from nas.engine.spec import ENUMERATED, SearchSpec
from nas.objectives import costs_of
from search_spaces.space import Genomes, SearchSpace


@dataclass(frozen=True)
class Commit:
    """One finished generation: what was priced, and who survived (best first).

    ``genomes`` (N, G) and ``prices`` (quantity -> (N,)) are of this generation's candidates; ``survivors`` (P, G).
    """

    generation: int
    genomes: Genomes
    prices: dict[str, NDArray[Any]]
    survivors: Genomes


class Island:
    """Steps through generations; see the module's docstring."""

    def __init__(self, spec: SearchSpec, number: int, space: SearchSpace) -> None:
        self.spec = spec
        self.number = number
        self.space = space
        self.generation = -1
        self._population: Population | None = None

    def restore(self, generation: int, survivors: Genomes) -> None:
        """Continue after ``generation``, whose survivors were these."""
        self.generation = generation
        self._population = self._judge(survivors)[0]

    def needs_migrants(self) -> bool:
        """Whether the next step takes the neighbour's survivors of the generation before it."""
        following = self.generation + 1
        return self.spec.islands > 1 and following > 0 and following % self.spec.migrate_every == 0

    def step(self, migrants: Genomes | None = None) -> Commit:
        """One generation. ``migrants``: survivors of the neighbour at the previous generation, best first."""
        rng = np.random.default_rng([self.spec.seed, self.number, self.generation + 1])
        genomes = self._first(rng) if self._population is None else self._children(rng, migrants)
        children, prices = self._judge(genomes)
        pool = children if self._population is None else self._population.join(children)
        self._population = select(pool.unique(), self.spec.population)
        self.generation += 1
        return Commit(self.generation, genomes, prices, self._population.genomes)

    def _first(self, rng: np.random.Generator) -> Genomes:
        if self.space.total_size <= ENUMERATED:
            return self.space.enumerate(ENUMERATED)[self.number :: self.spec.islands]
        size = self.spec.population
        return np.concatenate([self._corners(), draw(self.space, self.spec.budget, size, rng)])[:size]

    def _corners(self) -> Genomes:
        """The first and last value of every choice: often the extremes of the front, and free to try."""
        ends = np.stack([np.zeros_like(self.space.cardinalities), self.space.cardinalities - 1]).astype(np.uint8)
        ends = self.space.repair(ends)
        return ends[self.space.valid(ends) & (self._judge(ends)[0].violation <= 0)]

    def _children(self, rng: np.random.Generator, migrants: Genomes | None) -> Genomes:
        assert self._population is not None
        parents = self._population
        if migrants is not None:
            guests = self._judge(migrants[: self.spec.migrants])[0]
            parents = select(parents.join(guests).unique(), self.spec.population)
            self._population = parents
        # Half again as many as needed: repeats of the population and of each other are not worth a price.
        pool = offspring(self.space, parents, self.spec.population * 3 // 2, rng)
        return _novel(pool, parents.genomes, self.spec.population)

    def _judge(self, genomes: Genomes) -> tuple[Population, dict[str, NDArray[Any]]]:
        prices = self.space.price(genomes, self.space.quantities)
        costs = costs_of(self.spec.explored, prices)
        return Population(genomes, costs, violation(prices, self.spec.budget.intervals)), prices


def _novel(children: Genomes, known: Genomes, size: int) -> Genomes:
    """The first ``size`` children, those that repeat nothing before the others."""
    both = np.concatenate([known, children])
    _, first = np.unique(both, axis=0, return_index=True)
    fresh = np.zeros(len(both), dtype=bool)
    fresh[first] = True
    order = np.argsort(~fresh[len(known) :], kind="stable")
    return children[order[:size]]
