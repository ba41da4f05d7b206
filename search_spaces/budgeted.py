"""Uniform samples within a budget, and how many architectures there are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.conflicts import reach
from search_spaces.counting import BudgetInfeasible, Interval
from search_spaces.slices import Slice

if TYPE_CHECKING:
    from search_spaces.space import Genomes, SearchSpace

TRIAL = 16_384
COMMON = 0.02
"""Where at least this share of the space lies within the budget, plain rejection is the quickest exact sampler."""
PATIENCE = 200_000
"""Proposals after which a slice of which fewer than one in a thousand lie within is given up: no endless loop."""
BATCH = 32_768


class BudgetedSampler:
    """Uniform samples of the valid architectures within a budget.

    Wide budgets are met by rejection from the whole space, thin ones by rejection from a :class:`Slice`; both are
    uniform. Raises BudgetInfeasible where it is proven that nothing lies within.
    """

    def __init__(self, space: SearchSpace, budget: Mapping[str, Interval]) -> None:
        self._space = space
        self._budget = dict(budget)
        for quantity, interval in self._budget.items():
            self._check(quantity, interval)
        trial = space.sample(TRIAL, np.random.default_rng(0))
        self._common = float(self._inside(trial).mean())
        if self._common < COMMON and self._slice.empty:
            raise self._conflict()

    def _check(self, quantity: str, interval: Interval) -> None:
        """Each limit alone, against the exact extremes of the space."""
        known = (*self._space.additive, "memory")
        if quantity not in known:
            raise ValueError(f"no budget on {quantity!r} (known: {', '.join(known)})")
        low, high = self._space.bounds(quantity)
        if interval.high < low or interval.low > high:
            nearest = low if interval.high < low else high
            raise BudgetInfeasible(
                f"no architecture of {self._space.name} has {self._limit(quantity)}; the nearest feasible value is "
                f"{self._space.amount(quantity, nearest)}",
                quantity=quantity, low=interval.low, high=interval.high, nearest=nearest,
            )  # fmt: skip

    @cached_property
    def _slice(self) -> Slice:
        return Slice(self._space, self._budget)

    @cached_property
    def size(self) -> float:
        """About how many architectures lie within the budget (a sampled share of an exact count)."""
        if self._common >= COMMON:
            return self._common * self._space.size
        return self._slice.size * float(self._inside(self._slice.draw(TRIAL, np.random.default_rng(0))).mean())

    def _limit(self, quantity: str) -> str:
        amount = partial(self._space.amount, quantity)
        return f"{quantity} {self._budget[quantity].text(amount)}"

    def _inside(self, genomes: Genomes) -> NDArray[np.bool_]:
        prices = self._space.price(genomes, tuple(self._budget))
        mask = np.ones(len(genomes), dtype=bool)
        for quantity, interval in self._budget.items():
            mask &= interval.contains(prices[quantity])
        return mask

    def sample(self, n: int, rng: np.random.Generator) -> Genomes:
        """``n`` genomes, shape (n, G); see :meth:`SearchSpace.sample_within`."""
        propose = self._space.sample if self._common >= COMMON else self._slice.draw
        found = np.zeros((0, len(self._space.choices)), dtype=np.uint8)
        drawn = 0
        while len(found) < n and (drawn < PATIENCE or len(found) > drawn / 1000):
            acceptance = (len(found) + 1) / (drawn + 1)
            batch = int(np.clip(1.2 * (n - len(found)) / acceptance, 256, BATCH))
            proposals = propose(batch, rng)
            found = np.concatenate([found, proposals[self._inside(proposals)]])
            drawn += batch
        if not len(found):
            raise self._conflict() if len(self._budget) > 1 else self._nothing_found(proposals)
        # Given up with some found: those are repeated.
        return found[:n] if len(found) >= n else found[rng.integers(0, len(found), n)]

    def _conflict(self) -> BudgetInfeasible:
        """Every limit can be met alone, but not all together: say what each could be, the others given."""
        hints, nearest = [], {}
        limited = [q for q in self._space.additive if q in self._budget]
        for quantity, given in permutations(limited, 2):
            low, high = reach(self._space, quantity, given, self._budget[given])
            interval = self._budget[quantity]
            if np.isfinite([low, high]).all() and (interval.high < low or interval.low > high):
                nearest[quantity] = low if interval.high < low else high
                bound = "at least" if interval.high < low else "at most"
                value = self._space.amount(quantity, nearest[quantity])
                hints.append(f"with {self._limit(given)}, {quantity} is {bound} about {value}")
        text = " and ".join(map(self._limit, self._budget))
        return BudgetInfeasible(
            "; ".join([f"no architecture of {self._space.name} has {text}", *hints]), budget=text, nearest=nearest
        )

    def _nothing_found(self, proposals: Genomes) -> BudgetInfeasible:
        """A slice that may hold something, in which nothing was found: name the nearest values that were seen."""
        prices: dict[str, NDArray[Any]] = self._space.price(proposals, tuple(self._budget))
        nearest = {q: int(v[np.argmin(self._budget[q].distance(v))]) for q, v in prices.items()}
        text = " and ".join(map(self._limit, self._budget))
        seen = ", ".join(f"{q} {self._space.amount(q, v)}" for q, v in nearest.items())
        return BudgetInfeasible(
            f"no architecture of {self._space.name} was found with {text}; the nearest values seen are {seen}",
            budget=text, nearest=nearest,
        )  # fmt: skip
