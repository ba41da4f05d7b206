"""The sandwich rule with in-place distillation (Yu and Huang, "Universally Slimmable Networks", ICCV 2019)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nas.training.samplers.extremes import largest, smallest
from nas.training.samplers.plan import Item, Moment, Sampler, draw
from search_spaces import SearchSpace

RANDOM = 2


class Sandwich(Sampler):
    """The largest network learns the truth; the smallest and two random ones learn its prediction."""

    name: ClassVar[str] = "sandwich"

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._largest, self._smallest = largest(space), smallest(space)

    def plan(self, at: Moment, rng: np.random.Generator) -> list[Item]:
        """See :class:`Sampler`."""
        others = [self._smallest, *(draw(self.space, rng) for _ in range(RANDOM))]
        weight = 1 / (1 + len(others))
        return [Item(self._largest, weight=weight), *(Item(a, "first", weight=weight) for a in others)]
