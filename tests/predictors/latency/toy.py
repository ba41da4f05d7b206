"""Small models and profiles for tests: prices that a reader can multiply in the head."""

from __future__ import annotations

import numpy as np

from predictors.latency.costing import Calibration, CostModel
from predictors.latency.features import FEATURES
from predictors.latency.models import Additive, Ridge, Trees, UnitModel
from predictors.latency.profile import DeviceProfile
from predictors.latency.units import Fusion

WIDE = {"macs": (0.0, 1e15), "positions_in": (0.0, 1e9)}


def additive(**prices: float) -> Additive:
    """A base with these prices and no intercept."""
    return Additive(tuple(prices), np.array(list(prices.values())), 0.0)


def stump(feature: str, threshold: float, below: float, above: float) -> Trees:
    """One tree of one split."""
    return Trees(
        (feature,), np.array([0, -1, -1]), np.array([threshold, 0.0, 0.0]), np.array([1, 0, 0]),
        np.array([0.0, below, above]), np.array([0]),
    )  # fmt: skip


def ridge(feature: str, slope: float) -> Ridge:
    """``slope`` times ln(1 + feature)."""
    one = np.ones(1)
    return Ridge((feature,), 0 * one, one, 0.0, slope * one, np.zeros((0, 2), dtype=np.int64), np.zeros(0))


def profile(fusion: Fusion = "blocks", name: str = "toy", energy: bool = False) -> DeviceProfile:
    """A nanosecond per thousand MACs for everything, with corrections for feed-forward blocks."""
    base = additive(macs=1e-9, moved=1e-9)
    other = UnitModel(base, (), WIDE, 0.1, 0.4)
    ffn = UnitModel(base, (stump("c_in", 100.0, -0.1, 0.1), ridge("macs", 0.01)), {"c_in": (48.0, 320.0)}, 0.02, 0.3)
    models = {"ffn": ffn, "mbconv": other, "other": other}
    costs = CostModel(models, Calibration(1.0, 0.03))
    return DeviceProfile(
        name, "A toy", "measured", fusion, costs, hardware={"cores": 2}, energy=CostModel(models) if energy else None,
        evidence={"measurements": 10, "per_kind": {"ffn": {"mape": 0.01}}}, created="2026-01-01",
    )  # fmt: skip


def feature_rows(rng: np.random.Generator, n: int) -> np.ndarray:
    """Random features, shape (n, FEATURES)."""
    return np.exp(rng.uniform(0, 12, size=(n, len(FEATURES))))
