"""Why nothing is feasible: which constraints conflict, and the nearest value of each that does not.

Every value reported is attained by a structure that was found and evaluated, so it is certainly feasible; that no
better one exists is not claimed.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np

from .errors import InfeasibleDesign
from .heuristic import Evolution
from .problem import Problem

SECONDS = 1.0
GENERATIONS = 100
RHO_MAX = 2.0


def explain(problem: Problem, *, proven: bool, seed: int = 0) -> InfeasibleDesign:
    """The error to raise; ``proven`` says whether the bounds exclude every structure or none was found in time."""
    limits = {**problem.budgets, "rho": problem.rho}
    nearest = {name: least(problem, name, set(limits) - {name}, seed) for name in limits}
    conflicts = conflicting(problem, seed)
    values = ", ".join(f"{n} {_show(limits[n])} -> {_show(v)}" for n, v in nearest.items() if math.isfinite(v))
    verb = "no structure of the grid meets" if proven else "no structure was found in time that meets"
    message = f"{verb} {' and '.join(conflicts)} together; relaxing one is enough: {values or 'none alone is'}"
    return InfeasibleDesign(message, conflicts=conflicts, nearest=nearest, proven=proven)


def conflicting(problem: Problem, seed: int = 0) -> list[str]:
    """A smallest set of constraints that no structure was found to meet together."""
    names = [*problem.budgets, "rho"]
    for size in range(1, len(names)):
        for chosen in itertools.combinations(names, size):
            goal, others = chosen[0], set(chosen[1:])
            limit = problem.rho if goal == "rho" else problem.budgets[goal]
            if least(problem, goal, others, seed) > limit:
                return list(chosen)
    return names


def least(problem: Problem, goal: str, others: set[str], seed: int = 0) -> float:
    """The least value of ``goal`` found among structures that keep ``others``; infinite if none was found."""
    evolution = Evolution(relaxed(problem, others), np.random.default_rng(seed))
    evolution.run(SECONDS, GENERATIONS, goal)
    broken = evolution.violation_without(goal)
    values = evolution.scores.values[goal][broken <= 0]
    return float(values.min()) if len(values) else math.inf


def relaxed(problem: Problem, kept: set[str]) -> Problem:
    """The same problem with every limit but the kept ones out of reach."""
    budgets = {name: limit if name in kept else 1e30 for name, limit in problem.budgets.items()}
    return dataclasses.replace(problem, budgets=budgets, rho=problem.rho if "rho" in kept else RHO_MAX)


def _show(value: float) -> str:
    return f"{value:.4g}" if value < 1e4 else f"{value:,.0f}"
