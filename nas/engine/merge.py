"""Merging what the islands priced: the archive of non-dominated candidates, its hypervolume, who is promoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.engine.nsga2 import violation
from nas.engine.pareto import hypervolume, non_dominated, thin
from nas.engine.spec import SearchSpec
from nas.objectives import costs_of
from search_spaces import SearchSpace
from search_spaces.space import Genomes

HYPERVOLUME_POINTS = 200
"""With three objectives and more the hypervolume shown is that of so many evenly spread points: a lower bound."""


class Archive:
    """The non-dominated candidates within the budget, whatever order they came in.

    ``genomes`` (N, G) and ``costs`` (N, M) of the explored objectives are kept sorted, so that equal contents are equal
    arrays.
    """

    def __init__(self, spec: SearchSpec, space: SearchSpace) -> None:
        self._spec = spec
        self._space = space
        self.genomes: Genomes = np.zeros((0, len(space.choices)), dtype=np.uint8)
        self.costs = np.zeros((0, len(spec.explored)))
        self.priced = 0
        self._reference: NDArray[np.float64] | None = None
        self._scale: NDArray[np.float64] | None = None

    def add(self, genomes: Genomes, prices: Mapping[str, NDArray[Any]]) -> None:
        """Merge one generation of one island."""
        self.priced += len(genomes)
        costs = costs_of(self._spec.explored, prices)
        if self._scale is None:
            self._set_reference(costs)
        inside = violation(prices, self._spec.budget.intervals) <= 0
        all_genomes = np.concatenate([self.genomes, genomes[inside]])
        all_costs = np.concatenate([self.costs, costs[inside]])
        keep = np.flatnonzero(non_dominated(all_costs))
        _, first = np.unique(all_genomes[keep], axis=0, return_index=True)
        keep = keep[first]
        order = keep[np.lexsort((*all_genomes[keep].T[::-1], *all_costs[keep].T[::-1]))]
        self.genomes, self.costs = all_genomes[order], all_costs[order]

    def _set_reference(self, costs: NDArray[np.float64]) -> None:
        """Reference point: the budget (or the space) at its largest for costs, zero for gains.

        Costs are scaled by that largest value, gains by the best of the first generation.
        """
        reference, scale = [], []
        for column, objective in enumerate(self._spec.explored):
            if objective.direction == "max":
                reference.append(0.0)
                scale.append(max(float(-costs[:, column].min()), 1e-12))
                continue
            top = largest(self._spec, self._space, objective.name)
            reference.append(top * 1.0001)  # the largest itself still counts
            scale.append(top)
        self._reference, self._scale = np.array(reference), np.array(scale)

    def hypervolume(self) -> float:
        """Hypervolume of the archive in scaled objectives (see :data:`HYPERVOLUME_POINTS`)."""
        if self._reference is None or self._scale is None or not len(self.costs):
            return 0.0
        costs = self.costs
        if costs.shape[1] > 2:
            costs = costs[thin(costs, HYPERVOLUME_POINTS)]
        return hypervolume(costs / self._scale, self._reference / self._scale)

    def spread(self, keep: int) -> Genomes:
        """At most ``keep`` genomes spread evenly over the front, shape (k, G)."""
        return self.genomes[thin(self.costs, keep)]


def largest(spec: SearchSpec, space: SearchSpace, quantity: str) -> float:
    """The most that an architecture within the budget may cost: the budget's limit or the space's own."""
    interval, bound = spec.budget.intervals.get(quantity), float(space.bounds(quantity)[1])
    return min(bound, interval.high) if interval else bound
