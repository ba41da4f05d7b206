"""Few shots: a profile for a new device from the closest known one and some fifty to two hundred measurements.

Devices differ less in what costs time than in how much: the known device's prediction carries over, and a regression
on what units are made of learns the logarithm of the ratio. Two forms share that ratio, a linear one in many features
and a quadratic one in few; both stand still beyond what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from predictors.latency.costing import CostModel
from predictors.latency.errors import MeasurementError
from predictors.latency.evidence import HeldOut, held_out, robust_sigma, unit_costs
from predictors.latency.features import INDEX, PRODUCT_CLASSES
from predictors.latency.fitting import Measurements
from predictors.latency.models import Ridge
from predictors.latency.profile import DeviceProfile
from predictors.latency.ridge import fit_ridge

WIDE = (
    *(f"macs_{c}" for c in PRODUCT_CLASSES), "positions_in", "positions_out", "c_in", "c_out", "c_inner", "kernel",
    "stride", "weights", "moved", "operators",
)  # fmt: skip
NARROW = (
    "operators", "macs_dwconv", "macs_matmul", "macs_linear", "moved", "weights", "macs", "positions_in",
)  # fmt: skip
FEWEST = 10
"""Measurements below which nothing is adapted."""
SEEN = 3
"""Measurements of a kind below which the device's typical ratio serves it."""
CHECKS = 5


def transfer(source: CostModel, few: Measurements) -> CostModel:
    """The cost model of the device that ``few`` was measured on, as sure of itself as the known device's."""
    ratio = np.log(few.cost / unit_costs(source, few))
    halves = tuple(_half(_form(few, ratio, names)) for names in (WIDE, NARROW))
    typical = _constant(float(np.median(ratio)))
    seen = {str(k) for k, n in zip(*np.unique(few.kind, return_counts=True), strict=True) if n >= SEEN}
    models = {
        k: replace(m, corrections=(*m.corrections, *(halves if k in seen else (typical,))))
        for k, m in source.models.items()
    }
    return replace(source, models=models)


def _constant(log_ratio: float) -> Ridge:
    """The same ratio for every unit: all that is known of a kind that is not among the few."""
    none = np.zeros(0)
    return Ridge((), none, none, log_ratio, none, np.zeros((0, 2), dtype=np.int64), none)


def _form(few: Measurements, ratio: np.ndarray, names: Sequence[str]) -> Ridge:
    varying = tuple(n for n in names if np.ptp(few.x[:, INDEX[n]]) > 0)
    return fit_ridge(few.x, ratio, varying, per_product=1.0)


def _half(ridge: Ridge) -> Ridge:
    return replace(
        ridge, intercept=ridge.intercept / 2, coefficients=ridge.coefficients / 2, products=ridge.products / 2
    )


def check(source: CostModel, few: Measurements, groups: np.ndarray) -> HeldOut:
    """Predictions of held-out measurements among the few, over several random splits."""
    return held_out(few, groups, lambda part: transfer(source, part), splits=CHECKS)


def closest(candidates: Sequence[DeviceProfile], few: Measurements, groups: np.ndarray) -> DeviceProfile:
    """The profile from which the few measurements are predicted best. Raises MeasurementError without candidates."""
    require_enough(few)
    if not candidates:
        raise MeasurementError("there is no profile of blocks to start from")
    errors = [np.abs(check(p.latency, few, groups).log_error).mean() for p in candidates]
    return candidates[int(np.argmin(errors))]


def require_enough(few: Measurements) -> None:
    """Raises MeasurementError where there are too few measurements to adapt a profile."""
    if len(few) < FEWEST:
        raise MeasurementError(f"{len(few)} measurements are too few to adapt a profile; at least {FEWEST} are needed")


def with_few_shot_errors(model: CostModel, held: HeldOut) -> CostModel:
    """Errors as the held-out few show them, twice that for kinds not among them, and nowhere below the source's."""
    sigma = robust_sigma(held.log_error)
    seen = set(held.kind.tolist())
    models = {}
    for kind, m in model.models.items():
        own = max(sigma if kind in seen else 2 * sigma, m.sigma)
        models[kind] = replace(m, sigma=own, sigma_outside=max(m.sigma_outside, 2 * own))
    return replace(model, models=models)
