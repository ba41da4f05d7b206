"""Budgets of a scaling: upper limits that the last network keeps; the published end of growth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nas.budget import Budget, Limit
from nas.errors import BudgetError, BudgetInfeasible
from search_spaces.asvit import AsViT
from search_spaces.counting import Interval
from search_spaces.pricing import ADDITIVE

LIMITED = (*ADDITIVE, "memory")
PARAMS_END, PARAMS_MOST = 80e6, 110e6
"""The released rule grows until a network has 80 M parameters and passes over candidates of more than 110 M."""


@dataclass(frozen=True)
class Limits:
    """What a network of the series may cost, by quantity."""

    budget: Budget

    @property
    def intervals(self) -> Mapping[str, Interval]:
        """Budget by quantity."""
        return self.budget.intervals

    def allow(self, prices: Mapping[str, float]) -> bool:
        """Whether a network keeps to the budget and to the published largest size."""
        within = all(prices[q] <= interval.high for q, interval in self.intervals.items())
        return within and prices["params"] <= PARAMS_MOST

    def check(self, space: AsViT) -> None:
        """Before anything runs. Raises BudgetError for what is no upper limit, BudgetInfeasible without any seed."""
        if not self.intervals:
            raise BudgetError("nas scale needs a budget to grow to; write for example --budget 5GFLOPs")
        for quantity, interval in self.intervals.items():
            limit = Limit(quantity, interval.low, interval.high)
            if quantity not in LIMITED:
                raise BudgetError(f"nas scale grows by counts: limit {', '.join(LIMITED)}, not {quantity}")
            if interval.low > 0 or interval.high == float("inf"):
                raise BudgetError(f"nas scale grows up to a budget: give an upper limit, not {limit}")
            smallest = space.bounds(quantity)[0]
            if interval.high < smallest:
                nearest = Limit(quantity, 0.0, float(smallest))
                raise BudgetInfeasible(
                    f"no seed of asvit has {limit}; the smallest needs {nearest}", quantity=quantity,
                    low=0.0, high=interval.high, nearest=smallest,
                )  # fmt: skip
        space.budgeted(self.intervals)
