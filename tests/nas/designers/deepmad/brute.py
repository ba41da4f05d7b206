"""Every structure of a small problem, one by one: the truth that the solver is compared with."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from nas.designers.deepmad import Conv, Problem, Stage, Structure


def all_structures(problem: Problem) -> Iterator[Structure]:
    """Everything on the grid that keeps the structural limits."""
    head = Conv(problem.head, 1, 1) if problem.head else None
    for stem in problem.grid.stem:
        for stages in _stages(problem, 0, stem):
            yield Structure(problem.family, Conv(stem, 3, 2), tuple(stages), head)


def _stages(problem: Problem, s: int, cin: int) -> Iterator[list[Stage]]:
    if s == len(problem.strides):
        yield []
        return
    grid = problem.grid
    low, high = grid.bottleneck_ratio
    for out in problem.widths(s):
        if out > grid.growth * cin or (problem.non_decreasing and out < cin):
            continue
        widths = [b for b in grid.bottleneck if low * out - 1e-9 <= b <= high * out + 1e-9]
        depths = range(1, grid.depths(s) + 1)
        for rest in _stages(problem, s + 1, out):
            for b, k, depth in itertools.product(widths, grid.kernel, depths):
                yield [Stage(out, b, k, depth, problem.strides[s]), *rest]


def brute_force(problem: Problem) -> tuple[float, Structure] | None:
    """The best feasible structure."""
    best = None
    for structure in all_structures(problem):
        found = problem.evaluate(structure)
        if any(found.amounts[n] > limit for n, limit in problem.budgets.items()) or found.rho > problem.rho:
            continue
        if best is None or found.objective > best[0]:
            best = (found.objective, structure)
    return best
