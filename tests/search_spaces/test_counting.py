"""Counts, bounds and budgeted sampling against enumeration of a small space, and on ElasticViT."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import SearchSpace, get_space
from search_spaces.counting import BudgetInfeasible, Interval
from tests.nas.engine.toy import Toy

TOY = Toy()
GENOMES = TOY.enumerate()
PRICES = TOY.price(GENOMES, ("macs", "params", "activations", "memory"))


@pytest.fixture(scope="module")
def elasticvit() -> SearchSpace:
    """The real space."""
    return get_space("elasticvit")


def test_count_and_bounds_equal_enumeration() -> None:
    """Exact size, exact extremes of every quantity."""
    assert TOY.size == len(GENOMES) == 2176
    for quantity, values in PRICES.items():
        assert TOY.bounds(quantity) == (values.min(), values.max())


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["macs", "params", "memory"]), st.floats(0, 1), st.floats(0, 1), st.integers(0, 3))
def test_samples_lie_within_and_sizes_are_right(quantity: str, a: float, b: float, seed: int) -> None:
    """Any interval between two quantiles: samples inside, the size right, emptiness told."""
    values = PRICES[quantity]
    low, high = sorted((np.quantile(values, a), np.quantile(values, b)))
    inside = int(((values >= low) & (values <= high)).sum())
    budget = {quantity: Interval(float(low), float(high))}
    if not inside:
        with pytest.raises(BudgetInfeasible):
            TOY.sample_within(5, np.random.default_rng(seed), budget)
        return
    found = TOY.sample_within(50, np.random.default_rng(seed), budget)
    got = TOY.price(found, (quantity,))[quantity]
    assert ((got >= low) & (got <= high)).all()
    assert TOY.valid(found).all()
    assert TOY.budgeted(budget).size == pytest.approx(inside, rel=0.25, abs=3)


@pytest.mark.parametrize("interval", [Interval(0, 2e6), Interval(0, 60_000)])
def test_samples_are_uniform(interval: Interval) -> None:
    """Every architecture within comes equally often, by rejection and by the dynamic programme."""
    budget = {"macs": interval}
    members = GENOMES[interval.contains(PRICES["macs"])]
    found = TOY.sample_within(200 * len(members), np.random.default_rng(0), budget)
    _, counts = np.unique(found, axis=0, return_counts=True)
    assert len(counts) == len(members)
    chi_square = ((counts - 200) ** 2 / 200).sum()
    assert chi_square < len(members) + 5 * np.sqrt(2 * len(members))


def test_a_thin_slice_is_found(elasticvit: SearchSpace) -> None:
    """One part in ten thousand of the space, drawn without walking through the rest."""
    budget = {"macs": Interval(599.9e6, 600e6)}
    found = elasticvit.sample_within(300, np.random.default_rng(0), budget)
    macs = elasticvit.price(found)["macs"]
    assert ((macs >= 599.9e6) & (macs <= 600e6)).all()
    assert len(np.unique(found, axis=0)) == 300
    # Drawn over the whole slice, not around one member.
    assert all(len(np.unique(found[:, g])) > 1 for g in range(found.shape[1]))


def test_two_limits_and_a_corner(elasticvit: SearchSpace) -> None:
    """Limits on MACs, params and memory together; and the few hundred smallest networks."""
    budget = {"macs": Interval(0, 600e6), "params": Interval(0, 6e6), "memory": Interval(0, 4e6)}
    prices = elasticvit.price(elasticvit.sample_within(100, np.random.default_rng(0), budget), tuple(budget))
    assert all(interval.contains(prices[q]).all() for q, interval in budget.items())
    corner = {"macs": Interval(0, 40e6)}
    assert 500 < elasticvit.budgeted(corner).size < 800


def test_conflicts_are_explained(elasticvit: SearchSpace) -> None:
    """Each limit alone can be met; the message says what either could be, given the other."""
    with pytest.raises(BudgetInfeasible, match="params is at most about 12,4") as caught:
        elasticvit.budgeted({"macs": Interval(0, 60e6), "params": Interval(20e6)})
    assert caught.value.data["nearest"]["macs"] == pytest.approx(91.2e6, rel=0.01)


def test_an_empty_gap_names_its_neighbour(elasticvit: SearchSpace) -> None:
    """Between the smallest network and the next there is nothing: the nearest value is named."""
    smallest = elasticvit.bounds("macs")[0]
    with pytest.raises(BudgetInfeasible, match=f"{smallest:,}"):
        elasticvit.budgeted({"macs": Interval(0, smallest - 1)})
