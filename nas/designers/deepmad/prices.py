"""Multipliers as shadow prices: what relaxing a constraint by 1 % would buy."""

from __future__ import annotations

import numpy as np

from .closing import bundle_of
from .depths import split
from .dual import Bundle
from .families import Array
from .incumbent import locate
from .relaxation import Relaxation, conv_depths
from .search import Search, depths_of

AROUND = 4  # depths either side of the incumbent's that may change


def shadow_prices(search: Search) -> dict[str, float]:
    """Objective points per 1 % of each limit, at the incumbent's late widths, its depths free to move (0: no use).

    A price is the slope of the Lagrangian bound. The exact optimum moves in steps, at this rate on average.
    """
    if search.best is None:
        return {}
    tables = search.levels[-1]
    r = Relaxation(tables, locate(tables, search.best.structure, search.stages))
    depths = depths_of(search.best.structure)
    dual = Bundle(_Local(r, depths), bundle_of(r.at(depths), search.first_multipliers()).y)
    dual.polish(search.best.objective, 1e-5 * abs(search.best.objective), rounds=20)
    budgets = dict(zip(tables.resources, (0.01 * dual.y[: r.n_res]).tolist(), strict=True))
    # g = D ln D - D ln rho falls by D per unit of ln rho, and 1 % of rho is 0.01 of ln rho.
    nu = dual.y[r.n_res :] / r.rho_scale
    rho = sum(float(n) * d * 0.01 for n, d in zip(nu, conv_depths(tables, depths), strict=True))
    return budgets | {"rho": rho}


class _Local:
    """The largest bound over the depth vectors near the incumbent's, and its slope."""

    def __init__(self, r: Relaxation, depths: tuple[int, ...]) -> None:
        self.r = r
        tops = r.tables.depths
        self.ranges = [range(max(1, d - AROUND), min(top, d + AROUND) + 1) for d, top in zip(depths, tops, strict=True)]
        grids = np.meshgrid(*self.ranges, indexing="ij")
        self.blocks = sum(grids)
        self.penalty = r.tables.beta * np.exp(np.std([grids[i] for i in r.tables.balanced], axis=0))

    def __call__(self, y: Array) -> tuple[float, Array]:
        y = y.copy()
        y[self.r.n_res : -1] = 0.0  # rho of the earlier scored stages is left out, as in the search
        found = split(self.r, y, self.ranges)
        head = found.head.reshape(found.head.shape + (1,) * found.rest.ndim)
        total = head + found.rest - found.late[self.blocks] - self.penalty
        at = np.unravel_index(int(total.argmax()), total.shape)
        value, slope, _ = self.r.at([x[int(i)] for x, i in zip(self.ranges, at, strict=True)]).solve(y)
        slope[self.r.n_res : -1] = 0.0
        return value, slope
