"""What units cost by a set of models, how sure that is, and what lies outside of what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.latency import reading
from predictors.latency.features import FEATURES, INDEX
from predictors.latency.models import UnitModel
from predictors.latency.network.correction import NetworkCorrection
from predictors.latency.units import BLOCK_KINDS, OPERATOR_KINDS, Units
from search_spaces.operators import FloatArray

OTHER = "other"
"""The model of every kind that has none of its own; its answers count as outside of what was measured."""
FREE = "parameter"
"""The kind of unit that computes nothing and costs nothing."""
MODEL_KINDS = (*(k for k in dict.fromkeys((*BLOCK_KINDS, *OPERATOR_KINDS)) if k not in (FREE, OTHER)), OTHER)
NAMED = 2
"""Features named in a warning."""
Z90 = 1.6448536269514722
"""A standard normal deviate lies within this of 0 with probability 0.9."""


@dataclass(frozen=True)
class Calibration:
    """From the sum over units to a network: ``scale`` times it, with relative standard error ``sigma``.

    That error is the network's own and does not average out over its units.
    """

    scale: float = 1.0
    sigma: float = 0.0


@dataclass(frozen=True)
class UnitCosts:
    """Cost, relative standard error and whether it was measured territory, each of shape (units,); warnings."""

    cost: FloatArray
    error: FloatArray
    inside: NDArray[np.bool_]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class CostModel:
    """One model per kind of unit, of which ``other`` serves every kind without, and the calibration of their sum.

    ``network`` corrects the sum for whole networks, where times of such were all there was to learn from.
    """

    models: Mapping[str, UnitModel]
    calibration: Calibration = Calibration()
    network: NetworkCorrection | None = None

    def units(self, units: Units, x: FloatArray) -> UnitCosts:
        """The cost of each unit, calibrated; ``x`` are its :func:`features`, shape (units, FEATURES)."""
        cost, error, inside = np.zeros(len(units)), np.zeros(len(units)), np.ones(len(units), dtype=bool)
        warnings: list[str] = []
        never: list[str] = []
        for kind in np.unique(units.kind):
            name, mask = units.kinds[kind], units.kind == kind
            if name == FREE:
                continue
            model = self.models.get(name, self.models[OTHER])
            found, index = _distinct(x[mask])
            outside = model.outside(found)
            unmeasured = name not in self.models or name == OTHER
            cost[mask], error[mask] = model.cost(found)[index], model.error(found)[index]
            if unmeasured:
                never.append(name)
                inside[mask], error[mask] = False, model.sigma_outside
            elif outside.any():
                inside[mask] = np.all(~outside[index], axis=1)
                warnings.append(f"{name}: outside of what was measured: {_named(model, found, outside)}")
        if never:
            warnings.insert(0, f"never measured, estimated from the prices of its parts: {', '.join(never)}")
        return UnitCosts(cost * self.calibration.scale, error, inside, tuple(warnings))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        calibration = {"scale": self.calibration.scale, "sigma": self.calibration.sigma}
        data = {"models": {kind: m.to_dict() for kind, m in self.models.items()}, "calibration": calibration}
        return data | ({"network": self.network.to_dict()} if self.network else {})

    @classmethod
    def from_dict(cls, where: str, data: Any) -> CostModel:
        """Read and check :meth:`to_dict`'s data. Raises ProfileError."""
        d = reading.mapping(where, data, ("models", "calibration"), ("network",))
        models = reading.mapping(f"{where}.models", d["models"], (OTHER,), MODEL_KINDS)
        c = reading.mapping(f"{where}.calibration", d["calibration"], ("scale", "sigma"))
        scale = reading.number(f"{where}.calibration.scale", c["scale"], 0.0, 1e6, above=True)
        sigma = reading.number(f"{where}.calibration.sigma", c["sigma"], 0.0, 10.0)
        read = {kind: UnitModel.from_dict(f"{where}.models.{kind}", m) for kind, m in models.items()}
        network = NetworkCorrection.from_dict(f"{where}.network", d["network"]) if "network" in d else None
        return cls(read, Calibration(scale, sigma), network)


def _short(value: float) -> str:
    return f"{value:,.0f}" if 1 <= abs(value) < 1e6 else f"{value:.3g}"


def _span(low: float, high: float) -> str:
    """``measured 48 to 320``, ``measured 16 only`` or ``never measured``."""
    if low == high:
        return f"measured {_short(low)} only" if high else "never measured"
    return f"measured {_short(low)} to {_short(high)}"


def _distinct(x: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
    """The distinct rows of ``x`` and where each row stands among them: repeated layers are priced once."""
    rows = np.ascontiguousarray(x).view(np.dtype((np.void, x.itemsize * x.shape[1]))).ravel()
    _, first, index = np.unique(rows, return_index=True, return_inverse=True)
    return x[first], index


def _named(model: UnitModel, x: FloatArray, outside: NDArray[np.bool_]) -> str:
    """The features furthest outside, with their value and the measured range."""
    texts = []
    for column, (name, (low, high)) in enumerate(model.ranges.items()):
        values = x[outside[:, column], INDEX[name]]
        if not len(values):
            continue
        ratio = np.maximum((low + 1) / (values + 1), (values + 1) / (high + 1))
        worst = int(np.argmax(ratio))
        texts.append((float(ratio[worst]), f"{FEATURES[name]} {_short(values[worst])} ({_span(low, high)})"))
    texts.sort(key=lambda t: -t[0])
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return "; ".join(text for _, text in texts[:NAMED]) + more
