"""Bayesian linear regression with two groups of features, averaged over its prior's scales by their evidence.

    t = b + X_1 beta_1 + X_2 beta_2 + noise,   beta_1 ~ N(0, a),  beta_2 ~ N(0, a v / F_2),  noise ~ N(0, s)

X is standardised on the labelled rows, and so are the targets t, after values further than 3 robust standard deviations
from the median are moved there: one failed training must not turn the line. Instead of one (a, v, s), all of a small
grid are used, each weighted by its marginal likelihood; v = 0 (the second group plays no part) is one of them.

Shapes: n labelled rows, m others, F features, G combinations of the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from search_spaces.operators import FloatArray

SCALES = (0.3, 1.0)
WEAK = (0.0, 0.03, 0.1, 0.3, 1.0)
NOISE = (0.1, 0.3, 1.0, 3.0)
ROBUST_LIMIT = 3.0
MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Regression:
    """A fitted model: ``predict(features)``."""

    mean: FloatArray
    scale: FloatArray
    coefficients: FloatArray
    intercept: float

    @classmethod
    def fit(cls, features: FloatArray, targets: FloatArray, strong: int) -> Regression:
        """``features`` of shape (n, F), of which the first ``strong`` are the first group; ``targets``, shape (n,)."""
        mean, scale = features.mean(0), _positive(features.std(0))
        x, t = (features - mean) / scale, winsorised(targets)
        centre, spread = float(t.mean()), float(_positive(t.std()))
        coefficients = _averaged(x, (t - centre) / spread, strong)
        return cls(mean, scale, coefficients[:-1] * spread, centre + float(coefficients[-1]) * spread)

    def predict(self, features: FloatArray) -> FloatArray:
        """Targets of other rows, shape (m,)."""
        return np.asarray((features - self.mean) / self.scale @ self.coefficients + self.intercept, dtype=np.float64)


def winsorised(targets: FloatArray) -> FloatArray:
    """Targets with outliers moved to 3 robust standard deviations from the median."""
    middle = np.median(targets)
    spread = MAD_TO_SD * np.median(np.abs(targets - middle)) or targets.std()
    return np.clip(targets, middle - ROBUST_LIMIT * spread, middle + ROBUST_LIMIT * spread)


def _positive(values: FloatArray) -> FloatArray:
    """Constant columns carry nothing; they must not divide by zero."""
    return np.where(values > 1e-12, values, 1.0)


def _averaged(x: FloatArray, t: FloatArray, strong: int) -> FloatArray:
    """Posterior mean of (beta, b), averaged over the grid of G priors, shape (F + 1,)."""
    n, weak = len(x), x.shape[1] - strong
    design = np.column_stack([x, np.ones(n)])
    grid = list(product(SCALES, WEAK if weak else (0.0,), NOISE))
    prior_GF = np.array([[a] * strong + [a * v / max(weak, 1)] * weak + [1.0] for a, v, _ in grid])
    noise_G = np.array([s for _, _, s in grid])
    covariance_Gnn = (design * prior_GF[:, None]) @ design.T + noise_G[:, None, None] * np.eye(n)
    solved_Gn = np.linalg.solve(covariance_Gnn, np.broadcast_to(t[:, None], (len(grid), n, 1)))[..., 0]
    log_evidence = -0.5 * solved_Gn @ t - 0.5 * np.linalg.slogdet(covariance_Gnn).logabsdet
    weights = np.exp(log_evidence - log_evidence.max())
    return np.asarray(np.average(prior_GF * (solved_Gn @ design), axis=0, weights=weights), dtype=np.float64)
