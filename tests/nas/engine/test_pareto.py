"""Dominance, ranks, hypervolume and thinning against definitions written out by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nas.engine.pareto import crowding, hypervolume, non_dominated, ranks, thin

POINTS = st.integers(1, 4).flatmap(
    lambda m: st.integers(0, 25).flatmap(lambda n: arrays(float, (n, m), elements=st.integers(0, 6).map(float)))
)


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    """The definition."""
    return bool((a <= b).all() and (a < b).any())


@given(POINTS)
def test_non_dominated_is_the_definition(costs: np.ndarray) -> None:
    """A row is kept exactly when no other row dominates it."""
    expected = [not any(dominates(other, row) for other in costs) for row in costs]
    assert non_dominated(costs).tolist() == expected


@given(POINTS)
def test_ranks_peel_fronts(costs: np.ndarray) -> None:
    """Rank r is the front that is left once ranks below r are taken away."""
    left = np.arange(len(costs))
    rank = ranks(costs, len(costs))
    for level in itertools.count():
        if not len(left):
            break
        front = non_dominated(costs[left])
        assert (rank[left[front]] == level).all()
        left = left[~front]


@given(POINTS.filter(lambda c: len(c) > 0))
def test_hypervolume_counts_unit_cells(costs: np.ndarray) -> None:
    """On integer points the hypervolume is the number of unit cells that some point dominates."""
    m = costs.shape[1]
    reference = np.full(m, 7.0)
    cells = np.array(list(itertools.product(range(7), repeat=m)))
    covered = (costs[:, None, :] <= cells[None, :, :]).all(axis=2).any(axis=0).sum()
    assert hypervolume(costs, reference) == pytest.approx(float(covered))


def test_points_beyond_the_reference_add_nothing() -> None:
    """Hypervolume of a point outside, and of none at all, is zero."""
    assert hypervolume(np.array([[2.0, 0.0]]), np.array([1.0, 1.0])) == 0.0
    assert hypervolume(np.zeros((0, 2)), np.array([1.0, 1.0])) == 0.0


def test_crowding_prefers_ends_and_gaps() -> None:
    """Ends are infinitely far; the middle of a gap beats a point in a crowd."""
    distance = crowding(np.array([[0.0, 10.0], [1.0, 9.0], [1.2, 8.8], [6.0, 4.0], [10.0, 0.0]]))
    assert np.isinf(distance[[0, 4]]).all()
    assert distance[3] > distance[2]


@given(POINTS.filter(lambda c: len(c) > 3))
def test_thinning_keeps_the_extremes(costs: np.ndarray) -> None:
    """At most ``keep`` rows, all different, the best of every objective among them."""
    keep = max(costs.shape[1], 3)
    chosen = thin(costs, keep)
    assert len(set(chosen.tolist())) == len(chosen) == min(keep, len(costs))
    assert (costs[chosen].min(axis=0) == costs.min(axis=0)).all()
