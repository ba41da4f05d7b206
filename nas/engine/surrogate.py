"""A predictor of an expensive objective, fitted to the few architectures that were evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces import SearchSpace
from search_spaces.space import Genomes

PRICES = ("macs", "params")
FOLDS = 10
FEWEST = 10
"""Evaluations below which an error would say nothing."""


@dataclass(frozen=True)
class HeldOutError:
    """How far a predictor is off on ``n`` evaluations, each predicted by a fit to those of the other folds.

    ``mae``: mean absolute error, in the objective's unit; ``mae_of_mean``: that of predicting the others' mean.
    ``tau``: Kendall's tau-b between predicted and measured, None where one of them is constant.
    """

    n: int
    folds: int
    mae: float
    mae_of_mean: float
    tau: float | None


class Surrogate:
    """A Gaussian process on the genes (each from 0 to 1) and the logarithms of MACs and parameters."""

    def __init__(self, space: SearchSpace, genomes: Genomes, values: NDArray[np.float64], seed: int) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

        self._space = space
        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(2.0, (0.3, 30.0)) + WhiteKernel(0.1, (1e-4, 1.0))
        self._model: Any = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=1, random_state=seed)
        self._model.fit(self._features(genomes), values)

    def _features(self, genomes: Genomes) -> NDArray[np.float64]:
        prices = self._space.price(genomes, PRICES)
        logs = [np.log(prices[q] / self._space.bounds(q)[0]) for q in PRICES]
        spans = [max(np.log(self._space.bounds(q)[1] / self._space.bounds(q)[0]), 1e-9) for q in PRICES]
        scaled = [log / span for log, span in zip(logs, spans, strict=True)]
        genes = genomes / np.maximum(self._space.cardinalities - 1, 1)
        return np.concatenate([genes, np.stack(scaled, axis=1)], axis=1)

    def __call__(self, genomes: Genomes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(mean, standard deviation) of the prediction, each of shape (N,)."""
        mean, spread = self._model.predict(self._features(genomes), return_std=True)
        return mean, spread


def held_out_error(space: SearchSpace, genomes: Genomes, values: NDArray[np.float64], seed: int) -> HeldOutError | None:
    """The error of :class:`Surrogate` by cross-validation over all evaluations; None where there are too few."""
    from scipy.stats import kendalltau

    n = len(values)
    if n < FEWEST:
        return None
    folds = np.random.default_rng([seed, n]).permutation(n) % FOLDS
    predicted, means = np.empty(n), np.empty(n)
    for fold in range(FOLDS):
        out = folds == fold
        predicted[out] = Surrogate(space, genomes[~out], values[~out], seed)(genomes[out])[0]
        means[out] = values[~out].mean()
    tau = float(kendalltau(predicted, values).statistic)
    return HeldOutError(
        n, FOLDS, round(float(np.abs(predicted - values).mean()), 6), round(float(np.abs(means - values).mean()), 6),
        None if np.isnan(tau) else round(tau, 4),
    )  # fmt: skip
