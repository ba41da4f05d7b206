"""Memory banks: per complexity level, the subnets that did best so far (ElasticViT, section 3.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Bank:
    """At most ``capacity`` genomes with their scores (minus the cross-entropy); a better one replaces the worst."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.genomes: list[NDArray[np.uint8]] = []
        self.scores: list[float] = []

    @property
    def warm(self) -> bool:
        """More than half full."""
        return len(self.genomes) > self.capacity / 2

    @property
    def best(self) -> NDArray[np.uint8] | None:
        """The genome with the best score."""
        return self.genomes[int(np.argmax(self.scores))] if self.genomes else None

    def add(self, genome: NDArray[np.uint8], score: float) -> None:
        """Keep a subnet if there is room, or in the place of the worst if it is better."""
        if len(self.genomes) < self.capacity:
            self.genomes.append(genome)
            self.scores.append(score)
            return
        worst = int(np.argmin(self.scores))
        if score > self.scores[worst]:
            self.genomes[worst], self.scores[worst] = genome, score

    def draw(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A subnet, with probability softmax(score)."""
        scores = np.array(self.scores)
        weights = np.exp(scores - scores.max())
        return self.genomes[int(rng.choice(len(weights), p=weights / weights.sum()))]

    def state(self) -> dict[str, Any]:
        """Plain data."""
        return {"genomes": [g.tolist() for g in self.genomes], "scores": list(self.scores)}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        self.genomes = [np.array(g, dtype=np.uint8) for g in state["genomes"]]
        self.scores = [float(s) for s in state["scores"]]
