"""ElasticViT's conflict-aware sampling (Tang et al., ICCV 2023, section 3): complexity-aware, performance-aware."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nas.training.samplers.banks import Bank
from nas.training.samplers.complexity import pools, smallest_networks, walk
from nas.training.samplers.plan import Item, Moment, Sampler
from nas.training.samplers.preference import Preference
from search_spaces import Architecture, SearchSpace

RANDOM = 3
CANDIDATES = 5
CAPACITY = (16, 6)
"""Subnets kept per level, for the lower half of the levels and for the upper (150 and 50 in the paper's 600 epochs of
ImageNet: a third as many above, as here; what is kept is re-scored every epoch, which must stay cheap)."""
FROM_BANK, MORE, PERIODS = 0.2, 0.15, 6
"""Probability of a subnet from the bank: 0.2, and 0.15 more after every sixth of the training (100 of 600 epochs)."""
POOL_SEED = 0


class ConflictAware(Sampler):
    """Three subnets of one complexity level learn the truth; the region's smallest learns their mean prediction.

    No largest network is trained. See ``complexity`` for the walk, ``banks`` and ``preference`` for the choice.
    """

    name: ClassVar[str] = "elasticvit"
    listens: ClassVar[bool] = True

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._pools = pools(space, np.random.default_rng(POOL_SEED))
        self._smallest = smallest_networks(space)
        self._preference = Preference(space)
        self._level = 0
        half = len(self._pools) / 2
        self._banks = [Bank(CAPACITY[0] if i < half else CAPACITY[1]) for i in range(len(self._pools))]
        self._new: list[NDArray[np.uint8] | None] = []
        self._asked: list[Bank] = []

    def plan(self, at: Moment, rng: np.random.Generator) -> list[Item]:
        """See :class:`Sampler`."""
        self._level = walk(self._level, len(self._pools), rng)
        weight = 1 / (RANDOM + 1)
        self._new, items = [], []
        for _ in range(RANDOM):
            genome, known = self._choose(at, rng)
            self._new.append(None if known else genome)
            items.append(Item(self.space.decode(genome), weight=weight))
        least = self.space.decode(self._smallest[self._level])
        return [*items, Item(least, "mean", "alpha", weight)]

    def _choose(self, at: Moment, rng: np.random.Generator) -> tuple[NDArray[np.uint8], bool]:
        """(genome, whether it came from the bank)."""
        bank, pool = self._banks[self._level], self._pools[self._level]
        probability = FROM_BANK + MORE * int(at.progress * PERIODS)
        if rng.random() < probability and bank.warm:
            return bank.draw(rng), True
        if not bank.warm:
            return pool[rng.integers(len(pool))], False
        candidates = pool[rng.choice(len(pool), CANDIDATES, replace=len(pool) < CANDIDATES)]
        best = self._banks[0].best if self._level else None
        anchor = self._smallest[0] if best is None else best
        return candidates[int(np.argmin(self._preference(candidates, anchor)))], False

    def hear(self, losses: Sequence[float]) -> None:
        """Remember how the new subnets did."""
        for genome, loss in zip(self._new, losses, strict=False):
            if genome is not None:
                self._banks[self._level].add(genome, -loss)

    def asks(self, at: Moment) -> list[Architecture]:
        """All banks at the start of an epoch, and the present level's at its quarters: scores grow stale."""
        quarters = {at.per_epoch * q // 4 for q in (1, 2, 3)}
        self._asked = self._banks if at.index == 0 else [self._banks[self._level]] if at.index in quarters else []
        return [self.space.decode(g) for bank in self._asked for g in bank.genomes]

    def answer(self, losses: Sequence[float]) -> None:
        """New scores for what :meth:`asks` returned."""
        rest = iter(losses)
        for bank in self._asked:
            bank.scores = [-next(rest) for _ in bank.genomes]

    def state(self) -> dict[str, Any]:
        """The level and the banks."""
        return {"level": self._level, "banks": [bank.state() for bank in self._banks]}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        self._level = int(state["level"])
        for bank, kept in zip(self._banks, state["banks"], strict=True):
            bank.restore(kept)
