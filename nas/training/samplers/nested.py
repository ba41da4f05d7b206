"""SortedNet: nested sub-models, sampled with gradient accumulation; and its variant that trains all exits at once.

Sub-models share their first layers and first channels, so one checkpoint truncates to any of them. The papers do not
publish how sub-models are drawn; ours are uniform, one for each of ``ACCUMULATED`` parts of the batch.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nas.training.samplers.extremes import is_depth
from nas.training.samplers.plan import Item, Moment, Sampler
from search_spaces import Architecture, SearchSpace

ACCUMULATED = 4
WIDTHS, DEPTHS = 16, 10
"""Heights of widths and of depths whose combinations are the sub-models (160, as in the paper's headline)."""


def nested(space: SearchSpace) -> list[Architecture]:
    """Up to 160 sub-models, nested along depth and along everything else; all of a space that has no more."""
    if space.total_size <= WIDTHS * DEPTHS:
        return [space.decode(genome) for genome in space.enumerate()]
    top = space.cardinalities - 1
    depth = np.array([is_depth(choice.name) for choice in space.choices])
    widths, depths = np.meshgrid(np.linspace(0, 1, WIDTHS), np.linspace(0, 1, DEPTHS))
    heights = np.where(depth[None], depths.reshape(-1, 1), widths.reshape(-1, 1))
    turn = np.arange(len(top)) / len(top)  # genes rise one after another, so few values still make many sub-models
    genomes = space.repair(np.minimum(np.floor(heights * top + turn), top).astype(np.uint8))
    return [space.decode(genome) for genome in np.unique(genomes[space.valid(genomes)], axis=0)]


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
    """Every step trains every exit on the whole batch, loss = mean of their losses (Sorted LLaMA's SoFT, 2023)."""

    name: ClassVar[str] = "soft"

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._exits = exits(space)

    def plan(self, at: Moment, rng: np.random.Generator) -> list[Item]:
        """See :class:`Sampler`."""
        return [Item(a, weight=1 / len(self._exits)) for a in self._exits]
