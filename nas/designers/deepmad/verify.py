"""Check a certificate without the solver: nothing here knows how a bound was found.

Three things are shown again. The structure is feasible and has the claimed objective, by the literal evaluation. The
regions cover every combination of widths. In every region each depth vector outside the listed leaves has a Lagrangian
bound, under the stored multipliers, of at most the claimed bound: recomputed by plain dynamic programming over dense
arrays, with no dominance, no thresholds and no incumbent. Leaves called exact are searched again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .axes import Axis
from .certificate import problem_from_json
from .dense import DenseRegion
from .errors import CertificateRefused, DesignError
from .leafcheck import Searcher, enumerate_leaf
from .problem import Problem
from .structure import structure_from_json

TOLERANCE = 1e-9  # relative, of an objective
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Verified:
    """What was established independently."""

    objective: float
    bound: float
    regions: int
    exact_leaves: int
    open_leaves: int


def verify(
    certificate: Mapping[str, Any],
    *,
    extra: Mapping[str, Any] | None = None,
    leaves: Searcher | None = enumerate_leaf,
    on_progress: Progress | None = None,
) -> Verified:
    """Raise :class:`CertificateRefused` unless the claim follows. ``leaves=None`` takes exact leaves on trust."""
    try:
        _demand(certificate["bound"] is not None, "it claims no bound: the run ended before there was one")
        problem = problem_from_json(certificate["problem"], extra)
        objective = _check_structure(problem, certificate)
        levels = [_level(level) for level in certificate["levels"]]
        _check_levels(problem, levels)
        _check_cover(problem, certificate["regions"])
        bound, solved, left = objective, 0, 0
        for i, region in enumerate(certificate["regions"]):
            found = _check_region(problem, levels[region["level"]], region, leaves)
            bound, solved, left = max(bound, found[0]), solved + found[1], left + found[2]
            if on_progress:
                on_progress(i + 1, len(certificate["regions"]))
    except (DesignError, KeyError, TypeError, IndexError, ValueError) as error:
        if isinstance(error, CertificateRefused):
            raise
        raise CertificateRefused(f"not a certificate: {error!r}", reason="malformed") from error
    claimed = float(certificate["bound"])
    _demand(bound <= claimed + TOLERANCE * abs(claimed), f"the regions give {bound:.6f}, claimed is {claimed:.6f}")
    return Verified(objective, bound, len(certificate["regions"]), solved, left)


def _demand(condition: bool, reason: str) -> None:
    if not condition:
        raise CertificateRefused(f"certificate refused: {reason}", reason=reason)


def _check_structure(problem: Problem, certificate: Mapping[str, Any]) -> float:
    """Feasible, on the grid, and as good as claimed."""
    structure = structure_from_json(certificate["structure"])
    broken = problem.violations(structure)
    _demand(not broken, f"the structure breaks {broken}")
    off = problem.off_grid(structure)
    _demand(not off, f"the structure leaves the grid: {off}")
    objective, claimed = problem.evaluate(structure).objective, float(certificate["objective"])
    _demand(abs(objective - claimed) <= TOLERANCE * abs(objective), f"objective is {objective}, claimed is {claimed}")
    return objective


def _level(data: Mapping[str, Any]) -> tuple[list[Axis], Axis]:
    def axis(pairs: Any) -> Axis:
        array = np.asarray(pairs, dtype=float).reshape(-1, 2)
        return Axis(array[:, 0], array[:, 1])

    return [axis(pairs) for pairs in data["axes"]], axis(data["bottleneck"])


def _check_levels(problem: Problem, levels: list[tuple[list[Axis], Axis]]) -> None:
    """Every grid value lies in an interval of every level."""
    grid = problem.grid
    for axes, bottleneck in levels:
        wanted = [grid.stem, *(problem.widths(s) for s in range(len(problem.strides)))]
        _demand(len(axes) == len(wanted), "a level has too few axes")
        for axis, values in [*zip(axes, wanted, strict=True), (bottleneck, grid.bottleneck)]:
            inside = [bool(((axis.lo <= v) & (v <= axis.hi)).any()) for v in values]
            _demand(all(inside), "an axis leaves out grid values")


def _check_cover(problem: Problem, regions: list[Mapping[str, Any]]) -> None:
    """The boxes of fixed widths cover every combination of grid widths."""
    stages = sorted({int(s) for region in regions for s in region["widths"]})
    values = [np.asarray(problem.widths(s - 1)) for s in stages]
    seen = np.zeros([len(v) for v in values], dtype=bool)
    for region in regions:
        _demand(sorted(int(s) for s in region["widths"]) == stages, "regions fix different stages")
        box = [
            (v >= region["widths"][str(s)][0]) & (v <= region["widths"][str(s)][1])
            for s, v in zip(stages, values, strict=True)
        ]
        seen[np.ix_(*box)] = True
    _demand(bool(seen.all()), f"{int((~seen).sum())} combinations of widths are in no region")


def _check_region(
    problem: Problem, level: tuple[list[Axis], Axis], region: Mapping[str, Any], leaves: Searcher | None
) -> tuple[float, int, int]:
    """The bound of one region, the number of leaves searched again and of leaves left open."""
    axes, bottleneck = level
    boxes = {int(s): (float(lo), float(hi)) for s, (lo, hi) in region["widths"].items()}
    dense = DenseRegion(problem, axes, bottleneck, boxes)
    if dense.empty:
        return -np.inf, 0, 0
    _demand(len(region["multipliers"]) > 0, f"no evidence for {region['widths']}")
    bounds = np.min([dense.bounds(np.asarray(y, dtype=float)) for y in region["multipliers"]], axis=0)
    best, exact = -np.inf, 0
    for leaf in region["leaves"]:
        at = tuple(int(d) - 1 for d in leaf["depths"])
        claimed = float(leaf["bound"])
        if leaf["how"] == "exact" and bounds[at] > claimed:
            _demand(dense.points, "an exact leaf on interval axes")
            better = leaves and leaves(problem, boxes, tuple(leaf["depths"]), claimed)
            _demand(not better, f"a structure above {claimed} at depths {leaf['depths']} in {region['widths']}")
            bounds[at], exact = claimed, exact + 1
    best = float(bounds.max())
    return best, exact, sum(leaf["how"] == "open" for leaf in region["leaves"])
