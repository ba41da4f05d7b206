"""Minimise a convex piecewise linear function until it is below a target, or proven not to go there.

A cutting-plane method of level type: the next point is the nearest one at which every cut seen so far lies below the
target (a least-distance problem, solved by non-negative least squares after Lawson and Hanson). If no such point
exists, the cuts themselves prove that the minimum exceeds the target: no branch is ever refined in vain.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import nnls

from .families import Array

Oracle = Callable[[Array], tuple[float, Array]]
UNIT = 1000.0  # objective points per unit, for the conditioning of the projection
KEEP = 40  # cuts kept


class Bundle:
    """The cuts of one function and its best point so far; ``lower`` is a heuristic floor, never used as a bound."""

    def __init__(self, oracle: Oracle, y: Array) -> None:
        self.oracle, self.y, self.value, self.lower = oracle, y, np.inf, -np.inf
        self._slopes: list[Array] = []
        self._offsets: list[float] = []
        self.seen: list[tuple[float, Array]] = []
        self._ask(y)

    def _ask(self, y: Array) -> None:
        value, slope = self.oracle(y)
        self._slopes = [*self._slopes, slope][-KEEP:]
        self._offsets = [*self._offsets, value - float(slope @ y)][-KEEP:]  # f(.) >= offset + slope . y
        self.seen.append((value, y))
        if value < self.value:
            self.y, self.value = y, value

    def descend(self, target: float, steps: int = 40) -> bool:
        """Whether a point with ``f(y) <= target`` was found."""
        for _ in range(steps):
            if self.value <= target:
                return True
            point = _nearest(self.y, np.array(self._slopes), np.array(self._offsets), target)
            if point is None:
                self.lower = max(self.lower, target)
                return False
            self._ask(point)
        return self.value <= target

    def polish(self, floor: float, tolerance: float, rounds: int = 12) -> None:
        """Bisect between the floor and the best value until they are ``tolerance`` apart."""
        self.lower = max(self.lower, floor)
        for _ in range(rounds):
            if self.value - self.lower <= tolerance:
                return
            target = 0.5 * (self.value + self.lower)
            if not self.descend(target):
                self.lower = max(self.lower, target)


def _nearest(y: Array, slopes: Array, offsets: Array, target: float) -> Array | None:
    """The point nearest to y with ``offsets + slopes . y <= target`` and ``y >= 0``, or None if there is none."""
    n = len(y)
    G = np.vstack([-slopes, np.eye(n)])
    h = np.concatenate([(offsets + slopes @ y - target) / UNIT, -y / UNIT])
    E = np.vstack([G.T, h])
    f = np.append(np.zeros(n), 1.0)
    try:
        u, norm = nnls(E, f, maxiter=100 * n)
    except RuntimeError:  # did not converge: give the branch up here, its bound stays
        return None
    if norm < 1e-7:
        return None
    r = E @ u - f
    return np.asarray(np.maximum(y - UNIT * r[:n] / r[n], 0.0))
