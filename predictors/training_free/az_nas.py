"""AZ-NAS: its four proxies, and how it makes one ranking of a population out of them.

    s = sum over components of ln(rank / m),   ranks 1 (worst) to m (best) among the m networks

(Lee and Ham, CVPR 2024; written from the formula alone.) The logarithm lets a bad rank in one component weigh more than
a good one in another. Ranks are those among the networks given, so s changes as the population grows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from predictors.training_free.registry import get_proxy
from search_spaces.errors import NasError

COMPONENTS = ("az_expressivity", "az_progressivity", "az_trainability", "az_complexity")


def aggregate_ranks(scores: Mapping[str, Sequence[float | None]]) -> NDArray[np.float64]:
    """s of each of m networks, shape (m,), higher is better, from their values by proxy.

    Every proxy ranks in its own direction. Equal values share their mean rank. A network without a value (None, NaN)
    is the worst by that proxy, together with the others that have none. Raises NasError where the lengths differ,
    UnknownName for an unknown proxy.
    """
    lengths = {len(values) for values in scores.values()}
    if len(lengths) != 1:
        raise NasError(f"each proxy needs one value per network, got lengths {sorted(lengths)}")
    terms = [np.log(_ranks(_signed(name, values)) / len(values)) for name, values in scores.items()]
    return np.asarray(np.sum(terms, axis=0), dtype=np.float64)


def _signed(name: str, values: Sequence[float | None]) -> NDArray[np.float64]:
    """Higher is better; what has no value is minus infinity."""
    found = np.array([np.nan if v is None else v for v in values], dtype=float)
    signed = found if get_proxy(name).direction == "max" else -found
    return np.where(np.isnan(found), -np.inf, signed)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, ties at their mean."""
    below = (values[:, None] > values[None, :]).sum(1)
    equal = (values[:, None] == values[None, :]).sum(1)
    return np.asarray(below + (equal + 1) / 2, dtype=np.float64)
