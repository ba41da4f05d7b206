"""Prices, bounds, budgets; mutation and crossover."""

from __future__ import annotations

import numpy as np
import pytest

from search_spaces.pricing import ADDITIVE
from search_spaces.space import Genomes, SearchSpace
from search_spaces.testing.base import ContractBase


class PriceContract(ContractBase):
    """Look-ups equal tables; samples stay within budgets; variation stays within the space."""

    def test_look_up_equals_table(self, space: SearchSpace, sample: Genomes) -> None:
        """Every quantity of the look-ups equals that of the materialised table; integers exactly."""
        chosen = np.concatenate([self.extremes(space, sample), sample[: self.tables]])
        prices = space.price(chosen, (*ADDITIVE, "memory", "capacity"))
        for i, genome in enumerate(chosen):
            architecture = space.decode(genome)
            for quantity, expected in space.price_architecture(architecture).items():
                got = prices[quantity][i]
                assert got == pytest.approx(expected, rel=1e-9, abs=2e-6 if quantity == "capacity" else 0), (
                    quantity, architecture.to_json(),
                )  # fmt: skip

    def test_published_networks_are_priced(self, space: SearchSpace) -> None:
        """Each published network belongs to the space's grammar and has a price, on the grid or not."""
        for name, architecture in space.published.items():
            assert space.architecture(architecture.config) == architecture, name
            assert space.price_architecture(architecture)["macs"] > 0, name
            paper = space.paper_count(architecture)
            assert paper is None or paper > 0, name

    def test_prices_lie_within_bounds(self, space: SearchSpace, sample: Genomes) -> None:
        """``bounds`` encloses every sampled price, and ``size`` counts no more than all combinations."""
        assert 0 < space.size <= space.total_size
        prices = space.price(sample, ("macs", "params"))
        for quantity, values in prices.items():
            low, high = space.bounds(quantity)
            assert 0 < low <= values.min()
            assert values.max() <= high

    def test_sampling_honours_budgets(self, space: SearchSpace, sample: Genomes) -> None:
        """A slice of the space gives valid genomes inside it, the same for one seed."""
        from search_spaces.counting import Interval

        macs = np.sort(space.price(sample, ("macs",))["macs"])
        budget = {"macs": Interval(float(macs[len(macs) // 4]), float(macs[len(macs) // 3]))}
        first = space.sample_within(50, np.random.default_rng(self.seed), budget)
        assert first.shape == (50, len(space.choices))
        assert space.valid(first).all()
        assert budget["macs"].contains(space.price(first, ("macs",))["macs"]).all()
        assert np.array_equal(first, space.sample_within(50, np.random.default_rng(self.seed), budget))

    def test_impossible_budgets_end_at_once(self, space: SearchSpace, rng: np.random.Generator) -> None:
        """BudgetInfeasible, not a loop."""
        from search_spaces.counting import BudgetInfeasible, Interval

        with pytest.raises(BudgetInfeasible):
            space.sample_within(1, rng, {"macs": Interval(0.0, float(space.bounds("macs")[0] - 1))})

    def test_mutation_stays_valid(self, space: SearchSpace, sample: Genomes, rng: np.random.Generator) -> None:
        """At any rate; parents are not touched; many children differ from their parents."""
        before = sample.copy()
        for rate in (None, 0.5, 1.0):
            children = space.mutate(sample, rng, rate)
            assert children.dtype == np.uint8
            assert children.shape == sample.shape
            assert space.valid(children).all()
        assert (space.mutate(sample, rng, 0.5) != sample).any(axis=1).mean() > 0.4
        assert np.array_equal(sample, before)

    def test_crossover_stays_valid(self, space: SearchSpace, sample: Genomes, rng: np.random.Generator) -> None:
        """A child of equal parents is their equal."""
        children = space.crossover(sample, sample[::-1].copy(), rng)
        assert children.dtype == np.uint8
        assert space.valid(children).all()
        assert np.array_equal(space.crossover(sample, sample, rng), sample)
