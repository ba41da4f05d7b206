"""Multi-architectural sampling (ViT-ResNAS, section on the supernet): several architectures in one forward-backward.

Every architecture gets every n-th image of the batch, so the step costs about one pass over the batch however many
there are. The choices open up from the largest downwards, and channels are sorted by importance meanwhile, so that
first-n slicing keeps the ones that matter.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nas.training.samplers.plan import Item, Moment, Sampler
from search_spaces import Architecture

ARCHITECTURES = 4
SHRINKING = 0.25
"""Share of the training in which the choices open up and channels are sorted (30 of 120 epochs as published)."""
TRIES = 64


class MultiArchitectural(Sampler):
    """Architectures drawn gene by gene among the open choices, ``clamp(1 + floor(progress (n - 1)), 1, n)`` of n."""

    name: ClassVar[str] = "multi-arch"

    def plan(self, at: Moment, rng: np.random.Generator) -> list[Item]:
        """See :class:`Sampler`."""
        chosen = [self._draw(at, rng) for _ in range(ARCHITECTURES)]
        n = len(chosen)
        return [Item(a, weight=1 / n, share=(i, n)) for i, a in enumerate(chosen)]

    def sorts(self, at: Moment) -> bool:
        """At the start of every epoch while the choices open up."""
        return at.index == 0 and at.progress <= SHRINKING

    def open_choices(self, at: Moment) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """How many values of each choice may be drawn, from the largest downwards, shape (G,)."""
        n = self.space.cardinalities
        return np.clip(1 + np.floor(at.progress / SHRINKING * (n - 1)), 1, n).astype(np.int64)

    def _draw(self, at: Moment, rng: np.random.Generator) -> Architecture:
        cardinalities = self.space.cardinalities
        low = cardinalities - self.open_choices(at)
        genomes = rng.integers(low, cardinalities, size=(TRIES, len(cardinalities))).astype(np.uint8)
        genomes = np.concatenate([genomes, (cardinalities - 1)[None].astype(np.uint8)])
        return self.space.decode(genomes[np.flatnonzero(self.space.valid(genomes))[0]])
