"""Fitting: gradient-boosted trees by scikit-learn, taken out of it as plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from predictors.latency.features import select
from predictors.latency.trees import Trees, joined
from search_spaces.operators import FloatArray


def fit_trees(
    x: FloatArray, log_ratio: FloatArray, features: tuple[str, ...], *, trees: int = 400, leaves: int = 32,
    rate: float = 0.05, smallest_leaf: int = 4,
) -> Trees:  # fmt: skip
    """Boosted trees for logarithms of ratios, shape (units,), on named columns of features (units, FEATURES)."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    chosen = select(x, features)
    model = HistGradientBoostingRegressor(
        max_iter=trees, learning_rate=rate, max_leaf_nodes=leaves, min_samples_leaf=smallest_leaf, early_stopping=False,
        random_state=0,
    ).fit(chosen, log_ratio)  # fmt: skip
    grown = [_tree(stage[0].nodes, features) for stage in model._predictors]
    start = Trees(features, np.array([-1]), np.zeros(1), np.zeros(1, dtype=np.int64), _start(model), np.array([0]))
    return joined([start, *grown], [1.0] * (len(grown) + 1))


def _start(model: Any) -> FloatArray:
    """What boosting starts from: a tree that is a single leaf."""
    return np.asarray(model._baseline_prediction, dtype=np.float64).reshape(1)


def _tree(nodes: Any, features: tuple[str, ...]) -> Trees:
    """One tree, its nodes breadth-first so that a right child follows its left one."""
    order = [0]
    left = np.zeros(len(nodes), dtype=np.int64)
    for position in range(len(nodes)):
        node = nodes[order[position]]
        if not node["is_leaf"]:
            left[position] = len(order)
            order += [int(node["left"]), int(node["right"])]
    placed = nodes[order]
    leaf = placed["is_leaf"].astype(bool)
    feature = np.where(leaf, -1, placed["feature_idx"].astype(np.int64))
    threshold = np.where(leaf, 0.0, placed["num_threshold"])
    return Trees(features, feature, threshold, left, np.where(leaf, placed["value"], 0.0), np.array([0]))
