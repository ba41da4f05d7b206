"""Figures of subnets: what they cost, how much of the space of objectives they cover.

Costs are of shape (N, M), one column per objective, all to be minimised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.engine.merge import largest
from nas.engine.pareto import Costs, hypervolume
from nas.engine.spec import SearchSpec
from nas.objectives import INHERITED, costs_of
from search_spaces.space import Genomes


@dataclass(frozen=True)
class Known:
    """Evaluated subnets in the order of their promotion: ``genomes`` (N, G), ``accuracies`` (N,)."""

    genomes: Genomes
    accuracies: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.genomes)

    def costs(self, spec: SearchSpec) -> Costs:
        """Under the objectives of ``spec``."""
        return costs(spec, self.genomes, self.accuracies)


def prices(spec: SearchSpec, genomes: Genomes) -> Mapping[str, NDArray[Any]]:
    """Everything that the operator table and the devices of ``spec`` give, each of shape (N,)."""
    return spec.search_space.price(genomes, spec.search_space.quantities)


def costs(spec: SearchSpec, genomes: Genomes, accuracies: NDArray[np.float64]) -> Costs:
    """Of genomes whose accuracies, (N,), are measured or predicted."""
    return costs_of(spec.objective_list, {**prices(spec, genomes), INHERITED: accuracies})


def volume(spec: SearchSpec, costs: Costs) -> float:
    """Hypervolume: gains from 0, costs up to the budget or the space's largest, each as a share of it."""
    if not len(costs):
        return 0.0
    ends = [
        (1.0, 0.0) if o.direction == "max" else (largest(spec, spec.search_space, o.name), 1.0001)
        for o in spec.objective_list
    ]
    tops, reference = np.array(ends).T
    return hypervolume(costs / tops, reference)
