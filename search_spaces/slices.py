"""Architectures whose rounded costs lie within a budget: counted and drawn exactly, however thin the slice.

Up to two additive quantities are rounded down to bins, stage by stage, and a message counts the prefixes of a chain by
live genes and bins. A limit on ``memory``, a maximum over operators, simply removes combinations. Walking the messages
backwards draws uniformly; what rounding let in, the caller rejects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from search_spaces.counting import Interval, Step
from search_spaces.operators import IntArray

if TYPE_CHECKING:
    from search_spaces.space import Genomes, SearchSpace

BINS = {0: (), 1: (2048,), 2: (96, 96)}
"""Bins per number of binned quantities; a third quantity is left to rejection."""


class Slice:
    """The architectures of a budget up to rounding; see the module's docstring."""

    def __init__(self, space: SearchSpace, budget: Mapping[str, Interval]) -> None:
        self._space = space
        self._budget = budget
        self.binned = [q for q in space.additive if q in budget][:2]
        self._bins = BINS[len(self.binned)]
        self._steps = [self._affordable(i, s) for i, s in enumerate(space.steps)]
        # Every architecture pays the cheapest of each stage: bins are spent on what lies above it.
        self._floor = [self._costs(i).min(axis=0) for i in range(len(space.stages))]
        self._base = np.sum(self._floor, axis=0)
        self._width = np.array([self._bin_width(i) for i in range(len(self.binned))])
        self._log_scale = 0.0
        self._messages = self._forward()
        self._final = self._allowed(self._messages[-1])

    @property
    def empty(self) -> bool:
        """Whether nothing at all can lie within the budget: rounding only ever lets more in."""
        return not self._final.any()

    @property
    def size(self) -> float:
        """How many architectures the slice holds, before rejection."""
        return float(np.exp(np.log(self._final.sum()) + self._log_scale))

    def _bin_width(self, axis: int) -> float:
        quantity = self.binned[axis]
        _, largest = self._space.bounds(quantity)
        top = min(self._budget[quantity].high, float(largest))
        # One spare bin per stage, since every stage's value is rounded down.
        return max((top - self._base[axis]) / (self._bins[axis] - len(self._space.stages) - 1), 1.0)

    def _affordable(self, index: int, step: Step) -> Step:
        """Leave out combinations whose own operators exceed the memory limit: a maximum is bounded term by term."""
        if "memory" not in self._budget:
            return step
        keep = self._space.prices.stages[index].memory[step.entry] <= self._budget["memory"].high
        return replace(
            step, before=step.before[keep], after=step.after[keep], entry=step.entry[keep], picks=step.picks[keep]
        )

    def _costs(self, index: int) -> IntArray:
        """Binned quantities of a stage's combinations, shape (combinations, binned quantities)."""
        stage = self._space.prices.stages[index]
        columns = [stage.additive[q] for q in self.binned]
        return np.stack(columns, axis=1) if columns else np.zeros((len(stage.memory), 0), dtype=np.int64)

    def _shift(self, index: int, step: Step) -> IntArray:
        """Rounded-down cost of each combination in bins, shape (combinations, binned quantities)."""
        cost = self._costs(index)[step.entry] - self._floor[index]
        return np.minimum((cost / self._width).astype(np.int64), np.array(self._bins, dtype=np.int64))

    def _forward(self) -> list[NDArray[np.float64]]:
        """Messages, of shape (live states, *bins): the number of prefixes by state and rounded cost.

        They are renormalised to keep 1e32 architectures within floating point; ``_log_scale`` keeps the factor.
        """
        message = np.zeros((1, *self._bins))
        message[(0, *[0] * len(self._bins))] = 1.0
        messages = [message]
        for index, step in enumerate(self._steps):
            message = self._push(message, step, self._shift(index, step))
            largest = message.max()
            if largest > 0:
                message = message / largest
                self._log_scale += float(np.log(largest))
            messages.append(message)
        return messages

    def _push(self, message: NDArray[np.float64], step: Step, shift: IntArray) -> NDArray[np.float64]:
        bins = self._bins
        following = np.zeros((step.states, *bins))
        keys = np.column_stack([step.before, step.after, shift])
        keys = keys[(shift < np.array(bins, dtype=np.int64)).all(axis=1)]
        unique, multiplicity = np.unique(keys, axis=0, return_counts=True)
        for key, times in zip(unique.tolist(), multiplicity.tolist(), strict=True):
            before, after, *offset = key
            source = tuple(slice(0, b - o) for o, b in zip(offset, bins, strict=True))
            target = tuple(slice(o, None) for o in offset)
            following[(after, *target)] += times * message[(before, *source)]
        return following

    def _allowed(self, message: NDArray[np.float64]) -> NDArray[np.float64]:
        """The last message without the bins that cannot hold an architecture within the budget."""
        allowed = message.copy()
        for axis, (quantity, width) in enumerate(zip(self.binned, self._width, strict=True), start=1):
            least = self._base[axis - 1] + np.arange(message.shape[axis]) * width
            interval = self._budget[quantity]
            # True cost of a bin lies in [least, least + stages bin widths).
            inside = (least + len(self._steps) * width > interval.low) & (least <= interval.high)
            allowed = np.where(inside.reshape([-1 if a == axis else 1 for a in range(message.ndim)]), allowed, 0.0)
        return allowed

    def draw(self, n: int, rng: np.random.Generator) -> Genomes:
        """``n`` genomes, uniform over the slice, shape (n, G): a backward walk over the steps."""
        genomes = rng.integers(0, self._space.cardinalities, size=(n, len(self._space.choices))).astype(np.uint8)
        flat = self._final.ravel()[None]
        position = np.unravel_index(_draw(flat, np.zeros(n, dtype=np.int64), rng), self._final.shape)
        state, bins = position[0], np.stack(position[1:], axis=1) if self.binned else np.zeros((n, 0), dtype=int)
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
