"""Uniform sampling: one random subnet a step (single-path one-shot, AutoFormer)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nas.training.samplers.plan import Item, Moment, Sampler, draw


class Uniform(Sampler):
    """One subnet, uniform over the space's valid architectures."""

    name: ClassVar[str] = "uniform"

    def plan(self, at: Moment, rng: np.random.Generator) -> list[Item]:
        """See :class:`Sampler`."""
        return [Item(draw(self.space, rng))]
