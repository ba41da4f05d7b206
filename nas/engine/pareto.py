"""Pareto machinery on plain arrays: dominance, ranks, crowding, hypervolume, even thinning.

Every function takes costs of shape (N, M), all to be minimised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]


def non_dominated(costs: Costs) -> NDArray[np.bool_]:
    """Which rows no other row dominates, shape (N,). Of equal rows all are kept."""
    n, m = costs.shape
    if n == 0:
        return np.zeros(0, dtype=bool)
    if m == 1:
        return costs[:, 0] == costs[:, 0].min()
    if m == 2:
        return _non_dominated_2d(costs)
    order = np.lexsort(costs.T[::-1])
    front: list[int] = []
    kept = np.empty((0, m))
    # Sorted lexicographically, a row can be dominated only by an earlier one: blocks keep it vectorised.
    for block in np.array_split(order, max(1, n // 256)):
        rows = costs[block]
        alive = ~_dominated_by(rows, kept)
        block, rows = block[alive], rows[alive]
        alive = ~_dominated_by(rows, rows)
        front.extend(block[alive].tolist())
        kept = np.concatenate([kept, rows[alive]])
    mask = np.zeros(n, dtype=bool)
    mask[front] = True
    return mask


def _non_dominated_2d(costs: Costs) -> NDArray[np.bool_]:
    order = np.lexsort((costs[:, 1], costs[:, 0]))
    first, second = costs[order, 0], costs[order, 1]
    best_before = np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
    keep = second < best_before
    # An equal pair directly after a kept one is kept with it.
    same = np.concatenate([[False], (first[1:] == first[:-1]) & (second[1:] == second[:-1])])
    groups = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    mask = np.zeros(len(order), dtype=bool)
    mask[order] = keep[groups]
    return mask


def _dominated_by(rows: Costs, others: Costs) -> NDArray[np.bool_]:
    """Which rows are dominated by some row of ``others``, shape (len(rows),)."""
    if not len(rows) or not len(others):
        return np.zeros(len(rows), dtype=bool)
    no_worse = np.ones((len(rows), len(others)), dtype=bool)
    better = np.zeros_like(no_worse)
    for a, b in zip(rows.T, others.T, strict=True):
        no_worse &= b[None, :] <= a[:, None]
        better |= b[None, :] < a[:, None]
    return np.asarray((no_worse & better).any(axis=1))


def ranks(costs: Costs, enough: int) -> NDArray[np.int64]:
    """Front number of each row (0 is the best), shape (N,); rows left once ``enough`` are ranked share the last one."""
    n = len(costs)
    no_worse = np.ones((n, n), dtype=bool)
    better = np.zeros((n, n), dtype=bool)
    for column in costs.T:
        no_worse &= column[:, None] <= column[None, :]
        better |= column[:, None] < column[None, :]
    dominators = no_worse & better  # [i, j]: i dominates j
    count = dominators.sum(axis=0)
    rank = np.full(n, -1, dtype=np.int64)
    level = ranked = 0
    while ranked < n:
        current = (count == 0) & (rank < 0)
        if ranked >= enough:
            rank[rank < 0] = level
            break
        rank[current] = level
        ranked += int(current.sum())
        count = count - dominators[current].sum(axis=0)
        level += 1
    return rank


def crowding(costs: Costs) -> NDArray[np.float64]:
    """Crowding distance within one front (NSGA-II, Deb et al. 2002, section III-B), shape (N,)."""
    n, m = costs.shape
    distance = np.zeros(n)
    for column in costs.T:
        order = np.argsort(column, kind="stable")
        spread = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if n > 2 and spread > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return distance / max(m, 1)


def hypervolume(costs: Costs, reference: NDArray[Any]) -> float:
    """Volume dominated by ``costs`` up to ``reference`` (shape (M,)); exact. Rows beyond the reference add nothing."""
    inside = costs[(costs < reference).all(axis=1)]
    if not len(inside):
        return 0.0
    inside = np.unique(inside[non_dominated(inside)], axis=0)
    return _hypervolume(inside, np.asarray(reference, dtype=float))


def _hypervolume(front: Costs, reference: NDArray[np.float64]) -> float:
    if front.shape[1] == 1:
        return float(reference[0] - front[:, 0].min())
    if front.shape[1] == 2:
        return _area(front, reference)
    # Slice along the last objective: each slab is the volume of what is present there, one dimension lower.
    front = front[np.argsort(front[:, -1], kind="stable")]
    edges = np.append(front[:, -1], reference[-1])
    total, present = 0.0, np.empty((0, front.shape[1] - 1))
    for row, low, high in zip(front, edges, edges[1:], strict=False):
        present = np.concatenate([present[~(row[:-1] <= present).all(axis=1)], row[None, :-1]])
        if high > low:
            total += (high - low) * _hypervolume(present, reference[:-1])
    return total


def _area(front: Costs, reference: NDArray[np.float64]) -> float:
    front = front[np.lexsort((front[:, 1], front[:, 0]))]
    heights = np.minimum.accumulate(front[:, 1])
    widths = np.diff(np.append(front[:, 0], reference[0]))
    return float((widths * (reference[1] - heights)).sum())


def thin(costs: Costs, keep: int) -> NDArray[np.int64]:
    """Indices of at most ``keep`` rows that spread evenly over a front, best of every objective first.

    Greedy farthest-point selection on costs scaled to [0, 1]; ties go to the lower index, so it is deterministic.
    """
    n = len(costs)
    if n <= keep:
        return np.arange(n)
    low, high = costs.min(axis=0), costs.max(axis=0)
    scaled = (costs - low) / np.where(high > low, high - low, 1.0)
    chosen = list(dict.fromkeys(np.argmin(scaled, axis=0).tolist()))[:keep]
    nearest = np.min([((scaled - scaled[c]) ** 2).sum(axis=1) for c in chosen], axis=0)
    nearest[chosen] = -1.0  # rows of equal costs are at distance 0 and may still be chosen, but none twice
    while len(chosen) < keep:
        best = int(np.argmax(nearest))
        chosen.append(best)
        nearest = np.minimum(nearest, ((scaled - scaled[best]) ** 2).sum(axis=1))
        nearest[best] = -1.0
    return np.array(chosen)
