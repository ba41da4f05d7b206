"""Seed search by evolution (ours, the default): as many judgements as the time allows, each architecture once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nas.designers.asvit.judge import Judge, Judgement
from nas.designers.asvit.ranking import best, rank_sums
from nas.designers.asvit.seeds import Over, SeedSearch
from nas.engine.nsga2 import Population, offspring
from nas.errors import RunFailed
from search_spaces.asvit import AsViT
from search_spaces.counting import Interval
from search_spaces.space import Genomes

GENERATION, PARENTS, TRIES = 32, 32, 20


class Evolution:
    """Parents are the best of everything judged so far, by the sum of both ranks (see ``ranking``)."""

    def __init__(self, space: AsViT, judge: Judge, budget: Mapping[str, Interval], rng: np.random.Generator) -> None:
        self._space, self._judge, self._budget, self._rng = space, judge, budget, rng
        self._genomes: Genomes = np.zeros((0, len(space.choices)), dtype=np.uint8)
        self._judged: list[Judgement] = []

    def run(self, evaluations: int, over: Over) -> SeedSearch:
        """Judge so many seeds, or until ``over()`` between two generations, and choose. Raises RunFailed."""
        while len(self._judged) < evaluations and not (self._judged and over()):
            fresh = self._fresh(min(GENERATION, evaluations - len(self._judged)))
            if not len(fresh):
                break
            self._judged += self._judge([self._space.decode(g) for g in fresh])
            self._genomes = np.concatenate([self._genomes, fresh])
        index = best([j.le for j in self._judged], [j.ntk for j in self._judged])
        if index is None:
            raise RunFailed(f"none of {len(self._judged)} seeds could be judged: {self._judged[0].failure}")
        return SeedSearch(self._judged[index].architecture, tuple(self._judged))

    def _fresh(self, count: int) -> Genomes:
        """Seeds within the budget that were not judged yet; fewer where there are hardly any left."""
        known = {g.tobytes() for g in self._genomes}
        found: list[Genomes] = []
        for attempt in range(TRIES):
            for genome in self._proposed(count, random=not self._judged or attempt >= TRIES // 2):
                if genome.tobytes() not in known:
                    known.add(genome.tobytes())
                    found.append(genome)
            if len(found) >= count:
                break
        return np.array(found[:count], dtype=np.uint8).reshape(-1, len(self._space.choices))

    def _proposed(self, count: int, random: bool) -> Genomes:
        if random:
            return self._space.sample_within(count, self._rng, self._budget)
        sums = rank_sums([j.le for j in self._judged], [j.ntk for j in self._judged])
        parents = self._genomes[np.argsort(sums, kind="stable")[:PARENTS]]
        ordered = Population(parents, np.zeros((len(parents), 0)), np.zeros(len(parents)))
        children = offspring(self._space, ordered, count, self._rng)
        prices = self._space.price(children, tuple(self._budget))
        within = np.all([interval.contains(prices[q]) for q, interval in self._budget.items()], axis=0)
        return children[within]
