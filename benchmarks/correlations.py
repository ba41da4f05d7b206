"""Rank correlations with bootstrap intervals over networks, vectorised.

Shapes: n networks, R bootstrap resamples, T tasks. A resample is a row of counts, so with S the matrix of pairwise
signs, the sums that tau is made of are quadratic forms: sum_ij w_i w_j Sx_ij Sy_ij = w' (Sx * Sy) w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % percentile bootstrap interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: Array, resampled: Array) -> Estimate:
        """From a value and its resamples, shape (R,)."""
        low, high = np.nanpercentile(resampled, [2.5, 97.5])
        return cls(*(round(float(v), 3) for v in (value, low, high)))

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def resamples(n: int, count: int = 2000, seed: int = 0) -> Array:
    """Counts of each network in the whole sample (row 0) and in ``count`` bootstrap resamples, shape (count + 1, n)."""
    draws = np.random.default_rng(seed).integers(0, n, (count, n))
    counts = np.stack([np.bincount(draw, minlength=n) for draw in draws])
    return np.concatenate([np.ones((1, n)), counts]).astype(float)


def kendall(x: Array, y: Array, counts: Array) -> Array:
    """Tau-b of x and y, shape (n,), on each resample, shape (R + 1,); networks with a NaN in either are left out."""
    known = np.isfinite(x) & np.isfinite(y)
    sx, sy = (np.sign(v[known][:, None] - v[known][None, :]) for v in (x, y))
    w = counts[:, known]
    both, first, second = (np.einsum("ri,ij,rj->r", w, s, w, optimize=True) for s in (sx * sy, sx * sx, sy * sy))
    with np.errstate(invalid="ignore", divide="ignore"):
        return both / np.sqrt(first * second)


def mean_kendall(x: Array, tasks: Array, counts: Array) -> Array:
    """Mean over tasks, shape (T, n), of :func:`kendall` on the same resamples, shape (R + 1,)."""
    return np.mean([kendall(x, y, counts) for y in tasks], axis=0)


def spearman(x: Array, y: Array, counts: Array) -> Array:
    """Spearman's rho of x and y, shape (n,), on each resample, shape (R + 1,); networks with a NaN are left out."""
    known = np.isfinite(x) & np.isfinite(y)
    places = [np.repeat(np.arange(known.sum()), row.astype(int)) for row in counts[:, known]]
    pairs = [(rankdata(x[known][p]), rankdata(y[known][p])) for p in places]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.array([np.corrcoef(a, b)[0, 1] for a, b in pairs])
