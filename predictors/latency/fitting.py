"""From measured units to a cost model: prices of parts first, then what they miss.

The *base* is a non-negative price per multiply-accumulate, byte and register tile of each class of operator, by least
squares of relative errors: first over all units, then once more per kind, drawn towards the common prices so that what
a kind never showed (a depthwise convolution inside attention) keeps the price it has elsewhere. Corrections in
logarithms follow where there are measurements to learn them from: a ridge regression from a dozen on, boosted trees
from hundreds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictors.latency.costing import OTHER, Calibration, CostModel
from predictors.latency.errors import MeasurementError
from predictors.latency.features import INDEX, PRODUCT_CLASSES, REGISTER_TILES, SHAPES, TILED_CLASSES, select
from predictors.latency.forest import fit_trees
from predictors.latency.models import Additive, Correction, UnitModel
from predictors.latency.ridge import fit_ridge
from search_spaces.operators import FloatArray

ENOUGH_FOR_RIDGE, ENOUGH_FOR_TREES = 12, 300
"""Measured units of a kind from which on these corrections are fitted."""
PRICED = (
    *(f"{what}_{c}" for what in ("macs", "moved", "weights") for c in PRODUCT_CLASSES),
    *(f"macs_{c}_{tile}" for c in TILED_CLASSES for tile in REGISTER_TILES),
    *(f"moved_{c}" for c in ("norm", "softmax", "activation", "add", "mul", "pool", "resize")), "operators",
)  # fmt: skip
"""What has a price."""
CORRECTED = tuple(n for n in SHAPES if n not in ("intensity", "working_set", "function"))
"""What corrections look at."""
CHECKED = (*CORRECTED, "macs", *(f"macs_{c}" for c in PRODUCT_CLASSES), "moved_norm", "moved_softmax")
"""What must lie in the measured range for a prediction to be trusted."""
PULL = 0.003
"""Weight of the common prices against a kind's own measurements."""
WIDEST = 0.7
"""Relative error where nothing tells how wrong an estimate may be: half or double is then no surprise."""


@dataclass(frozen=True)
class Measurements:
    """Measured units: features, shape (n, FEATURES); kind and label (a finer name for evidence), and cost, (n,)."""

    x: FloatArray
    kind: NDArray[np.str_]
    label: NDArray[np.str_]
    cost: FloatArray

    def __len__(self) -> int:
        return len(self.cost)

    def of(self, mask: NDArray[np.bool_]) -> Measurements:
        """The units where ``mask``, shape (n,), holds."""
        return Measurements(self.x[mask], self.kind[mask], self.label[mask], self.cost[mask])


def fit_models(data: Measurements, *, trees: bool = True) -> CostModel:
    """A model of every kind that was measured and one for all others; errors are guesses until they are measured.

    Raises MeasurementError where there is nothing to fit. See :func:`predictors.latency.evidence.held_out`.
    """
    if not len(data):
        raise MeasurementError("there is no measurement to fit a profile on")
    common = fit_additive(data.x, data.cost)
    models = {}
    for kind in np.unique(data.kind):
        models[str(kind)] = _fit_kind(data.of(data.kind == kind), common, trees)
    models[OTHER] = UnitModel(common, (), measured_ranges(data.x), WIDEST, WIDEST)
    return CostModel(models, Calibration())


def _fit_kind(data: Measurements, common: Additive, trees: bool) -> UnitModel:
    base = fit_additive(data.x, data.cost, common)
    ratio = np.log(data.cost / np.maximum(base.cost(data.x), np.finfo(float).tiny))
    names = tuple(n for n in CORRECTED if np.ptp(data.x[:, INDEX[n]]) > 0)
    corrections: tuple[Correction, ...] = ()
    if trees and names and len(data) >= ENOUGH_FOR_TREES:
        corrections = (fit_trees(data.x, ratio, names),)
    elif names and len(data) >= ENOUGH_FOR_RIDGE:
        corrections = (fit_ridge(data.x, ratio, names),)
    return UnitModel(base, corrections, measured_ranges(data.x), WIDEST, WIDEST)


def measured_ranges(x: FloatArray) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of every checked feature."""
    return {n: (float(x[:, INDEX[n]].min()), float(x[:, INDEX[n]].max())) for n in CHECKED}


def fit_additive(
    x: FloatArray, cost: FloatArray, prior: Additive | None = None, pull: float = PULL,
    priced: tuple[str, ...] = PRICED,
) -> Additive:  # fmt: skip
    """Non-negative prices with the least squared relative error; ``prior`` prices are kept where nothing speaks."""
    from scipy.optimize import nnls

    columns = np.column_stack([select(x, priced), np.ones(len(x))])
    shown, known = columns.any(axis=0), _prices(prior, priced)
    prices = np.where(shown, 0.0, known)
    columns, known = columns[:, shown], known[shown]
    size = np.maximum(columns.max(axis=0), 1.0)
    scaled, target = columns / size / cost[:, None], np.ones(len(x))
    if prior is not None:
        # A price counts by what it adds to a typical unit, so the pull is in relative cost too.
        weight = pull * np.sqrt(len(x)) * np.maximum((scaled**2).mean(axis=0) ** 0.5, 1e-12)
        scaled, target = np.vstack([scaled, np.diag(weight)]), np.concatenate([target, weight * known * size])
    found, _ = nnls(scaled, target, maxiter=100 * scaled.shape[1])
    prices[shown] = found / size
    kept = prices[:-1] > 0
    names = tuple(n for n, keep in zip(priced, kept, strict=True) if keep)
    return Additive(names, prices[:-1][kept], float(prices[-1]))


def _prices(base: Additive | None, names: Sequence[str]) -> FloatArray:
    """The prices of ``names`` and the intercept; 0 where there is no base."""
    if base is None:
        return np.zeros(len(names) + 1)
    known = dict(zip(base.features, base.coefficients.tolist(), strict=True))
    return np.array([*(known.get(n, 0.0) for n in names), base.intercept])
