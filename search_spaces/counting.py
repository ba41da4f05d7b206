"""Exact counts and bounds over a space, by dynamic programming over its stages.

Stages form a chain: after the first s of them only the *live* genes matter, those that a later stage reads too. A
message maps each combination of live genes to what is known of all prefixes that end there: their number, their
smallest cost, or their number per (rounded) cost. One pass over the stages gives exact results for 1e16 or 1e32
architectures alike; nothing is enumerated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import NasError
from search_spaces.operators import IntArray

if TYPE_CHECKING:
    from search_spaces.pricing import StageTable
    from search_spaces.space import SearchSpace


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

    def distance(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """How far each value lies outside, 0 inside, same shape."""
        return np.maximum(np.maximum(self.low - values, values - self.high), 0.0)

    def __str__(self) -> str:
        return self.text("{:,.0f}".format)

    def text(self, amount: Callable[[float], str]) -> str:
        """The interval in words, its ends written by ``amount``."""
        if self.high == float("inf"):
            return f">= {amount(self.low)}"
        return f"<= {amount(self.high)}" if self.low <= 0 else f"in [{amount(self.low)}, {amount(self.high)}]"


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
    if quantity in space.additive:
        return [t.additive[quantity] for t in tables]
    if quantity == "memory":
        return [t.memory for t in tables]
    raise ValueError(f"no exact bounds for {quantity!r} (known: {', '.join((*space.additive, 'memory'))})")


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
