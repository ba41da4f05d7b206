"""Exact counts and bounds over a space, and uniform sampling within budgets, by dynamic programming over its stages.

Stages form a chain: after the first s of them only the *live* genes matter, those that a later stage reads too. A
message maps each combination of live genes to what is known of all prefixes that end there: their number, their
smallest cost, or their number per (rounded) cost. One pass over the stages gives exact results for 1e16 or 1e32
architectures alike; nothing is enumerated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import NasError
from search_spaces.operators import IntArray
from search_spaces.pricing import ADDITIVE

if TYPE_CHECKING:
    from search_spaces.pricing import StageTable
    from search_spaces.space import Genomes, SearchSpace


class BudgetInfeasible(NasError):
    """No architecture of the space lies within the budget. ``data``: ``quantity``, ``low``, ``high``, ``nearest``."""


@dataclass(frozen=True)
class Interval:
    """A closed interval of a quantity, in its base unit (MACs, parameters, elements, bytes)."""

    low: float = 0.0
    high: float = float("inf")

    def contains(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Which values lie inside, same shape."""
        return (values >= self.low) & (values <= self.high)


@dataclass(frozen=True)
class Step:
    """One stage seen by the dynamic programme: all combinations of (live genes before it + its own genes).

    ``before`` and ``after`` give, for each combination, the index of the live combination on either side; ``entry``
    the row of the stage's look-ups; ``genes`` and ``picks`` which gene takes which choice. Invalid ones are left out.
    """

    before: IntArray
    after: IntArray
    entry: IntArray
    genes: tuple[int, ...]
    picks: IntArray  # (combinations, len(genes))
    states: int


def _live_genes(tables: tuple[StageTable, ...]) -> list[tuple[int, ...]]:
    """Genes that both stage <= s and some later stage read, for each s."""
    live = []
    for s in range(len(tables)):
        seen = {g for t in tables[: s + 1] for g in t.genes}
        later = {g for t in tables[s + 1 :] for g in t.genes}
        live.append(tuple(sorted(seen & later)))
    return live


def steps(space: SearchSpace) -> list[Step]:
    """The chain of the space, one step per stage."""
    tables, cards = space.prices.stages, space.cardinalities
    live = _live_genes(tables)
    previous: tuple[int, ...] = ()
    chain = []
    for table, after in zip(tables, live, strict=True):
        genes = tuple(dict.fromkeys((*previous, *table.genes)))
        shape = [int(cards[g]) for g in genes]
        grid = dict(zip(genes, (a.ravel() for a in np.meshgrid(*map(np.arange, shape), indexing="ij")), strict=True))
        size = int(np.prod(shape))
        entry = _ravel(grid, table.genes, cards, size)
        keep = table.valid[entry]
        step = Step(
            _ravel(grid, previous, cards, size)[keep], _ravel(grid, after, cards, size)[keep], entry[keep], genes,
            np.stack([grid[g] for g in genes], axis=1)[keep], int(np.prod([cards[g] for g in after])),
        )  # fmt: skip
        chain.append(step)
        previous = after
    return chain


def _ravel(grid: Mapping[int, IntArray], genes: tuple[int, ...], cards: IntArray, size: int) -> IntArray:
    if not genes:
        return np.zeros(size, dtype=np.int64)
    return np.ravel_multi_index([grid[g] for g in genes], [int(cards[g]) for g in genes])


def count(space: SearchSpace) -> int:
    """Number of valid architectures, exact (Python integers: it may exceed 64 bits)."""
    message = np.ones(1, dtype=object)
    free = set(range(len(space.choices))) - {g for t in space.prices.stages for g in t.genes}
    for step in space.steps:
        following = np.zeros(step.states, dtype=object)
        np.add.at(following, step.after, message[step.before])
        message = following
    return int(message.sum()) * int(np.prod([space.cardinalities[g] for g in free], dtype=object))


def _stage_values(space: SearchSpace, quantity: str) -> list[IntArray]:
    tables = space.prices.stages
    if quantity in ADDITIVE:
        return [t.additive[:, ADDITIVE.index(quantity)] for t in tables]
    if quantity == "memory":
        return [t.memory for t in tables]
    raise ValueError(f"no exact bounds for {quantity!r} (known: {', '.join((*ADDITIVE, 'memory'))})")


def bounds(space: SearchSpace, quantity: str) -> tuple[int, int]:
    """Exact smallest and largest value of a quantity over the valid architectures."""
    accumulate = np.maximum if quantity == "memory" else np.add
    result = []
    for select, worst in ((np.minimum, np.iinfo(np.int64).max // 2), (np.maximum, -1)):
        message = np.zeros(1, dtype=np.int64)
        for step, values in zip(space.steps, _stage_values(space, quantity), strict=True):
            following = np.full(step.states, worst, dtype=np.int64)
            select.at(following, step.after, accumulate(message[step.before], values[step.entry]))
            message = following
        result.append(int(select.reduce(message)))
    return result[0], result[1]


class BudgetedSampler:
    """Uniform samples of the valid architectures within a budget, and how many there are.

    Up to two additive quantities are binned and counted exactly in bins; a limit on ``memory`` (a maximum over
    operators) simply removes combinations; what binning rounds away, and any further quantity, is corrected by
    rejection. So samples are exactly uniform, and a slice of one part in a million is still found at once.

    Raises BudgetInfeasible when the dynamic programme proves that nothing lies within.
    """

    MAX_DRAWS = 600_000
    BINS = {1: (2048,), 2: (96, 96)}

    def __init__(self, space: SearchSpace, budget: Mapping[str, Interval]) -> None:
        self.space = space
        self.budget = dict(budget)
        self._check_single()
        self._binned = [q for q in ADDITIVE if q in budget][:2]
        self._width = np.array([self._bin_width(q, n) for q, n in zip(self._binned, self._bins, strict=True)])
        self._steps = [self._affordable(i, s) for i, s in enumerate(space.steps)]
        self._messages = self._forward()
        self._final = self._allowed(self._messages[-1])
        if not self._final.any():
            raise self._infeasible()

    @property
    def _bins(self) -> tuple[int, ...]:
        return self.BINS.get(len(self._binned), ())

    def _check_single(self) -> None:
        for quantity, interval in self.budget.items():
            if quantity not in (*ADDITIVE, "memory"):
                raise ValueError(f"no budget on {quantity!r} (known: {', '.join((*ADDITIVE, 'memory'))})")
            low, high = self.space.bounds(quantity)
            if interval.high < low or interval.low > high:
                nearest = low if interval.high < low else high
                raise BudgetInfeasible(
                    f"no architecture of {self.space.name} has {quantity} in [{interval.low:,.0f}, "
                    f"{interval.high:,.0f}]; the nearest feasible value is {nearest:,}",
                    quantity=quantity, low=interval.low, high=interval.high, nearest=nearest,
                )  # fmt: skip

    def _infeasible(self) -> BudgetInfeasible:
        text = " and ".join(f"{q} in [{i.low:,.0f}, {i.high:,.0f}]" for q, i in self.budget.items())
        return BudgetInfeasible(
            f"no architecture of {self.space.name} has {text}; each alone can be met, together they conflict",
            quantity=", ".join(self.budget), nearest=None,
        )  # fmt: skip

    def _bin_width(self, quantity: str, bins: int) -> float:
        low, high = self.space.bounds(quantity)
        top = min(self.budget[quantity].high, float(high))
        # One spare bin per stage, since every stage's value is rounded down.
        return max(top / (bins - len(self.space.stages) - 1), 1.0)

    def _affordable(self, index: int, step: Step) -> Step:
        """Leave out combinations whose own operators exceed the memory limit: a maximum is bounded term by term."""
        if "memory" not in self.budget:
            return step
        keep = self.space.prices.stages[index].memory[step.entry] <= self.budget["memory"].high
        return replace(
            step, before=step.before[keep], after=step.after[keep], entry=step.entry[keep], picks=step.picks[keep]
        )

    def _shift(self, index: int, step: Step) -> IntArray:
        """Rounded-down cost of each combination in bins, shape (combinations, binned quantities)."""
        columns = [ADDITIVE.index(q) for q in self._binned]
        cost = self.space.prices.stages[index].additive[step.entry][:, columns]
        return np.minimum((cost / self._width).astype(np.int64), np.array(self._bins, dtype=np.int64))

    def _forward(self) -> list[NDArray[np.float64]]:
        """Messages, of shape (live states, *bins): the number of prefixes by state and rounded cost.

        Messages are renormalised to keep 1e32 architectures within floating point; ``_log_scale`` keeps the factor.
        """
        message = np.zeros((1, *self._bins))
        message[(0, *[0] * len(self._bins))] = 1.0
        messages = [message]
        self._log_scale = 0.0
        for index, step in enumerate(self._steps):
            message = self._push(message, step, self._shift(index, step))
            largest = message.max()
            if largest > 0:
                message = message / largest
                self._log_scale += float(np.log(largest))
            messages.append(message)
        return messages

    def _push(self, message: NDArray[np.float64], step: Step, shift: IntArray) -> NDArray[np.float64]:
        following = np.zeros((step.states, *self._bins))
        keys = np.column_stack([step.before, step.after, shift])
        unique, multiplicity = np.unique(keys, axis=0, return_counts=True)
        for key, times in zip(unique.tolist(), multiplicity.tolist(), strict=True):
            before, after, *offset = key
            if any(o >= b for o, b in zip(offset, self._bins, strict=True)):
                continue
            source = tuple(slice(0, b - o) for o, b in zip(offset, self._bins, strict=True))
            target = tuple(slice(o, None) for o in offset)
            following[(after, *target)] += times * message[(before, *source)]
        return following

    def _allowed(self, message: NDArray[np.float64]) -> NDArray[np.float64]:
        """The last message without the bins that cannot hold an architecture within the budget."""
        allowed = message.copy()
        for axis, (quantity, width) in enumerate(zip(self._binned, self._width, strict=True), start=1):
            bins = np.arange(message.shape[axis])
            interval = self.budget[quantity]
            # True cost of bin b lies in [b, b + stages) bin widths.
            inside = ((bins + len(self._steps)) * width > interval.low) & (bins * width <= interval.high)
            allowed = np.where(inside.reshape([-1 if a == axis else 1 for a in range(message.ndim)]), allowed, 0.0)
        return allowed

    @cached_property
    def _totals(self) -> tuple[float, float]:
        """(log of the number of proposals, share of proposals inside the budget, estimated from 4,000)."""
        genomes = self._propose(4_000, np.random.default_rng(0))
        inside = float(self._inside(genomes).mean())
        return float(np.log(self._final.sum()) + self._log_scale), inside

    @property
    def size(self) -> float:
        """About how many architectures lie within the budget (exact up to the rounding of bins, then sampled)."""
        log_total, inside = self._totals
        return float(np.exp(log_total)) * inside

    def _inside(self, genomes: Genomes) -> NDArray[np.bool_]:
        prices = self.space.price(genomes, tuple(self.budget))
        mask = np.ones(len(genomes), dtype=bool)
        for quantity, interval in self.budget.items():
            mask &= interval.contains(prices[quantity])
        return mask

    def sample(self, n: int, rng: np.random.Generator) -> Genomes:
        """``n`` genomes, shape (n, G); see :meth:`SearchSpace.sample_within`."""
        found = np.zeros((0, len(self.space.choices)), dtype=np.uint8)
        drawn = 0
        while len(found) < n and drawn < self.MAX_DRAWS:
            acceptance = (len(found) + 1) / (drawn + 1)
            batch = int(np.clip(1.2 * (n - len(found)) / acceptance, 256, 32_768))
            proposals = self._propose(batch, rng)
            found = np.concatenate([found, proposals[self._inside(proposals)]])
            drawn += batch
        if not len(found):
            raise self._infeasible()
        # A slice with fewer members than asked for gives each of them several times.
        return found[:n] if len(found) >= n else found[rng.integers(0, len(found), n)]

    def _propose(self, n: int, rng: np.random.Generator) -> Genomes:
        """Uniform over the architectures whose *rounded* costs fit, shape (n, G): a backward walk over the steps."""
        genomes = rng.integers(0, self.space.cardinalities, size=(n, len(self.space.choices))).astype(np.uint8)
        flat = self._final.ravel()
        position = np.unravel_index(_draw(flat[None], np.zeros(n, dtype=np.int64), rng), self._final.shape)
        state, bins = position[0], np.stack(position[1:], axis=1) if self._binned else np.zeros((n, 0), dtype=int)
        for index in reversed(range(len(self._steps))):
            state, bins = self._back(index, state, bins, genomes, rng)
        return genomes

    def _back(
        self, index: int, state: IntArray, bins: IntArray, genomes: Genomes, rng: np.random.Generator
    ) -> tuple[IntArray, IntArray]:
        """Choose each walker's combination at one step, in proportion to the prefixes behind it."""
        step, message = self._steps[index], self._messages[index]
        shift = self._shift(index, step)
        before, left = np.empty_like(state), np.empty_like(bins)
        for current in np.unique(state):
            walkers = np.flatnonzero(state == current)
            options = np.flatnonzero(step.after == current)
            for chunk in np.array_split(walkers, max(1, len(walkers) * len(options) // 2_000_000)):
                rest = bins[chunk][:, None, :] - shift[options][None, :, :]
                weight = message[(step.before[options][None, :], *np.moveaxis(np.maximum(rest, 0), 2, 0))]
                weight = np.where((rest >= 0).all(axis=2), weight, 0.0)
                picked = options[_draw(weight, np.arange(len(chunk)), rng)]
                genomes[chunk[:, None], np.array(step.genes)] = step.picks[picked]
                before[chunk], left[chunk] = step.before[picked], bins[chunk] - shift[picked]
        return before, left


def _draw(weight: NDArray[np.float64], rows: IntArray, rng: np.random.Generator) -> IntArray:
    """For each of ``rows``, an index drawn in proportion to that row of ``weight``."""
    cumulative = np.cumsum(weight, axis=1)
    target = rng.random(len(rows)) * cumulative[rows, -1]
    if len(cumulative) == 1:
        return np.searchsorted(cumulative[0], target, side="right").clip(max=weight.shape[1] - 1)
    return (cumulative[rows] <= target[:, None]).sum(axis=1).clip(max=weight.shape[1] - 1)
