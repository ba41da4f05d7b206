"""Boosted trees on network features, by scikit-learn, taken out of it as plain arrays.

Few networks, many features: rows and features are subsampled for each tree, which
:mod:`predictors.latency.forest` (many units, few features) does not need.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from predictors.latency.network.features import NETWORK_FEATURES
from predictors.latency.trees import Trees, joined
from search_spaces.operators import FloatArray

RATE = 0.1
SETTINGS: dict[str, Any] = {
    "n_estimators": 120, "learning_rate": RATE, "max_depth": 5, "subsample": 0.6, "max_features": 0.25,
    "min_samples_leaf": 4, "init": "zero",
}  # fmt: skip
LARGEST = 1.0
"""Logarithm to which targets are held: a network that some runtime executes absurdly must not bend the others."""


def boost(z: FloatArray, target: FloatArray, weight: FloatArray, seed: int) -> Trees:
    """Trees for ``target``, shape (networks,), on network features of shape (networks, NETWORK_FEATURES)."""
    from sklearn.ensemble import GradientBoostingRegressor

    model = GradientBoostingRegressor(**SETTINGS, random_state=seed).fit(z, np.clip(target, -LARGEST, LARGEST), weight)
    trees = [_breadth_first(estimator.tree_) for estimator in model.estimators_[:, 0]]
    return joined(trees, [RATE] * len(trees))


def _breadth_first(tree: Any) -> Trees:
    """One tree, renumbered so that a right child stands behind its left one."""
    order, position, left = [0], 0, np.zeros(tree.node_count, dtype=np.int64)
    while position < len(order):
        node = order[position]
        if tree.children_left[node] >= 0:
            left[position] = len(order)
            order += [int(tree.children_left[node]), int(tree.children_right[node])]
        position += 1
    inner = tree.children_left[order] >= 0
    feature = np.where(inner, tree.feature[order], -1).astype(np.int64)
    threshold, value = np.where(inner, tree.threshold[order], 0.0), np.where(inner, 0.0, tree.value[order, 0, 0])
    return Trees(tuple(NETWORK_FEATURES), feature, threshold, left, value, np.zeros(1, dtype=np.int64))
