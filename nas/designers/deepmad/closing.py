"""Close one context: find multiplier sets under which no depth vector can beat a threshold.

The depth vector with the largest bound gets multipliers of its own (cheap: all depths fixed), and these are applied to
every depth vector left. What the dual provably cannot close is handed on as a *hard leaf*, to be solved exactly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .depths import Ranges
from .depthset import DepthSet
from .dual import Bundle
from .exact import EPS
from .families import Array
from .relaxation import AtDepths, Relaxation

MARGIN = 1e-4  # descend this far (relative) below the threshold, so that neighbours close as well


@dataclass(slots=True)
class HardLeaf:
    """A depth vector whose dual bound exceeds the threshold, with the multipliers worth keeping."""

    depths: tuple[int, ...]
    bound: float
    ys: list[Array]


@dataclass(slots=True)
class Closed:
    """What is known of a context: every depth vector but the hard ones has a bound of at most ``bound``."""

    bound: float
    ys: list[Array]
    hard: list[HardLeaf] = field(default_factory=list)
    solved: list[HardLeaf] = field(default_factory=list)
    worst: tuple[int, ...] = ()


def bundle_of(leaf: AtDepths, y: Array) -> Bundle:
    """The dual of a leaf; of the rho constraints only those that y already prices, and the last, take part."""
    active = np.ones(len(y))
    n_res, n_t = leaf.r.n_res, leaf.r.n_t
    active[n_res : n_res + n_t - 1] = y[n_res : n_res + n_t - 1] > 0

    def oracle(point: Array) -> tuple[float, Array]:
        value, slope, _ = leaf.solve(point * active)
        return value, slope * active

    return Bundle(oracle, y * active)


Solver = Callable[[AtDepths, HardLeaf, float], float | None]


def close(
    r: Relaxation,
    y: Array,
    threshold: float,
    ranges: Ranges,
    deadline: float = np.inf,
    max_hard: int = 400,
    solve_leaf: Solver | None = None,
) -> Closed:
    """Close a context at ``threshold``, as far as the deadline (``time.monotonic``) and ``max_hard`` allow.

    ``solve_leaf`` may solve a hard leaf at once; it returns what is now proven of it (None: nothing), and where that
    is a new best objective the threshold rises with it.
    """
    left, out = DepthSet(r, ranges, threshold), Closed(threshold, [y])
    left.lower(y)
    while (worst := left.worst()) is not None:
        bound, depths = worst
        if time.monotonic() > deadline or len(out.hard) >= max_hard:
            out.bound, out.worst = bound, depths
            return out
        leaf = r.at(depths)
        dual = bundle_of(leaf, out.ys[-1])
        if not dual.descend(left.threshold - MARGIN * abs(left.threshold)) and dual.value > left.threshold:
            dual.polish(left.threshold, MARGIN * abs(left.threshold))
            hard = HardLeaf(depths, min(bound, dual.value), diverse(dual))
            proven = solve_leaf(leaf, hard, left.threshold) if solve_leaf else None
            if proven is None:
                out.hard.append(hard)
            else:
                out.solved.append(HardLeaf(depths, proven, hard.ys[:1]))
                left.threshold = max(left.threshold, proven - EPS)
            left.remove(depths)
        out.ys.append(dual.y)
        left.lower(dual.y)
    out.bound = left.threshold + EPS * bool(out.solved)
    return out


def diverse(dual: Bundle, n: int = 8) -> list[Array]:
    """The best points seen: each alone bounds the leaf, together they prune partial structures better."""
    return [y for _, y in sorted(dual.seen, key=lambda found: found[0])[:n]]
