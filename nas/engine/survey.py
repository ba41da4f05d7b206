"""What a budget means in a space, said before any search: sizes, exact extremes, typical values, satisfiable or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nas.budget import Budget
from search_spaces import SearchSpace
from search_spaces.counting import BudgetInfeasible

SAMPLES = 4096


@dataclass(frozen=True)
class QuantityFacts:
    """One quantity over the valid architectures: exact extremes, sampled median, the budget's interval (or None)."""

    name: str
    smallest: int
    typical: int
    largest: int
    low: float | None
    high: float | None
    satisfiable: bool
    nearest: int | None


@dataclass(frozen=True)
class Survey:
    """``size`` valid architectures of ``total`` combinations; about ``within`` lie within the budget."""

    space: str
    size: int
    total: int
    within: float
    satisfiable: bool
    reason: str
    quantities: tuple[QuantityFacts, ...]

    def refusal(self) -> BudgetInfeasible | None:
        """The error that says why the budget cannot be met and what could be; None where it can."""
        if self.satisfiable:
            return None
        nearest = {q.name: q.nearest for q in self.quantities if q.nearest is not None}
        return BudgetInfeasible(self.reason, nearest=nearest)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"size": str(self.size), "total": str(self.total)}


def survey(space: SearchSpace, budget: Budget) -> Survey:
    """Look before searching. Never raises for an infeasible budget: it is an answer."""
    shown = dict.fromkeys(["macs", "params", *budget.intervals, *space.costs])
    sample = space.price(space.sample(SAMPLES, np.random.default_rng(0)), tuple(shown))
    facts = tuple(_facts(space, q, budget, int(np.median(sample[q]))) for q in shown)
    within, reason = _within(space, budget)
    return Survey(space.name, space.size, space.total_size, within, within > 0, reason, facts)


def _facts(space: SearchSpace, quantity: str, budget: Budget, typical: int) -> QuantityFacts:
    smallest, largest = space.bounds(quantity)
    interval = budget.intervals.get(quantity)
    if interval is None:
        return QuantityFacts(quantity, smallest, typical, largest, None, None, True, None)
    nearest = smallest if interval.high < smallest else largest if interval.low > largest else None
    high = interval.high if np.isfinite(interval.high) else None
    return QuantityFacts(quantity, smallest, typical, largest, interval.low, high, nearest is None, nearest)


def _within(space: SearchSpace, budget: Budget) -> tuple[float, str]:
    intervals: Mapping[str, Any] = budget.intervals
    if not intervals:
        return float(space.size), ""
    try:
        sampler = space.budgeted(intervals)
        size = sampler.size
    except BudgetInfeasible as error:
        return 0.0, str(error)
    if size > 0:
        return size, ""
    try:
        sampler.sample(1, np.random.default_rng(0))
    except BudgetInfeasible as error:
        return 0.0, str(error)
    return 1.0, ""
