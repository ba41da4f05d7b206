"""Coarse to fine tables: intervals of widths first, single widths last (section 4.5).

On a small grid only the widths that a context fixes are ever intervals, and the last level is exact. A large grid (the
default, every multiple of 8) keeps intervals on all axes: its bound holds for every width inside them, and the gap it
leaves is stated.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from .axes import Axis, coarsen, points
from .problem import Problem
from .relaxation import OPEN
from .structure import Structure
from .tables import Tables, build_tables, count_arcs, default_axes

ARCS = 400_000  # (in, out, b, k) over all stages, up to which exact tables are built
SHORT = 64  # bottlenecks of a large grid, up to which they stay single values
THIN = (1.12, 1.16, 1.2)  # ratios of neighbours on a thinner grid
#: Ratios of the intervals: of the widths that a context fixes, of the other widths, of the bottlenecks.
SMALL_RATIOS = ((4.0, 1.0, 1.0), (1.3, 1.0, 1.0))
LARGE_RATIOS = ((4.0, 1.1, 1.04), (1.3, 1.05, 1.02), (1.1, 1.03, 1.02), (1.02, 1.02, 1.02))


LevelAxes = tuple[tuple[Axis, ...], Axis]  # of every width, and of the bottlenecks


def is_large(problem: Problem) -> bool:
    """Whether exact tables of the whole grid are out of the question."""
    return count_arcs(problem, default_axes(problem), points(problem.grid.bottleneck)) > ARCS


def level_axes(problem: Problem) -> list[LevelAxes]:
    """Nested axes and bottlenecks, coarse to fine; the last are single values unless the grid is large."""
    large, fixed, b = is_large(problem), _late_stages(problem), points(problem.grid.bottleneck)
    axes = default_axes(problem)
    plan = [] if large else [(axes, b)]
    for context, width, bottleneck in reversed(LARGE_RATIOS if large else SMALL_RATIOS):
        finer, axes = axes, tuple(coarsen(a, context if s in fixed else width) for s, a in enumerate(axes))
        b = coarsen(b, bottleneck) if len(b) > SHORT or not large else b
        if large or any(len(a) < len(f) for a, f in zip(axes, finer, strict=True)):
            plan.insert(0, (axes, b))
    return plan


def build_levels(problem: Problem) -> list[Tables]:
    """Nested tables, coarse to fine."""
    return [build_tables(problem, *axes) for axes in level_axes(problem)]


def _late_stages(problem: Problem) -> list[int]:
    """The stages whose width closes a scored stage behind the open ones, as in :func:`.relaxation.context_stages`."""
    scored, last = [0, *problem.scored], len(problem.strides)
    inner = [s for s in range(OPEN + 1, last) if scored[s + 1] > scored[s]]
    return inner if problem.head else [*inner, last]


def neighbourhood(problem: Problem, structure: Structure, steps: int) -> Problem:
    """A small grid around a structure: ``steps`` values either side of each width, a coarse net over the rest."""
    grid = problem.grid
    outs = [stage.out for stage in structure.stages]
    widths = [stage.bottleneck for stage in structure.stages]
    return replace(
        problem,
        grid=replace(grid, out=_around(grid.out, outs, steps), bottleneck=_around(grid.bottleneck, widths, steps)),
    )


def thinned(problem: Problem) -> Problem:
    """The problem on few enough widths for exact tables."""
    for ratio in THIN:
        grid = problem.grid
        out, b = (tuple(int(x) for x in coarsen(points(v), ratio).hi) for v in (grid.out, grid.bottleneck))
        thin = replace(problem, grid=replace(grid, out=out, bottleneck=b))
        if not is_large(thin):
            break
    return thin


def _around(values: tuple[int, ...], chosen: list[int], steps: int) -> tuple[int, ...]:
    net = coarsen(points(values), 1.12)
    near = [values[max(0, values.index(c) - steps) : values.index(c) + steps + 1] for c in chosen]
    return tuple(sorted({*itertools.chain(*near), *(int(x) for x in net.hi)}))
