"""Gradient-boosted regression trees as plain arrays: evaluated with NumPy, stored as JSON, never a pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from predictors.latency import reading
from predictors.latency.features import FEATURES, select
from search_spaces.operators import FloatArray, IntArray

CHUNK = 4096
"""Units evaluated at a time: rows times trees of positions stay in the processor's cache."""


@dataclass(frozen=True)
class Trees:
    """The sum of regression trees on raw features; a logarithm of a ratio, as all corrections.

    Nodes of all trees stand one behind the other, those of a tree breadth-first: ``feature`` (an index into
    ``features``, -1 at a leaf), ``threshold`` (a unit goes left where its feature is at most that), ``left`` (the left
    child's position; the right one follows it) and ``value``. ``roots`` are the positions of the trees' first nodes.
    """

    features: tuple[str, ...]
    feature: IntArray
    threshold: FloatArray
    left: IntArray
    value: FloatArray
    roots: IntArray
    name: ClassVar[str] = "trees"

    def log(self, x: FloatArray) -> FloatArray:
        """Logarithms for features of shape (units, FEATURES), shape (units,)."""
        return self.evaluate(select(x, self.features))

    def evaluate(self, chosen: FloatArray) -> FloatArray:
        """The same for the columns of ``features`` alone, shape (units, len(features))."""
        parts = [self._chunk(chosen[i : i + CHUNK]) for i in range(0, len(chosen), CHUNK)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _chunk(self, x: FloatArray) -> FloatArray:
        node = np.broadcast_to(self.roots, (len(x), len(self.roots))).copy()
        row = np.arange(len(x))[:, None]
        while True:
            feature = self.feature[node]
            inner = feature >= 0
            if not inner.any():
                return np.asarray(self.value[node].sum(axis=1))
            right = x[row, feature] > self.threshold[node]
            node = np.where(inner, self.left[node] + right, node)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON. Breadth-first order says where children stand, so they need not be stored."""
        inner = self.feature >= 0
        return {
            "features": list(self.features), "feature": self.feature.tolist(),
            "number": reading.compact(np.where(inner, self.threshold, self.value), 6),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, where: str, data: Any, known: Mapping[str, str] = FEATURES) -> Trees:
        """Read and check :meth:`to_dict`'s data, whose features are of those ``known``. Raises ProfileError."""
        d = reading.mapping(where, data, ("features", "feature", "number"))
        names = reading.names(f"{where}.features", d["features"], known)
        feature = reading.numbers(f"{where}.feature", d["feature"], None, -1, len(names) - 1).astype(np.int64)
        number = reading.numbers(f"{where}.number", d["number"], len(feature))
        inner, zero = feature >= 0, np.zeros(len(feature))
        left, roots = _structure(inner, f"{where}.feature")
        return cls(names, feature, np.where(inner, number, zero), left, np.where(inner, zero, number), roots)


def _structure(inner: NDArray[np.bool_], where: str) -> tuple[IntArray, IntArray]:
    """(left children, roots) of breadth-first trees. Raises ProfileError where the last tree lacks nodes.

    A tree is complete at the first node after which every promised child has come: nodes minus twice the inner ones
    is one for the first time.
    """
    balance = np.cumsum(np.where(inner, -1, 1))
    if not len(inner):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    high = np.maximum.accumulate(np.maximum(balance, 0))
    ends = np.flatnonzero(np.diff(high, prepend=0) > 0)
    if not len(ends) or ends[-1] != len(inner) - 1:
        raise reading.fail(where, "whole trees, breadth-first", "a tree that lacks nodes")
    roots = np.concatenate([[0], ends[:-1] + 1])
    root = np.repeat(roots, np.diff(roots, append=len(inner)))
    before = np.cumsum(inner, dtype=np.int64) - inner
    left = root + 1 + 2 * (before - before[root])
    return np.where(inner, left, 0), roots


def joined(parts: Sequence[Trees], weights: Sequence[float]) -> Trees:
    """One forest that sums the weighted values of several on the same features."""
    offsets = np.concatenate([[0], np.cumsum([len(p.feature) for p in parts])[:-1]]).astype(np.int64)
    inner = np.concatenate([p.feature for p in parts]) >= 0
    left = np.concatenate([p.left + o for p, o in zip(parts, offsets, strict=True)])
    return Trees(
        parts[0].features, np.concatenate([p.feature for p in parts]), np.concatenate([p.threshold for p in parts]),
        np.where(inner, left, 0), np.concatenate([p.value * w for p, w in zip(parts, weights, strict=True)]),
        np.concatenate([p.roots + o for p, o in zip(parts, offsets, strict=True)]),
    )  # fmt: skip
