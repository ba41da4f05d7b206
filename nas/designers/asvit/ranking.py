"""Which candidate is best by LE and NTK together (reference: ``search/grow.py``), with two of its defects mended.

The released code ranks densely, NTK ascending and LE descending, and takes the smallest sum. Of candidates that tie it
lets the metric that spreads more decide, but (1) it stops collecting ties after the second one and (2) takes the
smallest value of that metric, which is the worst where it is LE. Here all that tie compete, for the largest LE.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FAILED_RANK = 1_000_000
"""A candidate without a value is behind all others, in any sum."""

Values = Sequence[float | None]


def dense_ranks(values: Values) -> NDArray[np.int64]:
    """Ranks 0, 1, .. ascending, equal values sharing one; FAILED_RANK where there is no value. Shape (N,)."""
    known = sorted({v for v in values if v is not None})
    place = {v: i for i, v in enumerate(known)}
    return np.array([FAILED_RANK if v is None else place[v] for v in values], dtype=np.int64)


def rank_sums(le: Values, ntk: Values) -> NDArray[np.int64]:
    """Rank by LE (largest first) and by NTK (smallest first), added. Smaller is better. Shape (N,)."""
    return dense_ranks([None if v is None else -v for v in le]) + dense_ranks(ntk)


def best(le: Values, ntk: Values) -> int | None:
    """Index of the best candidate; None where all have failed."""
    sums = rank_sums(le, ntk)
    if not len(sums) or sums.min() >= FAILED_RANK:
        return None
    tied = [int(i) for i in np.flatnonzero(sums == sums.min())]
    lengths, conditions = ([float(values[i] or 0.0) for i in tied] for values in (le, ntk))
    if _spread(lengths) > _spread(conditions):
        return tied[int(np.argmax(lengths))]
    return tied[int(np.argmin(conditions))]


def _spread(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / max(values) if max(values) > 0 else 0.0
