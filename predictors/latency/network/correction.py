"""From a sum of units to a network: a correction learned from networks that were timed only as a whole.

Members are forests, each fitted without some of the families; their mean corrects, their disagreement says how much
the answer hangs on having seen a network's relatives. The correction depends on the whole network and is not additive:
look-ups over stages use :meth:`DeviceProfile.additive` instead, with that one's wider interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.latency import reading
from predictors.latency.network.features import NETWORK_FEATURES, NETWORK_INDEX, network_features
from predictors.latency.trees import Trees
from predictors.latency.units import Units
from search_spaces.operators import FloatArray

MAX_LOG = 3.0
"""A correction stays within a factor of exp(±3)."""
MAX_MEMBERS = 64
NAMED = 3
"""Features named in a warning."""


@dataclass(frozen=True)
class Corrected:
    """For each architecture, arrays of shape (size,): by which ``factor`` its sum of units is multiplied, the relative
    standard ``error`` of the result, and whether it lies ``inside`` of what the correction was fitted on."""

    factor: FloatArray
    error: FloatArray
    inside: NDArray[np.bool_]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class NetworkCorrection:
    """See the module's docstring.

    ``ranges`` maps network features to the (lowest, highest) values fitted on. The relative standard error is
    ``sqrt(sigma^2 + (doubt d)^2)`` with ``d`` the standard deviation of the members' logarithms, and at least
    ``sigma_outside`` outside of the ranges; all three come from networks held out by architecture and by family.
    """

    members: tuple[Trees, ...]
    ranges: Mapping[str, tuple[float, float]]
    sigma: float
    doubt: float
    sigma_outside: float

    def correct(self, units: Units, x: FloatArray, ms: FloatArray) -> Corrected:
        """Correct the sums of ``ms`` (of units with features ``x``, shape (units, FEATURES)) by architecture."""
        z = network_features(units, x, ms)
        logs = self.logs(z)
        outside = self.outside(z)
        beyond = np.asarray(outside.any(axis=1))
        error = np.hypot(self.sigma, self.doubt * logs.std(axis=0))
        error = np.where(beyond, np.maximum(error, self.sigma_outside), error)
        return Corrected(np.exp(logs.mean(axis=0)), error, ~beyond, self._warnings(z, outside))

    def logs(self, z: FloatArray) -> FloatArray:
        """Each member's logarithm of the correction for network features ``z``, shape (members, size)."""
        members = [m.evaluate(z[:, [NETWORK_INDEX[name] for name in m.features]]) for m in self.members]
        return np.clip(np.stack(members), -MAX_LOG, MAX_LOG)

    def outside(self, z: FloatArray) -> NDArray[np.bool_]:
        """Which features (in the order of ``ranges``) lie outside of what was fitted on, shape (size, ranges)."""
        values = z[:, [NETWORK_INDEX[name] for name in self.ranges]]
        low, high = np.array(list(self.ranges.values())).reshape(-1, 2).T
        return np.asarray((values < low - 1e-6) | (values > high + 1e-6))

    def _warnings(self, z: FloatArray, outside: NDArray[np.bool_]) -> tuple[str, ...]:
        names = [name for name, some in zip(self.ranges, np.any(outside, axis=0), strict=True) if some]
        if not names:
            return ()
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        said = "; ".join(self._out(name, z[:, NETWORK_INDEX[name]]) for name in names[:NAMED])
        return (f"network: unlike those that were timed: {said}{more}",)

    def _out(self, name: str, values: FloatArray) -> str:
        low, high = self.ranges[name]
        worst = values[int(np.argmax(np.maximum(low - values, values - high)))]
        return f"{NETWORK_FEATURES[name]} {worst:.3g} ({low:.3g} to {high:.3g})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "members": [m.to_dict() for m in self.members],
            "ranges": {name: reading.compact(bounds) for name, bounds in self.ranges.items()},
            "sigma": self.sigma, "doubt": self.doubt, "sigma_outside": self.sigma_outside,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, where: str, data: Any) -> NetworkCorrection:
        """Read and check :meth:`to_dict`'s data. Raises ProfileError."""
        d = reading.mapping(where, data, ("members", "ranges", "sigma", "doubt", "sigma_outside"))
        if not isinstance(d["members"], list) or not 1 <= len(d["members"]) <= MAX_MEMBERS:
            raise reading.fail(f"{where}.members", f"a list of 1 to {MAX_MEMBERS} forests", d["members"])
        members = [Trees.from_dict(f"{where}.members[{i}]", m, NETWORK_FEATURES) for i, m in enumerate(d["members"])]
        bounds = reading.mapping(f"{where}.ranges", d["ranges"])
        ranges = {name: _range(f"{where}.ranges.{name}", bounds[name]) for name in _known(f"{where}.ranges", bounds)}
        return cls(
            tuple(members), ranges, reading.number(f"{where}.sigma", d["sigma"], 0.0, 10.0),
            reading.number(f"{where}.doubt", d["doubt"], 0.0, 100.0),
            reading.number(f"{where}.sigma_outside", d["sigma_outside"], 0.0, 10.0),
        )  # fmt: skip


def _known(where: str, bounds: Mapping[str, Any]) -> tuple[str, ...]:
    return reading.names(where, list(bounds), NETWORK_FEATURES)


def _range(where: str, data: Any) -> tuple[float, float]:
    low, high = reading.numbers(where, data, 2)
    if low > high:
        raise reading.fail(where, "[lowest, highest]", data)
    return float(low), float(high)
