"""Order statistics of repeated timings: the median with its confidence interval, two modes, a trend."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
LEAST_FOR_INTERVAL = 6
"""With fewer repeats no pair of order statistics encloses the median with 95 % confidence."""
MODE_GAP, MODE_SHARE = 0.05, 0.2
TREND_CHANGE, TREND_SCORE = 0.03, 3.0


def median_interval(samples: ArrayLike, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """(median, low, high) of independent timings, without any assumption on their distribution.

    The number of samples below the true median is binomial(n, 1/2), so two order statistics enclose it. Fewer than
    :data:`LEAST_FOR_INTERVAL` samples give their extremes.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    rank = interval_rank(len(ordered), confidence)
    return float(np.median(ordered)), float(ordered[rank]), float(ordered[-1 - rank])


def interval_rank(n: int, confidence: float = CONFIDENCE) -> int:
    """Largest k such that the k-th smallest and k-th largest of n (from 0) enclose the median with ``confidence``."""
    tail, cumulative, rank = (1.0 - confidence) / 2, 0.0, -1
    for k in range(n // 2 + 1):
        cumulative += math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2))
        if cumulative > tail:
            break
        rank = k
    return max(rank, 0)


def half_width(samples: ArrayLike) -> float:
    """Half of the interval of :func:`median_interval`, relative to the median; infinite for too few samples."""
    values = np.asarray(samples, dtype=np.float64)
    if len(values) < LEAST_FOR_INTERVAL:
        return math.inf
    median, low, high = median_interval(values)
    return (high - low) / 2 / median if median > 0 else math.inf


def is_bimodal(samples: ArrayLike) -> bool:
    """Whether the timings fall into two groups: a gap of 5 % of the median with a fifth of them on either side."""
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    edge = math.ceil(MODE_SHARE * len(ordered))
    if len(ordered) < 10:
        return False
    inner: NDArray[np.float64] = ordered[edge - 1 : len(ordered) - edge + 1]
    return bool(np.max(np.diff(inner), initial=0.0) > MODE_GAP * np.median(ordered))


def trend(samples: ArrayLike) -> float:
    """Relative change from the first to the last third of the timings, in order; 0 where it may well be chance.

    Chance is judged by the rank correlation with time, whose standard error is 1 / sqrt(n - 1).
    """
    values = np.asarray(samples, dtype=np.float64)
    n = len(values)
    if n < 9:
        return 0.0
    ranks = np.argsort(np.argsort(values, kind="stable")).astype(np.float64)
    rho = np.corrcoef(np.arange(n), ranks)[0, 1] if np.ptp(values) > 0 else 0.0
    change = float(np.median(values[-(n // 3) :]) / np.median(values[: n // 3]) - 1.0)
    sure = abs(rho) * math.sqrt(n - 1) > TREND_SCORE and abs(change) > TREND_CHANGE
    return change if sure else 0.0
