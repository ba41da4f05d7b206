"""SortedNet: nested sub-models, sampled with gradient accumulation; and its variant that trains all exits at once.

Sub-models share their first layers and first channels, so one checkpoint truncates to any of them. The papers do not
publish how sub-models are drawn; ours are uniform, one for each of ``ACCUMULATED`` parts of the batch.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nas.training.samplers.extremes import is_depth
from nas.training.samplers.plan import Item, Moment, Sampler
from search_spaces import Architecture, SearchSpace

ACCUMULATED = 4
MOST = 160
"""Sub-models, as in the paper's headline."""
HEAD_LEVELS, DEPTH_LEVELS, DEPTHS_WITHOUT_HEADS = 4, 5, 10
"""Most levels of heads and of depth, as in the ``sorted_net`` space; width takes as many as then fit."""


def nested(space: SearchSpace) -> list[Architecture]:
    """Up to 160 sub-models, nested along width, heads and depth; all of a space that has no more.

    Along each of the three, levels are a chain from the smallest values to the largest: genes rise one after another
    and none falls, so a level is the first units of every level above it. Sub-models are the combinations.
    """
    if space.total_size <= MOST:
        return [space.decode(genome) for genome in space.enumerate()]
    heads = np.array(["heads" in choice.name.rpartition(".")[2] for choice in space.choices])
    counts = np.array([is_depth(choice.name) for choice in space.choices])
    removable = np.array([choice.values[0] == 0 for choice in space.choices])
    sizes = np.where(counts, 0, space.cardinalities - 1 - removable)
    chains = [
        _chain(steps)
        for steps in (sizes * ~heads, sizes * heads, np.where(counts, space.cardinalities - 1, removable))
    ]  # fmt: skip
    picked = [_spread(chain, n) for chain, n in zip(chains, _split(*map(len, chains)), strict=True)]
    genomes = space.repair(np.array([
        np.where(removable, d * (1 + w + h), d + w + h) for w in picked[0] for h in picked[1] for d in picked[2]
    ], dtype=np.uint8))  # fmt: skip
    return [space.decode(genome) for genome in np.unique(genomes[space.valid(genomes)], axis=0)]


def _chain(rises: NDArray[np.int64]) -> NDArray[np.int64]:
    """From all genes at 0 to gene g at ``rises[g]``, one rise at a time and all in proportion, (1 + rises, G)."""
    when = [((n + 0.5) / total, gene) for gene, total in enumerate(rises) for n in range(total)]
    chain = np.zeros((len(when) + 1, len(rises)), dtype=np.int64)
    for row, (_, gene) in enumerate(sorted(when), start=1):
        chain[row:, gene] += 1
    return chain


def _spread(chain: NDArray[np.int64], levels: int) -> NDArray[np.int64]:
    """So many levels of a chain, evenly, both ends among them; the whole where it is one."""
    return chain[np.linspace(0, len(chain) - 1, levels).round().astype(int)] if levels > 1 else chain[-1:]


def _split(widths: int, heads: int, depths: int) -> tuple[int, int, int]:
    """Levels of (width, heads, depth) whose combinations are most, at most ``MOST``."""
    deepest = min(depths, DEPTH_LEVELS if heads > 1 else DEPTHS_WITHOUT_HEADS)
    options = [
        (min(widths, MOST // (h * d)), h, d)
        for h in range(1, min(heads, HEAD_LEVELS) + 1) for d in range(1, deepest + 1)
    ]  # fmt: skip
    return max(options, key=lambda o: (o[0] * o[1] * o[2], o[2], o[1]))


def exits(space: SearchSpace) -> list[Architecture]:
    """The largest network cut after its first layers: one sub-model per depth, the whole one last.

    Layers are cut through genes that count them, and through those whose first value, 0, removes one.
    """
    top = space.cardinalities - 1
    counts = np.array([is_depth(choice.name) for choice in space.choices])
    removable = np.flatnonzero([choice.values[0] == 0 for choice in space.choices])
    levels = max([1, *space.cardinalities[counts], len(removable) + 1])
    heights = np.linspace(0, 1, int(levels))[:, None]
    genomes = np.where(counts[None], np.floor(heights * top + 1e-9), top)
    kept = heights >= (np.arange(len(removable)) + 1) / max(len(removable), 1) - 1e-9
    genomes[:, removable] = np.where(kept, top[removable], 0)
    genomes = space.repair(genomes.astype(np.uint8))
    genomes = genomes[space.valid(genomes)]
    _, first = np.unique(genomes, axis=0, return_index=True)
    return [space.decode(genome) for genome in genomes[np.sort(first)]]


class Sorted(Sampler):
    """Each of four parts of the batch trains a random sub-model; one optimiser step for all (SortedNet, 2023)."""

    name: ClassVar[str] = "sorted"

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._submodels = nested(space)

    def plan(self, at: Moment, rng: np.random.Generator) -> list[Item]:
        """See :class:`Sampler`."""
        drawn = rng.integers(0, len(self._submodels), ACCUMULATED)
        return [
            Item(self._submodels[i], weight=1 / ACCUMULATED, share=(part, ACCUMULATED)) for part, i in enumerate(drawn)
        ]


class AllExits(Sampler):
    """Every step trains every exit on the whole batch, loss = mean of their losses (Sorted LLaMA's SoFT, 2023).

    Where exits are the first blocks of one stage, one forward pass gives them all (``search_spaces.modules.exits``).
    """

    name: ClassVar[str] = "soft"

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._exits = exits(space)

    def plan(self, at: Moment, rng: np.random.Generator) -> list[Item]:
        """See :class:`Sampler`."""
        return [Item(a, weight=1 / len(self._exits), exit=True) for a in self._exits]
