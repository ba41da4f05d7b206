"""Fitting: ridge regression on logarithms, its penalty chosen by leaving out one measurement at a time."""

from __future__ import annotations

import numpy as np

from predictors.latency.features import select
from predictors.latency.models import Ridge
from search_spaces.operators import FloatArray

PENALTIES = tuple(10.0**p for p in np.arange(-3, 4.1, 0.5))


def fit_ridge(x: FloatArray, log_ratio: FloatArray, features: tuple[str, ...], *, per_product: float = 4.0) -> Ridge:
    """A form in the logarithms of the features for ``log_ratio``, shape (n,); it stands still beyond what ``x`` spans.

    Quadratic where there are at least ``per_product`` measurements for each of its coefficients.
    """
    logs = np.log1p(select(x, features))
    center, scale = logs.mean(axis=0), np.maximum(logs.std(axis=0), 1e-6)
    z = (logs - center) / scale
    n = len(features)
    pairs = np.array([(a, b) for a in range(n) for b in range(a, n)], dtype=np.int64).reshape(-1, 2)
    if len(x) < per_product * (len(pairs) + n):
        pairs = pairs[:0]
    columns = np.column_stack([z, z[:, pairs[:, 0]] * z[:, pairs[:, 1]]])
    mean = columns.mean(axis=0)
    found = solve_ridge(columns - mean, log_ratio - log_ratio.mean())
    intercept = float(log_ratio.mean() - mean @ found)
    reach = np.stack([z.min(axis=0), z.max(axis=0)])
    return Ridge(features, center, scale, intercept, found[:n], pairs, found[n:], reach)


def solve_ridge(columns: FloatArray, target: FloatArray) -> FloatArray:
    """Coefficients of centred ``columns`` for centred ``target``, with the penalty of least leave-one-out error."""
    u, s, vt = np.linalg.svd(columns, full_matrices=False)
    along = u.T @ target
    best, chosen = np.inf, np.zeros(columns.shape[1])
    for penalty in PENALTIES:
        shrink = s**2 / (s**2 + penalty)
        leverage = (u**2) @ shrink + 1 / len(target)
        error = float(np.mean(((target - u @ (shrink * along)) / np.maximum(1 - leverage, 1e-3)) ** 2))
        if error < best:
            best, chosen = error, vt.T @ (s / (s**2 + penalty) * along)
    return chosen
