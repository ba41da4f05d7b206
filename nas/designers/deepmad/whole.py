"""The largest Lagrangian bound over a box of depth vectors, as one convex function of the multipliers."""

from __future__ import annotations

import numpy as np

from .depths import Ranges, split
from .dual import Bundle
from .families import Array
from .relaxation import Relaxation


class WholeBox:
    """``F(y) = max over L in the box of f_L(y)`` and a subgradient; rho of the earlier scored stages is left out."""

    def __init__(self, r: Relaxation, ranges: Ranges) -> None:
        self.r, self.ranges = r, [np.asarray(x) for x in ranges]
        grids = np.ix_(*self.ranges)
        self.blocks = sum(grids, start=np.zeros((1,) * len(grids), dtype=np.int64))
        kept = np.broadcast_arrays(*[grids[i].astype(np.float32) for i in r.tables.balanced])
        # Single precision, rounded towards a smaller penalty: the bound can only grow.
        spread = np.std(kept, axis=0, dtype=np.float32) - np.float32(1e-4)
        self.penalty = (r.tables.beta * np.exp(spread)).astype(np.float32) * np.float32(1 - 1e-5)

    def __call__(self, y: Array) -> tuple[float, Array]:
        """Value and slope."""
        y = self.priced(y)
        value, depths = self.bound(y)
        slope = self.r.at(depths).solve(y)[1]
        slope[self.r.n_res : -1] = 0.0
        return value, slope

    def priced(self, y: Array) -> Array:
        """``y`` without a price on the rho of the earlier scored stages."""
        y = y.copy()
        y[self.r.n_res : -1] = 0.0
        return y

    def bound(self, y: Array) -> tuple[float, tuple[int, ...]]:
        """The largest bound and the depth vector that has it."""
        found = split(self.r, y, self.ranges)
        head = found.head.reshape(found.head.shape + (1,) * found.rest.ndim)
        total = head + found.rest - found.late[self.blocks] - self.penalty
        at = np.unravel_index(int(total.argmax()), total.shape)
        return float(total[at]), tuple(int(x[int(i)]) for x, i in zip(self.ranges, at, strict=True))


STEPS = 20  # evaluations per target


def lowest(box: WholeBox, y: Array, floor: float, rounds: int) -> tuple[float, Array]:
    """Least of ``F`` found by bisection down to ``floor``, and where."""
    dual = Bundle(box, box.priced(y))
    low = floor
    for _ in range(rounds):
        if dual.value <= floor:
            break
        target = floor if low == floor and dual.value < floor * 1.01 else 0.5 * (dual.value + low)
        if not dual.descend(target, STEPS):
            low = max(low, target)
            if dual.value - low <= 1e-3 * abs(dual.value):
                break
    return dual.value, dual.y
