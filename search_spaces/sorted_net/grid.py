"""The sub-models of a space: levels of width, depth and heads whose combinations are at most ``submodels``.

The paper's headline is 160 sub-models; how they are laid out over the dimensions is not established (no code and no
full text could be had), so this grid is ours. Along every dimension sizes go from ``smallest`` times the full size, in
even steps, to the full size:

- heads: up to 4 levels, every attention alike;
- depth: up to 5 levels (10 where there are no heads). Blocks are left out one at a time, from the stage that has the
  largest share of its own left, the later of equal ones first;
- width: as many levels as then fit. Every group keeps its share of channels, in steps of 8, 4 or 2 where that leaves it
  at least 32 steps, else of 1.

Among these, the split between depth and width that makes the most sub-models. Levels are nested: each holds all units
of the levels below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from search_spaces.sorted_net.sizes import Extent, Run

HEAD_LEVELS, DEPTH_LEVELS, DEPTHS_WITHOUT_HEADS = 4, 5, 10
STEPS, FINENESS = (8, 4, 2), 32
FINEST = 641
"""Shares tried for the widths: four for each sub-model there can be."""
Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Grid:
    """Levels from small to large: units of every width group, heads of every attention, blocks of every run."""

    widths: tuple[Sizes, ...]
    heads: tuple[Sizes, ...]
    depths: tuple[Sizes, ...]

    def __len__(self) -> int:
        return len(self.widths) * len(self.heads) * len(self.depths)


def make_grid(extent: Extent, submodels: int, smallest: float) -> Grid:
    """The grid of a network, of at most ``submodels`` (at least one level of each) combinations."""
    full = extent.full
    heads = _levels([_share_heads(full.heads, s) for s in np.linspace(1.0, smallest, 64)], min(HEAD_LEVELS, submodels))
    room = submodels // len(heads)
    chain = _depth_chain(extent.runs, full.depths, smallest)
    most = min(DEPTH_LEVELS if len(heads) > 1 else DEPTHS_WITHOUT_HEADS, len(chain), room)
    widths = [_share_widths(full.widths, s) for s in np.linspace(1.0, smallest, FINEST)]
    options = [Grid(_levels(widths, room // n), heads, _levels(chain, n)) for n in range(1, most + 1)]
    return max(options, key=lambda grid: (len(grid), len(grid.depths)))


def _levels(found: Sequence[Sizes], most: int) -> tuple[Sizes, ...]:
    """At most so many distinct ones, evenly spaced, both ends among them; ``found`` goes from large to small."""
    distinct = list(dict.fromkeys(found))
    picks = np.unique(np.linspace(0, len(distinct) - 1, min(most, len(distinct))).round().astype(int))
    return tuple(distinct[i] for i in picks[::-1])


def _share_heads(full: Sizes, share: float) -> Sizes:
    return tuple(max(1, ceil(h * float(share) - 1e-9)) for h in full)


def _share_widths(full: Sizes, share: float) -> Sizes:
    return tuple(_share(units, share) for units in full)


def _share(units: int, share: float) -> int:
    step = next((s for s in STEPS if units % s == 0 and units // s >= FINENESS), 1)
    return min(units, max(step, int(units * share / step + 0.5) * step))


def _depth_chain(runs: Sequence[Run], full: Sizes, smallest: float) -> list[Sizes]:
    """All depths on the way from the full network to the smallest, one block less each."""
    extra = [int(run.before) for run in runs]
    total = [n + e for n, e in zip(full, extra, strict=True)]
    least = [max(run.least, ceil(t * smallest - 1e-9) - e) for run, t, e in zip(runs, total, extra, strict=True)]
    current, chain = list(full), [tuple(full)]
    while True:
        left = [i for i, n in enumerate(current) if n > least[i]]
        if not left:
            return chain
        current[max(left, key=lambda i: ((current[i] + extra[i]) / total[i], i))] -= 1
        chain.append(tuple(current))
