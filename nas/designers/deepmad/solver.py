"""``solve``: design a network to a proven optimality gap (sections 2.3 and 4.4)."""

from __future__ import annotations

import math
import time
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
from .levels import build_levels, is_large, neighbourhood
from .pool import make_pool
from .prices import shadow_prices
from .problem import Problem
from .search import Progress, Search
from .structure import Structure
from .tables import Tables

GENERATIONS = 300  # of evolution, for the first incumbent; a second on an idle core

FIRST_SECONDS = 4.0  # ... but never longer than this
IMPROVE = 0.4  # of the time goes into the incumbent where the grid is too large for an exact search
NEIGHBOURS = 2  # grid values either side of the incumbent's widths


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
    start = time.monotonic()
    """The best design found within ``time_s`` seconds, or as soon as its gap is at most ``gap`` (0: prove it optimal).

    ``on_progress(seconds, objective, bound, gap)`` is called about twice a second. An interrupt returns the best so
    far. Raises :class:`InfeasibleDesign` where no structure meets the constraints.
    """
    if not (0 <= gap < math.inf and 0 < time_s):
        raise DesignError(f"expected gap >= 0 and time > 0, got gap={gap!r}, time_s={time_s!r}")
    start = time.monotonic()
    best = first_incumbent(problem, min(FIRST_SECONDS, 0.3 * time_s), seed)
    if best and is_large(problem):
        best = improve(problem, best, IMPROVE * time_s, workers)
    levels = build_levels(problem)
    search = Search(problem, levels, best, _floor(levels[-1]))
    search.started = start
    interrupted = _run(search, gap, start + time_s, on_progress, workers)
    if search.best is None:
        raise explain(problem, proven=search.finished, seed=seed)
    found, prices = search.best, shadow_prices(search)
    seconds = time.monotonic() - start
    claim = certificate(search)
    return Solution(found.structure, found.evaluation, search.bound, search.gap, seconds, interrupted, prices, claim)


def _run(search: Search, gap: float, deadline: float, on_progress: Progress | None, workers: int) -> bool:
    """Advance the search; whether it was interrupted."""
    pool = None
    try:
        if on_progress:
            search.report(on_progress)
        pool = make_pool(search.problem, search.levels, search.threshold, workers)
        search.run(pool, gap, deadline, on_progress)
    except KeyboardInterrupt:
        return True
    finally:
        if pool:
            pool.stop()
    if on_progress:
        search.report(on_progress)
    return False


def _floor(tables: Tables) -> float:
    """Below the objective of any structure: no entropy, the worst penalty."""
    spread = max(tables.depths) - 1.0
    return -tables.beta * math.exp(spread / 2) - 1.0


def improve(problem: Problem, best: Incumbent, seconds: float, workers: int) -> Incumbent:
    """Exact search of small grids around the incumbent, until one brings nothing new or the time is up."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 1.0:
        small = neighbourhood(problem, best.structure, NEIGHBOURS)
        search = Search(small, build_levels(small), best, -math.inf)
        _run(search, 1e-4, time.monotonic() + left, None, workers)
        if search.best is None or search.best.objective <= best.objective:
            return best
        best = search.best
    return best


def first_incumbent(problem: Problem, seconds: float, seed: int) -> Incumbent | None:
    """Evolution from a seed; None if it met no feasible structure."""
    evolution = Evolution(problem, np.random.default_rng(seed))
    evolution.run(seconds, GENERATIONS)
    return better(problem, evolution.best(), None)
