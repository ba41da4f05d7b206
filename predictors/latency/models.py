"""Models of a unit's cost from its features, as plain data.

A :class:`UnitModel` multiplies a *base* that is right in kind everywhere (:class:`Additive`: a non-negative price per
multiply-accumulate and byte of each class; :class:`Roofline`) by *corrections* that are right where measurements were
(:class:`Ridge` and :class:`Trees`, logarithms of a ratio)::

    ms(x) = base(x) exp(sum_i correction_i(clip(x, measured range)))

Outside the measured range the base goes on and the corrections stand still; the model then says so and by how much it
trusts itself less. Costs are milliseconds, or millijoules where a profile models energy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from predictors.latency import reading
from predictors.latency.features import FEATURES, INDEX, PRODUCT_CLASSES, SUMS, select
from predictors.latency.trees import Trees
from search_spaces.operators import FloatArray

__all__ = ["Additive", "Base", "Correction", "Ridge", "Roofline", "Trees", "UnitModel"]

MAX_LOG = 20.0
"""Corrections are held within exp(±20), so that no profile can make an infinite cost."""
SMALLEST = 1e-9
"""No unit that runs costs less, in milliseconds."""
UNSEEN = 0.7
"""Relative error of what a kind never showed and only the common price covers: half or double is no surprise."""
TOLERANCE = 1e-6
"""Relative slack at the edge of a measured range."""


@dataclass(frozen=True)
class Additive:
    """``intercept + sum_f coefficient_f x_f``, all non-negative: every unit's cost is the sum of its parts'."""

    features: tuple[str, ...]
    coefficients: FloatArray
    intercept: float
    name: ClassVar[str] = "additive"

    def cost(self, x: FloatArray) -> FloatArray:
        """Costs for features of shape (units, FEATURES), shape (units,)."""
        return self.intercept + select(x, self.features) @ self.coefficients

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        prices = dict(zip(self.features, reading.compact(self.coefficients), strict=True))
        return {"intercept": self.intercept, "prices": prices}

    @classmethod
    def from_dict(cls, where: str, data: Any) -> Additive:
        """Read and check :meth:`to_dict`'s data. Raises ProfileError."""
        d = reading.mapping(where, data, ("intercept", "prices"))
        prices = reading.mapping(f"{where}.prices", d["prices"])
        names = reading.names(f"{where}.prices", list(prices), SUMS)
        values = [reading.number(f"{where}.prices.{n}", prices[n], 0.0) for n in names]
        return cls(names, np.array(values), reading.number(f"{where}.intercept", d["intercept"], 0.0))


@dataclass(frozen=True)
class Roofline:
    """``max(macs / peak, bytes / bandwidth) + overhead x operators``: three numbers of a datasheet."""

    macs_per_s: float
    bytes_per_s: float
    overhead_s: float
    name: ClassVar[str] = "roofline"

    def cost(self, x: FloatArray) -> FloatArray:
        """Milliseconds for features of shape (units, FEATURES), shape (units,)."""
        macs, moved, weights, operators = select(x, ("macs", "moved", "weights", "operators")).T
        busy = np.maximum(macs / self.macs_per_s, (moved + weights) / self.bytes_per_s)
        return 1e3 * (busy + self.overhead_s * operators)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"macs_per_s": self.macs_per_s, "bytes_per_s": self.bytes_per_s, "overhead_s": self.overhead_s}

    @classmethod
    def from_dict(cls, where: str, data: Any) -> Roofline:
        """Read and check :meth:`to_dict`'s data. Raises ProfileError."""
        d = reading.mapping(where, data, ("macs_per_s", "bytes_per_s", "overhead_s"))
        peak, bandwidth = (
            reading.number(f"{where}.{key}", d[key], 0.0, above=True) for key in ("macs_per_s", "bytes_per_s")
        )
        return cls(peak, bandwidth, reading.number(f"{where}.overhead_s", d["overhead_s"], 0.0))


@dataclass(frozen=True)
class Ridge:
    """A quadratic form in standardised logarithms ``z = (ln(1 + x) - center) / scale``.

    ``intercept + sum_j coefficients_j z_j + sum_p products_p z_a z_b`` over the ``pairs`` (a, b) of features. Where
    there is a ``reach``, shape (2, features), z is first held between its rows.
    """

    features: tuple[str, ...]
    center: FloatArray
    scale: FloatArray
    intercept: float
    coefficients: FloatArray
    pairs: NDArray[np.int64]
    products: FloatArray
    reach: FloatArray | None = None
    name: ClassVar[str] = "ridge"

    def log(self, x: FloatArray) -> FloatArray:
        """Logarithms for features of shape (units, FEATURES), shape (units,)."""
        z = (np.log1p(select(x, self.features)) - self.center) / self.scale
        if self.reach is not None:
            z = np.clip(z, self.reach[0], self.reach[1])
        squares = z[:, self.pairs[:, 0]] * z[:, self.pairs[:, 1]]
        return self.intercept + z @ self.coefficients + squares @ self.products

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "features": list(self.features), "center": reading.compact(self.center),
            "scale": reading.compact(self.scale), "intercept": self.intercept,
            "coefficients": reading.compact(self.coefficients), "pairs": self.pairs.ravel().tolist(),
            "products": reading.compact(self.products),
            "reach": None if self.reach is None else reading.compact(self.reach),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, where: str, data: Any) -> Ridge:
        """Read and check :meth:`to_dict`'s data. Raises ProfileError."""
        keys = ("features", "center", "scale", "intercept", "coefficients", "pairs", "products")
        d = reading.mapping(where, data, keys, ("reach",))
        names = reading.names(f"{where}.features", d["features"], FEATURES)
        n = len(names)
        given = d.get("reach")
        reach = None if given is None else reading.numbers(f"{where}.reach", given, 2 * n).reshape(2, n)
        products = reading.numbers(f"{where}.products", d["products"])
        pairs = reading.numbers(f"{where}.pairs", d["pairs"], 2 * len(products), 0, max(n - 1, 0)).astype(np.int64)
        return cls(
            names, reading.numbers(f"{where}.center", d["center"], n),
            reading.numbers(f"{where}.scale", d["scale"], n, 1e-12),
            reading.number(f"{where}.intercept", d["intercept"]),
            reading.numbers(f"{where}.coefficients", d["coefficients"], n), pairs.reshape(-1, 2), products, reach,
        )  # fmt: skip


Base = Additive | Roofline
Correction = Ridge | Trees
BASES: dict[str, type[Base]] = {Additive.name: Additive, Roofline.name: Roofline}
CORRECTIONS: dict[str, type[Correction]] = {Ridge.name: Ridge, Trees.name: Trees}


@dataclass(frozen=True)
class UnitModel:
    """The cost of units of one kind; see the module's docstring.

    ``ranges`` maps features to the (lowest, highest) values measured; ``sigma`` is the relative standard error of a
    unit inside them, from held-out measurements, and ``sigma_outside`` that of a unit outside.
    """

    base: Base
    corrections: tuple[Correction, ...]
    ranges: Mapping[str, tuple[float, float]]
    sigma: float
    sigma_outside: float

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
        columns = np.array([INDEX[name] for name in self.ranges], dtype=np.int64)
        bounds = np.array(list(self.ranges.values()), dtype=np.float64).reshape(-1, 2)
        return columns, bounds[:, 0], bounds[:, 1]

    def cost(self, x: FloatArray) -> FloatArray:
        """Costs for features of shape (units, FEATURES), shape (units,); positive."""
        log = np.zeros(len(x))
        if self.corrections:
            columns, low, high = self._bounds
            inside = x.copy()
            inside[:, columns] = np.clip(x[:, columns], low, high)
            for correction in self.corrections:
                log += correction.log(inside)
        return np.maximum(self.base.cost(x) * np.exp(np.clip(log, -MAX_LOG, MAX_LOG)), SMALLEST)

    def outside(self, x: FloatArray) -> NDArray[np.bool_]:
        """Which features (in the order of ``ranges``) lie outside what was measured, shape (units, ranges)."""
        columns, low, high = self._bounds
        values = x[:, columns]
        return np.asarray((values < low * (1 - TOLERANCE)) | (values > high * (1 + TOLERANCE)))

    def error(self, x: FloatArray) -> FloatArray:
        """Relative standard error of each unit, shape (units,): larger outside, and by the share of unseen products."""
        known = np.where(self.outside(x).any(axis=1), self.sigma_outside, self.sigma)
        return np.hypot(known, UNSEEN * self._unseen_share(x))

    def _unseen_share(self, x: FloatArray) -> FloatArray:
        """The share of the base's cost in classes of products that no measured unit had, shape (units,)."""
        unseen = [c for c in PRODUCT_CLASSES if self.ranges.get(f"macs_{c}", (0.0, 1.0))[1] == 0]
        columns = [INDEX[n] for n in SUMS if any(c in n.split("_") for c in unseen)]
        if not columns or not x[:, columns].any() or isinstance(self.base, Roofline):
            return np.zeros(len(x))
        without = x.copy()
        without[:, columns] = 0.0
        return 1.0 - self.base.cost(without) / np.maximum(self.base.cost(x), SMALLEST)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "base": {self.base.name: self.base.to_dict()},
            "corrections": [{c.name: c.to_dict()} for c in self.corrections],
            "ranges": {name: reading.compact(bounds) for name, bounds in self.ranges.items()},
            "sigma": self.sigma, "sigma_outside": self.sigma_outside,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, where: str, data: Any) -> UnitModel:
        """Read and check :meth:`to_dict`'s data. Raises ProfileError."""
        d = reading.mapping(where, data, ("base", "corrections", "ranges", "sigma", "sigma_outside"))
        if not isinstance(d["corrections"], list):
            raise reading.fail(f"{where}.corrections", "a list", d["corrections"])
        corrections = [_one(f"{where}.corrections[{i}]", c, CORRECTIONS) for i, c in enumerate(d["corrections"])]
        ranges = {name: _range(f"{where}.ranges.{name}", r) for name, r in _ranges(where, d["ranges"]).items()}
        return cls(
            _one(f"{where}.base", d["base"], BASES), tuple(corrections), ranges,
            reading.number(f"{where}.sigma", d["sigma"], 0.0, 10.0),
            reading.number(f"{where}.sigma_outside", d["sigma_outside"], 0.0, 10.0),
        )  # fmt: skip


def _one(where: str, data: Any, known: Mapping[str, Any]) -> Any:
    """``{"ridge": {...}}`` read by the class of that name."""
    d = reading.mapping(where, data)
    if len(d) != 1:
        raise reading.fail(where, f"an object with one of {', '.join(known)}", data)
    name = reading.text(where, next(iter(d)), known)
    return known[name].from_dict(f"{where}.{name}", d[name])


def _ranges(where: str, data: Any) -> dict[str, Any]:
    found = reading.mapping(f"{where}.ranges", data)
    reading.names(f"{where}.ranges", list(found), FEATURES)
    return found


def _range(where: str, data: Any) -> tuple[float, float]:
    low, high = reading.numbers(where, data, 2, 0.0)
    if low > high:
        raise reading.fail(where, "[lowest, highest]", data)
    return float(low), float(high)
