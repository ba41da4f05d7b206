"""What a solution claims and why, as plain JSON-able data that a reader can check without trusting the solver.

The domain is cut into boxes of widths (a *context* each). For a closed box every depth vector has a Lagrangian bound,
the least over the box's multiplier sets; the few depth vectors whose bound is larger are listed as leaves, each with
its own bound and how it was obtained: ``exact`` (every structure above it was enumerated: none) or ``open``.
Multipliers are per unit: of a budget in its own unit, of ``2 E_t - g(D_t)`` in nats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .axes import Axis
from .conventions import CONVENTIONS
from .errors import DesignError
from .exact import EPS
from .families import Array
from .grid import grid_from_json
from .problem import Problem
from .relaxation import g_of_depth
from .search import Evidence, Search
from .tables import Tables

RELAXED = (
    "every budget is priced by a multiplier instead of being met",
    "2 E_t >= D_t ln(D_t / rho) is priced by a multiplier; of the scored stages before the last it may be left out",
    "on interval axes entropy is taken at the upper end of each interval, every amount at the lower end",
)


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """The question. Extra resources are functions: only their names are kept."""
    return {
        "family": problem.family,
        "budgets": dict(problem.budgets),
        "rho": problem.rho,
        "convention": problem.convention.name,
        "grid": problem.grid.to_json(),
        "strides": list(problem.strides),
        "head": problem.head,
        "resolution": problem.resolution,
        "non_decreasing": problem.non_decreasing,
        "extra": sorted(problem.extra),
    }


def problem_from_json(data: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> Problem:
    """The inverse; resources that a certificate only names must be handed in."""
    try:
        named = {name: (extra or {})[name] for name in data.get("extra", ())}
        return Problem(
            family=data["family"],
            budgets=dict(data["budgets"]),
            rho=data["rho"],
            convention=CONVENTIONS[data["convention"]],
            grid=grid_from_json(data["grid"]),
            strides=tuple(data["strides"]),
            head=data["head"],
            resolution=data["resolution"],
            non_decreasing=data["non_decreasing"],
            extra=named,
        )
    except (KeyError, TypeError) as error:
        raise DesignError(f"not a design problem: {error!r}") from error


def certificate(search: Search) -> dict[str, Any]:
    """The evidence of a run in which a feasible structure was found."""
    if search.best is None:
        raise DesignError("no feasible structure was found, so there is nothing to certify")
    levels, units = search.levels, _units(search)
    return {
        "kind": "deepmad-certificate",
        "version": 1,
        "problem": problem_to_json(search.problem),
        "structure": search.best.structure.to_json(),
        "objective": search.best.objective,
        "bound": _finite(search.bound),
        "gap": _finite(search.gap),
        "epsilon": EPS,
        "relaxed": list(RELAXED),
        "levels": [_level(tables) for tables in levels],
        "regions": [_region(search, level, dict(ctx), e, units) for (level, ctx), e in search.regions()],
    }


def _units(search: Search) -> Array:
    """Divide scaled multipliers by this to have them per unit."""
    tables = search.levels[0]
    n_t = tables.scored[-1] + 1
    return np.array([*search.problem.budgets.values(), *[float(g_of_depth(30.0, tables.rho))] * n_t])


def _level(tables: Tables) -> dict[str, Any]:
    return {"axes": [_axis(a) for a in tables.axes], "bottleneck": _axis(tables.bottleneck)}


def _axis(axis: Axis) -> list[list[int]]:
    return [[int(lo), int(hi)] for lo, hi in zip(axis.lo, axis.hi, strict=True)]


def _region(search: Search, level: int, context: dict[int, int], found: Evidence, units: Array) -> dict[str, Any]:
    axes = search.levels[level].axes
    leaves = [{"depths": list(d), "bound": b, "how": how} for d, (b, how) in sorted(found.leaves.items())]
    return {
        "level": level,
        "widths": {str(s): [int(axes[s].lo[i]), int(axes[s].hi[i])] for s, i in context.items()},
        "bound": _finite(found.bound),
        "multipliers": [(y / units).tolist() for y in found.ys],
        "leaves": leaves,
    }


def _finite(value: float) -> float | None:
    """JSON has no infinity: None is "nothing known" (+inf) or "no structure" (-inf with no multipliers)."""
    return float(value) if np.isfinite(value) else None
