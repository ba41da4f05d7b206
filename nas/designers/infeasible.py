"""An infeasible question in the words in which it was asked."""

from __future__ import annotations

import math

from nas.budget import Limit
from nas.designers.deepmad import Conv, InfeasibleDesign, Problem, Stage, Structure
from nas.designers.deepmad.infeasible import least

WORDS = {"released_flops": "macs"}


def explained(problem: Problem, error: InfeasibleDesign, seed: int = 0) -> InfeasibleDesign:
    """The same error: which limits conflict, and how far each must go. Its ``data`` stays, with ``alone`` added.

    ``nearest``: what is reached while the other limits hold; ``alone``: without them. Both belong to structures that
    were found; no claim is made that nothing smaller exists.
    """
    conflicts = list(error.data["conflicts"])
    nearest = {k: v for k, v in error.data["nearest"].items() if math.isfinite(v)}
    alone = {} if nearest else {name: least(problem, name, set(), seed) for name in conflicts}
    limits = {**problem.budgets, "rho": problem.rho}
    asked = " and ".join(said(name, limits[name], up=False) for name in conflicts)
    proven = "no design of the grid meets" if error.data["proven"] else "no design was found in time that meets"
    together = " together" if len(conflicts) > 1 else ""
    message = f"{proven} {asked}{together}; {_way_out(nearest, alone)}"
    return InfeasibleDesign(message, **{**error.data, "alone": alone})


def _way_out(nearest: dict[str, float], alone: dict[str, float]) -> str:
    if nearest:
        one = "relaxing any one of these is enough: " if len(nearest) > 1 else "nearest feasible: "
        return one + ", ".join(said(name, value) for name, value in nearest.items())
    known = [said(name, value) for name, value in alone.items() if math.isfinite(value)]
    return f"several limits must go up; the least found without the others: {', '.join(known) or 'none'}"


def hopeless(problem: Problem) -> bool:
    """Whether the smallest network of the grid is over a budget already: known at once, without a solve.

    The narrowest and shallowest one costs least, since every amount grows with widths, kernels and depths (but for the
    released FLOPs of the depthwise families, whose pooled shortcut exists between equal widths only).
    """
    grid, low = problem.grid, problem.grid.bottleneck_ratio[0]
    width = grid.out[0]
    inner = next((b for b in grid.bottleneck if low * width <= b <= grid.bottleneck_ratio[1] * width), None)
    if inner is None or (problem.family.startswith("mobilenet") and "released_flops" in problem.budgets):
        return False
    stages = tuple(Stage(width, inner, grid.kernel[0], 1, stride) for stride in problem.strides)
    head = Conv(problem.head, 1, 1) if problem.head else None
    least_one = problem.evaluate(Structure(problem.family, Conv(grid.stem[0], 3, 2), stages, head))
    return any(least_one.amounts[name] > limit for name, limit in problem.budgets.items())


def said(name: str, value: float, up: bool = True) -> str:
    """``macs <= 1.82GFLOPs``, ``rho <= 0.3``; rounded ``up``, so that the value that is said is feasible."""
    shown = _up(value, 4) if up else value
    return f"rho <= {shown:.4g}" if name == "rho" else str(Limit(WORDS.get(name, name), 0.0, shown))


def _up(value: float, digits: int) -> float:
    """Rounded up to some significant digits; a value that has no more of them stays."""
    if not 0 < value < math.inf or float(f"{value:.{digits}g}") >= value:
        return float(f"{value:.{digits}g}") if 0 < value < math.inf else value
    step = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return math.ceil(value / step) * step
