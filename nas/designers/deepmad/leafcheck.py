"""Search a leaf again: is there any feasible structure above a bound, at given depths inside a box of widths?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .closing import bundle_of, diverse
from .exact import best_above
from .incumbent import to_structure
from .milp import best_above_milp
from .problem import Problem
from .relaxation import Relaxation
from .structure import Structure
from .tables import build_tables

#: (problem, widths by stage, depths, bound) -> a structure above the bound, or None if there is none.
Searcher = Callable[[Problem, dict[int, tuple[float, float]], tuple[int, ...], float], Structure | None]


def enumerate_leaf(
    problem: Problem, boxes: dict[int, tuple[float, float]], depths: tuple[int, ...], bound: float
) -> Structure | None:
    """By the enumeration of :mod:`.exact` with multipliers found afresh."""
    return _search_leaf(problem, boxes, depths, bound, milp=False)


def _search_leaf(
    problem: Problem, boxes: dict[int, tuple[float, float]], depths: tuple[int, ...], bound: float, *, milp: bool
) -> Structure | None:
    tables = build_tables(problem)
    fixed = {s: int(np.flatnonzero(tables.axes[s].lo == lo)[0]) for s, (lo, _) in boxes.items()}
    r = Relaxation(tables, fixed)
    n_res, n_t = r.n_res, r.n_t
    y = np.concatenate([np.full(n_res, 0.25 * abs(bound)), np.zeros(n_t - 1), [0.5 * abs(bound)]])
    leaf = r.at(depths)
    dual = bundle_of(leaf, y)
    dual.descend(bound)
    dual.polish(bound, 1e-4 * abs(bound))
    found = best_above_milp(leaf, dual.y, bound) if milp else best_above(leaf, diverse(dual), bound)
    return None if found is None else to_structure(problem, r, found[1], depths)


def milp_leaf(
    problem: Problem, boxes: dict[int, tuple[float, float]], depths: tuple[int, ...], bound: float
) -> Structure | None:
    """By CBC through PuLP, which shares no search with the solver."""
    return _search_leaf(problem, boxes, depths, bound, milp=True)
