"""``solve``: design a network to a proven optimality gap (sections 2.3 and 4.4)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .certificate import certificate
from .errors import DesignError
from .evaluate import Evaluation
from .exact import EPS
from .heuristic import Evolution
from .incumbent import Incumbent, better
from .infeasible import explain
from .levels import LevelAxes, build_levels, is_large, level_axes, thinned
from .pool import make_pool
from .prices import shadow_prices
from .problem import Problem
from .search import Progress, Search
from .structure import Structure
from .tables import Tables, build_tables

GENERATIONS = 300  # of evolution, for the first incumbent; a second on an idle core

REPORTED = 50  # generations between reports
FIRST_SECONDS = 4.0  # ... but never longer than this
LARGE_SHARE = 0.025  # of the time goes into the evolution where the grid is too large for an exact search,
THINNED = 0.3  # into the branch and bound of a thinner grid, whose best structure is feasible here too, and
IMPROVE = 0.5  # for this share of the time from then on, one worker searches small grids around the incumbent


@dataclass(frozen=True, slots=True)
class Solution:
    """A design and how far it can at most be from the best one."""

    structure: Structure
    evaluation: Evaluation
    bound: float
    gap: float  # (bound - objective) / |objective|
    seconds: float
    interrupted: bool
    prices: dict[str, float]  # objective points that relaxing each constraint by 1 % would buy
    certificate: dict[str, Any]

    @property
    def objective(self) -> float:
        """Score less penalty."""
        return self.evaluation.objective

    @property
    def optimal(self) -> bool:
        """Whether no structure of the grid is better by more than a rounding error."""
        return self.bound <= self.objective + 2 * EPS


def solve(
    problem: Problem,
    *,
    gap: float = 0.005,
    time_s: float = 60.0,
    on_progress: Progress | None = None,
    workers: int = 2,
    seed: int = 0,
) -> Solution:
    """The best design found within ``time_s`` seconds, or as soon as its gap is at most ``gap`` (0: prove it optimal).

    ``on_progress(seconds, objective, bound, gap)`` is called about twice a second. An interrupt returns the best so
    far. Raises :class:`InfeasibleDesign` where no structure meets the constraints.
    """
    if not (0 <= gap < math.inf and time_s > 0):
        raise DesignError(f"expected gap >= 0 and time > 0, got gap={gap!r}, time_s={time_s!r}")
    start = time.monotonic()
    best, interrupted = _start(problem, time_s, on_progress, seed)
    large, (coarse, *finer) = is_large(problem), level_axes(problem)
    level = build_tables(problem, *coarse)
    search = Search(problem, [level], best, _floor(level), large=large)
    search.started = start
    if not interrupted and large:
        interrupted = _thinner(search, start + THINNED * time_s, on_progress, workers)
    if not interrupted:
        climbing = start + (THINNED + IMPROVE) * time_s if large and IMPROVE else 0.0
        interrupted = _run(search, gap, start + time_s, on_progress, workers, finer, climbing)
    if search.best is None and interrupted:
        raise KeyboardInterrupt
    if search.best is None:
        raise explain(problem, proven=search.finished, seed=seed)
    found, prices = search.best, shadow_prices(search)
    seconds = time.monotonic() - start
    claim = certificate(search)
    return Solution(found.structure, found.evaluation, search.bound, search.gap, seconds, interrupted, prices, claim)


def _start(problem: Problem, time_s: float, on_progress: Progress | None, seed: int) -> tuple[Incumbent | None, bool]:
    """The first incumbent, reported while it improves, and whether there was an interrupt."""
    start, best, large = time.monotonic(), None, is_large(problem)
    seconds = LARGE_SHARE * time_s if large else min(FIRST_SECONDS, 0.3 * time_s)
    try:
        nearby = thinned(problem) if large else problem
        for best in first_incumbents(nearby, seconds, seed, GENERATIONS * (10 if large else 1)):
            if on_progress:
                on_progress(time.monotonic() - start, best.objective, math.inf, math.inf)
        return best, False
    except KeyboardInterrupt:
        return best, True


def _thinner(search: Search, deadline: float, on_progress: Progress | None, workers: int) -> bool:
    """Better incumbents from a grid that is small enough for exact tables; whether there was an interrupt."""
    try:
        if on_progress:
            search.report(on_progress)
        problem = thinned(search.problem)
        levels = build_levels(problem)
        if time.monotonic() >= deadline or not levels[-1].exact:
            return False
        inner = Search(problem, levels, search.best, search.floor)
    except KeyboardInterrupt:
        return True

    def note(seconds: float, objective: float | None, bound: float, gap: float) -> None:
        search.best = inner.best
        if on_progress:
            search.report(on_progress)

    interrupted = _run(inner, 0.0, deadline, note, workers)
    search.best = inner.best
    return interrupted


def _run(
    search: Search,
    gap: float,
    deadline: float,
    on_progress: Progress | None,
    workers: int,
    finer: Sequence[LevelAxes] = (),
    climbing: float = 0.0,
) -> bool:
    """Advance the search; whether it was interrupted."""
    pool = None
    try:
        if on_progress:
            search.report(on_progress)
        search.levels += [build_tables(search.problem, *axes) for axes in finer]
        pool = make_pool(search.problem, search.levels, search.threshold, workers)
        search.run(pool, gap, deadline, on_progress, climbing)
        if on_progress:
            search.report(on_progress)
    except KeyboardInterrupt:
        return True
    finally:
        if pool:
            pool.stop()
    return False


def _floor(tables: Tables) -> float:
    """Below the objective of any structure: no entropy, the worst penalty."""
    spread = max(tables.depths) - 1.0
    return -tables.beta * math.exp(spread / 2) - 1.0


def first_incumbents(problem: Problem, seconds: float, seed: int, generations: int) -> Iterator[Incumbent]:
    """Evolution from a seed: the best so far now and then; nothing where no feasible structure was met."""
    start, best = time.monotonic(), None
    evolution = Evolution(problem, np.random.default_rng(seed))
    for _ in range(0, generations, REPORTED):
        left = seconds - (time.monotonic() - start)
        if left <= 0:
            return
        evolution.run(left, min(REPORTED, generations))
        best = better(problem, evolution.best(), best)
        if best:
            yield best
