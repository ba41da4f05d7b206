"""Latency (or energy) by look-up: a profile compiled into the per-stage tables of a search space.

A unit's cost depends on its rows alone and no unit crosses a part of a stage, so the sum over units is a sum over
parts, and prices like MACs: in whole nanoseconds (or nanojoules), by one gather per stage. A part's cost is rounded
once, so a network's differs from the sum of its units by half a nanosecond per part at most.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np

from predictors.latency.costing import CostModel
from predictors.latency.features import features
from predictors.latency.profile import UNITS, DeviceProfile, Quantity, interval_factor
from predictors.latency.units import Fusion, segment
from search_spaces.operators import FloatArray, IntArray, OperatorTable
from search_spaces.pricing import Cost, PriceTable
from search_spaces.space import Genomes, SearchSpace

NANO = 1e6
"""Nanoseconds in a millisecond, nanojoules in a millijoule."""


def device_cost(profile: DeviceProfile, quantity: Quantity = "latency", name: str = "") -> Cost:
    """The :class:`Cost` that a space attaches to price ``quantity`` on the profile's device, in whole nanounits.

    Raises ProfileError for energy where the profile has none.
    """
    model, fusion = profile.cost_model(quantity), profile.fusion

    def price(table: OperatorTable) -> IntArray:
        return _whole(_moments(model, fusion, table)[0] * NANO)

    return Cost(name or f"{quantity}@{profile.name}", price, UNITS[quantity], NANO)


@dataclass(frozen=True)
class LatencyTable:
    """Costs of a space's architectures on a device, by look-up. Make one with :meth:`compile`."""

    prices: PriceTable
    model: CostModel

    @classmethod
    def compile(cls, space: SearchSpace, profile: DeviceProfile, quantity: Quantity = "latency") -> LatencyTable:
        """Run the profile over the local choices of every stage. Raises ProfileError for energy without a model."""
        model = profile.cost_model(quantity)
        moments = _Moments(model, profile.fusion)
        costs = Cost("cost", lambda t: moments(t)[0]), Cost("variance", lambda t: moments(t)[1])
        priced = copy(space)
        priced.__dict__["costs"] = {}  # of its own: the caller's space keeps what it has
        priced.attach(*costs)
        return cls(PriceTable.compile(priced), model)

    def __call__(self, genomes: Genomes) -> FloatArray:
        """Milliseconds (mJ for energy) of each architecture, shape (N,)."""
        return self.prices(genomes, ("cost",))["cost"] / NANO

    def interval(self, genomes: Genomes) -> tuple[FloatArray, FloatArray]:
        """The 90 % interval of each architecture: two arrays of shape (N,)."""
        found = self.prices(genomes, ("cost", "variance"))
        total = found["cost"] / NANO
        factor = interval_factor(total, found["variance"] / NANO**2, self.model.calibration.sigma)
        return total / factor, total * factor


class _Moments:
    """Cost and variance of each architecture in whole nanounits and their squares; both of a table by one pass."""

    def __init__(self, model: CostModel, fusion: Fusion) -> None:
        self._model, self._fusion = model, fusion
        self._table: OperatorTable | None = None
        self._found: tuple[IntArray, IntArray] | None = None

    def __call__(self, table: OperatorTable) -> tuple[IntArray, IntArray]:
        if self._found is None or table is not self._table:
            cost, variance = _moments(self._model, self._fusion, table)
            self._table = table
            self._found = _whole(cost * NANO), _whole(variance * NANO**2)
        return self._found


def _whole(values: FloatArray) -> IntArray:
    return np.rint(values).astype(np.int64)


def _moments(model: CostModel, fusion: Fusion, table: OperatorTable) -> tuple[FloatArray, FloatArray]:
    """Cost of each architecture and the variance that its units' errors add up to, each of shape (size,)."""
    units = segment(table, fusion)
    costs = model.units(units, features(units))
    arch = units.arch if len(units) else np.zeros(0, dtype=np.int64)
    return (
        np.bincount(arch, costs.cost, table.size).astype(np.float64),
        np.bincount(arch, (costs.cost * costs.error) ** 2, table.size).astype(np.float64),
    )
