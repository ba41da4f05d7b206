"""A predictor of an expensive objective, fitted to the few architectures that were evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces import SearchSpace
from search_spaces.space import Genomes

PRICES = ("macs", "params")


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
