"""Calibration: predicted accuracies with intervals from a handful of trained networks.

The interval is the jackknife+ (Barber et al., Annals of Statistics 2021): with R_i the error on labelled network i of
the model that has not seen it, and mu_i(x) that model's prediction for x, it reaches from the k-th smallest of
mu_i(x) - R_i to the k-th largest of mu_i(x) + R_i. It makes no assumption about errors but that labelled and predicted
networks are drawn alike.

Shapes: n labelled networks, m others, F features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from predictors.accuracy.features import STRONG
from predictors.accuracy.regression import Regression
from search_spaces.errors import NasError
from search_spaces.operators import FloatArray

MINIMUM = 10
"""Labelled networks below which nothing is fitted: with fewer than 9 no 90 % interval is bounded."""
COVERAGE = 0.9


@dataclass(frozen=True)
class Prediction:
    """Predicted accuracies and the ends of their intervals, shape (m,) each, in the unit of the labels."""

    accuracy: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class Check:
    """How well the labelled networks are predicted by models that have not seen them.

    ``tau``: Kendall's tau-b of predictions and accuracies, beside ``params_tau``, that of the number of parameters;
    ``error``: mean absolute error, beside ``constant_error``, that of always saying the others' mean.
    """

    networks: int
    tau: float
    params_tau: float
    error: float
    constant_error: float


@dataclass(frozen=True)
class Calibration:
    """Labelled networks and what is predicted from them. Make one with :meth:`fit`."""

    features: FloatArray
    accuracy: FloatArray
    strong: int = STRONG

    @classmethod
    def fit(cls, features: FloatArray, accuracy: FloatArray, strong: int = STRONG) -> Calibration:
        """``features`` of shape (n, F) with the ``strong`` ones first, ``accuracy`` of shape (n,), n >= MINIMUM.

        Raises NasError for too few networks, for numbers that are not finite and for accuracies that are all equal.
        """
        x, y = np.asarray(features, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
        if x.ndim != 2 or y.shape != (len(x),):
            raise NasError(f"features (n, F) and accuracies (n,) do not fit: {x.shape} and {y.shape}")
        if len(y) < MINIMUM:
            raise NasError(f"a calibration needs at least {MINIMUM} trained networks, got {len(y)}")
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise NasError("features and accuracies must be finite numbers")
        if np.ptp(y) == 0:
            raise NasError(f"all {len(y)} accuracies are {y[0]:g}: there is nothing to tell the networks apart by")
        return cls(x, y, strong)

    def predict(self, features: FloatArray, coverage: float = COVERAGE) -> Prediction:
        """Accuracies of other networks, ``features`` of shape (m, F), with intervals of the given coverage."""
        x = np.asarray(features, dtype=np.float64)
        seen_without = np.stack([model.predict(x) for model in self._without_each])
        low = _order_statistic(-(seen_without - self._errors[:, None]), coverage)
        high = _order_statistic(seen_without + self._errors[:, None], coverage)
        return Prediction(self._model.predict(x), -low, high)

    def check(self, params: FloatArray) -> Check:
        """The leave-one-out check; ``params`` of the labelled networks, shape (n,), stand beside it."""
        n, total = len(self.accuracy), self.accuracy.sum()
        others_mean = (total - self.accuracy) / (n - 1)
        return Check(
            n, kendall_tau(self._left_out, self.accuracy), kendall_tau(np.asarray(params, float), self.accuracy),
            float(self._errors.mean()), float(np.abs(others_mean - self.accuracy).mean()),
        )  # fmt: skip

    @cached_property
    def _model(self) -> Regression:
        return Regression.fit(self.features, self.accuracy, self.strong)

    @cached_property
    def _without_each(self) -> list[Regression]:
        """The model without labelled network i, for every i."""
        n = len(self.accuracy)
        kept = [np.arange(n) != i for i in range(n)]
        return [Regression.fit(self.features[k], self.accuracy[k], self.strong) for k in kept]

    @cached_property
    def _left_out(self) -> FloatArray:
        """Each labelled network as predicted without it, shape (n,)."""
        pairs = zip(self._without_each, self.features, strict=True)
        return np.array([model.predict(row[None])[0] for model, row in pairs])

    @cached_property
    def _errors(self) -> FloatArray:
        return np.abs(self._left_out - self.accuracy)


def _order_statistic(values: FloatArray, coverage: float) -> FloatArray:
    """The ceil(coverage (n + 1))-th smallest of each column of (n, m); infinite where n is too small for it."""
    n = len(values)
    rank = math.ceil(coverage * (n + 1) - 1e-9)
    return np.sort(values, axis=0)[rank - 1] if rank <= n else np.full(values.shape[1], np.inf)


def kendall_tau(x: FloatArray, y: FloatArray) -> float:
    """Kendall's tau-b of two arrays of shape (n,); 0 where one of them is constant."""
    sx, sy = (np.sign(v[:, None] - v[None, :]) for v in (x, y))
    norm = math.sqrt((sx**2).sum() * (sy**2).sum())
    return float((sx * sy).sum() / norm) if norm else 0.0
