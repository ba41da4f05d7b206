"""Multipliers as shadow prices: what relaxing a constraint by 1 % would buy."""

from __future__ import annotations

from .closing import bundle_of
from .dual import Bundle
from .incumbent import locate
from .relaxation import Relaxation, conv_depths
from .search import Search, depths_of
from .whole import WholeBox

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
    tops = [min(top, d + AROUND) for d, top in zip(depths, tables.depths, strict=True)]
    box = WholeBox(r, [range(max(1, d - AROUND), top + 1) for d, top in zip(depths, tops, strict=True)])
    dual = Bundle(box, bundle_of(r.at(depths), search.first_multipliers()).y)
    dual.polish(search.best.objective, 1e-5 * abs(search.best.objective), rounds=20)
    budgets = dict(zip(tables.resources, (0.01 * dual.y[: r.n_res]).tolist(), strict=True))
    # g = D ln D - D ln rho falls by D per unit of ln rho, and 1 % of rho is 0.01 of ln rho.
    nu = dual.y[r.n_res :] / r.rho_scale
    rho = sum(float(n) * d * 0.01 for n, d in zip(nu, conv_depths(tables, depths), strict=True))
    return budgets | {"rho": rho}
