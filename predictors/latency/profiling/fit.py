"""From timed rows to models: one regressor per kind of operator, and how well they do on networks they never saw.

Each kind has a non-negative price per multiply-accumulate, byte and operator (least squares of relative errors), times
what a ridge regression (few measurements) or boosted trees (hundreds) find in the ratio that is left. Errors are from
cross-validation over *networks*, never over rows, since one network repeats its layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictors.latency.costing import FREE, OTHER, Z90, Calibration, CostModel
from predictors.latency.features import INDEX, features
from predictors.latency.fitting import ENOUGH_FOR_RIDGE, PRICED, WIDEST, fit_additive
from predictors.latency.forest import fit_trees
from predictors.latency.models import Additive, Correction, UnitModel
from predictors.latency.ridge import fit_ridge
from predictors.latency.units import OPERATOR_KINDS, Fusion, segment
from search_spaces.operators import FloatArray, IntArray, OperatorTable

ENOUGH_FOR_TREES = 150
"""Distinct units of a kind from which on trees are fitted; a ridge model serves below."""
FOLDS = 4
FLOOR_MS = 1e-4
SHAPES = (
    "macs", "moved", "moved_batch_norm", "weights", "patches", "positions_in", "positions_out", "c_in", "c_out",
    "kernel", "stride", "group_width", "heads", "qk_width", "v_width", "intensity", "working_set", "function",
    "macs_positions_8", "macs_channels_16",
)  # fmt: skip
"""What ridge and trees look at."""
TREES, RATE, LEAVES = 200, 0.08, 24
ROUGHLY = 2
"""In cross-validation, that many times fewer trees of that many times the rate."""
PRICED_HERE = (*PRICED, "moved_batch_norm")
"""Eager PyTorch runs batch norms as they stand."""


@dataclass(frozen=True)
class UnitData:
    """Measured units: features (units, FEATURES), index into ``kinds``, milliseconds and the network of each."""

    x: FloatArray
    kind: IntArray
    ms: FloatArray
    network: IntArray
    kinds: tuple[str, ...] = OPERATOR_KINDS

    def of(self, mask: NDArray[np.bool_]) -> UnitData:
        """The units where ``mask`` holds."""
        return UnitData(self.x[mask], self.kind[mask], self.ms[mask], self.network[mask], self.kinds)


def unit_data(tables: Sequence[OperatorTable], row_ms: Sequence[FloatArray], fusion: Fusion = "operators") -> UnitData:
    """Cut networks (tables of size 1) into units; a unit's time is the sum over its rows."""
    parts = []
    for i, (table, ms) in enumerate(zip(tables, row_ms, strict=True)):
        units = segment(table, fusion)
        time = np.bincount(units.unit_of_row, ms[units.rows], len(units))
        parts.append((features(units), units.kind, time, np.full(len(units), i), units.kinds))
    x, kind, ms_all, network = (np.concatenate([p[i] for p in parts]) for i in range(4))
    return UnitData(x, kind, ms_all, network, parts[0][4])


def fit_cost_model(data: UnitData, seed: int = 0) -> CostModel:
    """Models of every kind with their held-out errors, and the calibration of their sum."""
    held = np.zeros(len(data.ms))
    fold = np.random.default_rng(seed).permutation(int(data.network.max()) + 1)[data.network] % FOLDS
    for k in range(FOLDS):
        models = _fit_all(data.of(fold != k), rough=True)
        held[fold == k] = unit_costs(models, data.of(fold == k))
    measured = np.bincount(data.network, data.ms)
    ratio = measured / np.maximum(np.bincount(data.network, held), 1e-9)
    scale = float(np.median(ratio))
    sigma = spread(np.log(ratio / scale))
    models = {name: _with_error(m, name, data, held) for name, m in _fit_all(data).items()}
    return CostModel(models, Calibration(scale, sigma))


def spread(logs: FloatArray) -> float:
    """The standard error whose 90 % interval holds 90 % of these errors (logarithms of ratios)."""
    return float(np.quantile(np.abs(logs), 0.9)) / Z90


def unit_costs(models: Mapping[str, UnitModel], data: UnitData) -> FloatArray:
    """Uncalibrated milliseconds of each unit, shape (units,)."""
    cost = np.zeros(len(data.ms))
    for k in np.unique(data.kind):
        mask, name = data.kind == k, data.kinds[k]
        if name != FREE:
            cost[mask] = models.get(name, models[OTHER]).cost(data.x[mask])
    return cost


def _fit_all(data: UnitData, rough: bool = False) -> dict[str, UnitModel]:
    """One model per measured kind and one for all others."""
    ran = data.of(data.ms > FLOOR_MS)
    x, ms, _ = _distinct(ran.x, ran.ms)
    common = fit_additive(x, ms, priced=PRICED_HERE)
    models = {
        data.kinds[k]: _fit_kind(ran.of(ran.kind == k), common, rough)
        for k in np.unique(ran.kind)
        if data.kinds[k] not in (FREE, OTHER)
    }
    models[OTHER] = UnitModel(common, (), _ranges(x), WIDEST, WIDEST)
    return models


def _fit_kind(data: UnitData, common: Additive, rough: bool) -> UnitModel:
    x, ms, count = _distinct(data.x, data.ms)
    base = fit_additive(x, ms, common, priced=PRICED_HERE)
    ratio = np.log(ms / np.maximum(base.cost(x), FLOOR_MS))
    names = tuple(n for n in SHAPES if np.ptp(x[:, INDEX[n]]) > 0)
    corrections: tuple[Correction, ...] = ()
    if names and len(x) >= ENOUGH_FOR_TREES:
        fewer = ROUGHLY if rough else 1
        corrections = (fit_trees(x, ratio, names, trees=TREES // fewer, rate=RATE * fewer, leaves=LEAVES),)
    elif names and len(x) >= ENOUGH_FOR_RIDGE:
        corrections = (fit_ridge(x, ratio, names),)
    model = UnitModel(base, corrections, _ranges(x), WIDEST, WIDEST)
    share = float((count * ms).sum() / (count * model.cost(x)).sum())  # means of logarithms understate the mean
    return replace(model, base=_scaled(base, share))


def _ranges(x: FloatArray) -> dict[str, tuple[float, float]]:
    return {n: (float(x[:, INDEX[n]].min()), float(x[:, INDEX[n]].max())) for n in SHAPES}


def _distinct(x: FloatArray, ms: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distinct shapes with the mean of their times and how often each was measured."""
    rows = np.ascontiguousarray(x).view(np.dtype((np.void, x.itemsize * x.shape[1]))).ravel()
    _, first, index, count = np.unique(rows, return_index=True, return_inverse=True, return_counts=True)
    return x[first], np.bincount(index, ms) / count, count.astype(np.float64)


def _scaled(base: Additive, share: float) -> Additive:
    return Additive(base.features, base.coefficients * share, base.intercept * share)


def _with_error(model: UnitModel, name: str, data: UnitData, held: FloatArray) -> UnitModel:
    """The model with the relative error that cross-validation found for its kind, and a wider one outside."""
    mask = (data.ms > FLOOR_MS) & (held > 0)
    if name != OTHER:
        mask &= data.kind == data.kinds.index(name)
    if not mask.any():
        return model
    relative = (held[mask] / data.ms[mask] - 1.0).clip(-1, 3)
    sigma = max(float(np.sqrt(np.average(relative**2, weights=data.ms[mask]))), 0.01)
    return replace(model, sigma=sigma, sigma_outside=max(WIDEST, 2 * sigma))
