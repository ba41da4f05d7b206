"""Better incumbents on a large grid: exact searches of contexts around the incumbent, on small grids that hold it."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np

from .heuristic import Evolution
from .incumbent import Incumbent, better, locate
from .levels import neighbourhood
from .problem import Problem
from .relaxation import context_stages
from .search import Search, depths_of
from .tables import build_tables
from .work import Context, Worker

NEIGHBOURS = 1  # grid values either side of the incumbent's widths
EVOLVE = 4.0  # seconds of evolution before a climb from elsewhere
PATIENCE = 6.0  # seconds for one context
HARD = 8  # leaves left unsolved, after which a context is given up


def step(problem: Problem, best: Incumbent, seconds: float) -> Incumbent:
    """The best structure of one small grid around ``best``, as far as ``seconds`` allow."""
    return climb(neighbourhood(problem, best.structure, NEIGHBOURS), best, time.monotonic() + seconds)


def restart(problem: Problem, best: Incumbent, seed: int, seconds: float) -> Incumbent:
    """Climb from what another evolution finds; ``best`` if that comes to nothing better."""
    end = time.monotonic() + seconds
    evolution = Evolution(problem, np.random.default_rng(seed))
    evolution.run(min(EVOLVE, 0.3 * seconds))
    here = better(problem, evolution.best(), None)
    while here and time.monotonic() < end:
        found = step(problem, here, end - time.monotonic())
        if found.objective <= here.objective:
            break
        here = found
    return here if here and here.objective > best.objective else best


def climb(problem: Problem, best: Incumbent, end: float) -> Incumbent:
    """Search the incumbent's context and those next to it; the best structure found is the next centre."""
    tables = build_tables(problem)
    search = Search(problem, [tables], best, -math.inf, first_bounds=False)
    worker = Worker(problem, [tables], lambda: search.threshold)
    y, seen = search.first_multipliers(), set[Context]()
    while search.best and time.monotonic() < end:
        here = locate(tables, search.best.structure, context_stages(tables))
        todo = [context for context in around(here, [len(a) for a in tables.axes]) if context not in seen]
        if not todo:
            break
        seen.add(todo[0])
        seconds = min(PATIENCE, max(0.1, end - time.monotonic()))
        done = worker.close(0, todo[0], y, depths_of(search.best.structure), seconds, max_hard=HARD)
        for structure in done.structures:
            search.best = better(problem, structure, search.best)
        y = done.ys[-1] if done.ys else y
    return search.best or best


def around(here: dict[int, int], sizes: list[int]) -> list[Context]:
    """The context itself, then its neighbours by distance."""
    steps = sorted(itertools.product((-1, 0, 1), repeat=len(here)), key=lambda step: sum(map(abs, step)))
    moved = [tuple((s, i + d) for (s, i), d in zip(sorted(here.items()), step, strict=True)) for step in steps]
    return [context for context in moved if all(0 <= i < sizes[s] for s, i in context)]
