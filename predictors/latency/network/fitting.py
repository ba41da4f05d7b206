"""Fit a cost model to the times of whole networks: nobody measured their operators.

A network's time is the sum of its units' times, and those are priced linearly, so non-negative least squares on the
networks' sums finds the prices. Boosted trees on the network's features then correct what prices cannot say; see
:mod:`predictors.latency.network.correction`. scikit-learn and SciPy are needed for fitting only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictors.latency.costing import OTHER, Calibration, CostModel
from predictors.latency.features import INDEX, SUMS, features
from predictors.latency.models import SMALLEST, Additive, UnitModel
from predictors.latency.network.boosting import boost
from predictors.latency.network.correction import NetworkCorrection
from predictors.latency.network.features import NETWORK_FEATURES, NETWORK_INDEX, PRICED, network_features
from predictors.latency.trees import Trees
from predictors.latency.units import Units, segment
from search_spaces.operators import FloatArray, IntArray, OperatorTable

RANGED = ("positions_in", "positions_out", "c_in", "c_out", "kernel", "group_width", "heads", "qk_width")
"""Shapes of a unit whose range is kept."""
NETWORK_RANGED = tuple(n for n in NETWORK_FEATURES if n.startswith(("log_", "time_")))
"""Features of a network whose range is kept."""
MEMBERS = 6
SHRINKAGE = 1e-3
"""Pull of all prices towards 0, relative to what the data say: of two alike columns both then get a price."""
RARE = 5
"""A column that fewer networks than this have is not priced."""
UNSEEN_SIGMA = 0.5
"""Relative standard error of a unit outside of the networks' ranges; times of whole networks cannot tell it."""


@dataclass(frozen=True)
class Networks:
    """Timed networks: their ``units`` with features ``x``, and for each network its ``ms``, its ``family`` (numbered
    from 0), its ``weight`` in fits, and the ``sums`` of each kind's features, shape (size, PRICED, SUMS).

    ``floor`` is what a multiply-accumulate takes at the device's arithmetic peak, in milliseconds: no price is lower,
    which totals alone would not prevent.
    """

    units: Units
    x: FloatArray
    ms: FloatArray
    family: IntArray
    weight: FloatArray
    sums: FloatArray
    floor: float = 0.0

    @classmethod
    def of(
        cls, table: OperatorTable, ms: FloatArray, families: Sequence[str], weight: FloatArray, floor: float = 0.0
    ) -> Networks:
        """From a batched table and what each of its networks takes; arrays of shape (size,)."""
        units = segment(table, "kernels")
        x = features(units)
        sums = np.zeros((table.size, len(PRICED), len(SUMS)))
        for k, kind in enumerate(PRICED):
            mine = units.is_kind(kind)
            for s, name in enumerate(SUMS):
                sums[:, k, s] = np.bincount(units.arch[mine], x[mine, INDEX[name]], table.size)
        return cls(units, x, ms, np.unique(np.asarray(families), return_inverse=True)[1], weight, sums, floor)

    def unit_ms(self, prices: FloatArray) -> FloatArray:
        """What each unit takes at ``prices``, shape (PRICED, SUMS): the same as the model's, without its checks."""
        out = np.zeros(len(self.units))
        for k, kind in enumerate(PRICED):
            mine, paid = self.units.is_kind(kind), np.flatnonzero(prices[k])
            columns = [INDEX[list(SUMS)[s]] for s in paid]
            out[mine] = np.maximum(self.x[mine][:, columns] @ prices[k, paid], SMALLEST)
        return out


@dataclass(frozen=True)
class Fit:
    """``prices`` of shape (PRICED, SUMS) and the trees that correct the networks' sums."""

    prices: FloatArray
    members: tuple[Trees, ...]
    ranges: dict[str, tuple[float, float]]

    def network(self, sigma: float = 0.0, doubt: float = 0.0, sigma_outside: float = 0.0) -> NetworkCorrection:
        """The correction, with standard errors from :mod:`predictors.latency.network.evidence`."""
        return NetworkCorrection(self.members, self.ranges, sigma, doubt, sigma_outside)


def fit(data: Networks, chosen: NDArray[np.bool_], *, seed: int = 0) -> Fit:
    """Fit on the ``chosen`` networks, shape (size,); deterministic given ``seed``."""
    prices = _prices(data.sums[chosen], data.ms[chosen], data.weight[chosen], data.floor)
    ms = data.unit_ms(prices)
    total = np.bincount(data.units.arch, ms, data.units.table.size)[chosen]
    z = network_features(data.units, data.x, ms)[chosen]
    target = np.log(data.ms[chosen] / total)
    members = _members(z, target, data.weight[chosen], data.family[chosen], seed)
    return Fit(prices, members, {name: _span(z[:, NETWORK_INDEX[name]]) for name in NETWORK_RANGED})


def cost_model(data: Networks, found: Fit, calibration: Calibration, network: NetworkCorrection) -> CostModel:
    """The profile's model: prices per kind of unit with the ranges of the networks, and the correction."""
    models = {kind: _unit_model(data, kind, found.prices[k]) for k, kind in enumerate(PRICED)}
    total = [list(SUMS).index(name) for name in ("macs", "moved")]
    general = _prices(data.sums.sum(axis=1)[:, None, total], data.ms, data.weight, data.floor, macs=0)[0]
    other = UnitModel(Additive(("macs", "moved"), general, 0.0), (), {}, 0.0, UNSEEN_SIGMA)
    return CostModel({k: m for k, m in models.items() if m is not None} | {OTHER: other}, calibration, network)


def _prices(
    sums: FloatArray, ms: FloatArray, weight: FloatArray, floor: float, macs: int = list(SUMS).index("macs")
) -> FloatArray:
    """Prices of least squared relative error, shape (kinds, features); ``sums`` are (networks, kinds, features).

    ``macs`` is the feature whose price is at least ``floor``.
    """
    flat = sums.reshape(len(sums), -1)
    used = (flat > 0).sum(axis=0) >= RARE
    prices = np.zeros(flat.shape[1])
    rest = ms - floor * sums[:, :, macs].sum(axis=1)
    prices[used] = non_negative(flat[:, used] / ms[:, None], rest / ms, weight)
    shaped = prices.reshape(sums.shape[1:])
    shaped[:, macs] += floor
    return shaped


def non_negative(x: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
    """Prices p >= 0 of least ``sum_n (w_n (x_n p - y_n))^2``, pulled towards 0 a little; shape (columns,)."""
    from scipy.optimize import nnls

    scale = x.mean(axis=0)
    a = x / scale * weight[:, None]
    pull = SHRINKAGE * a.mean() * np.sqrt(len(a)) * np.eye(a.shape[1])
    prices, _ = nnls(np.vstack([a, pull]), np.concatenate([weight * y, np.zeros(len(pull))]), maxiter=20_000)
    return np.asarray(prices / scale)


def _members(z: FloatArray, target: FloatArray, weight: FloatArray, family: IntArray, seed: int) -> tuple[Trees, ...]:
    """One forest for each share of the families that it does without."""
    share = np.random.default_rng(seed).permutation(int(family.max()) + 1)[family] % MEMBERS
    return tuple(boost(z[share != m], target[share != m], weight[share != m], seed + m) for m in range(MEMBERS))


def _unit_model(data: Networks, kind: str, prices: FloatArray) -> UnitModel | None:
    """A kind's model, None where no network has such a unit."""
    mine = data.units.is_kind(kind)
    if not mine.any():
        return None
    paid = {name: price for name, price in zip(SUMS, prices, strict=True) if price > 0}
    base = Additive(tuple(paid), np.array(list(paid.values())), 0.0)
    return UnitModel(base, (), {name: _span(data.x[mine, INDEX[name]]) for name in RANGED}, 0.0, UNSEEN_SIGMA)


def _span(values: FloatArray) -> tuple[float, float]:
    return float(values.min()), float(values.max())
