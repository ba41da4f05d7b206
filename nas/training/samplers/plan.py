"""What a sampler says and hears: items of a step, the moment, the protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from search_spaces import Architecture, SearchSpace

Target = Literal["truth", "first", "mean"]
"""The teacher's probabilities (the labels where there is no teacher); the prediction of the step's first item; the mean
prediction of all items before."""
Divergence = Literal["ce", "alpha"]


@dataclass(frozen=True)
class Item:
    """One subnet of a step: its target, its loss, the loss's weight, and its images.

    ``architecture`` is None for a network that is no supernet. ``share`` (i, n): every n-th image, from the i-th on.
    ``exit``: all items of the step are exits of the last one, on the same images: one forward pass gives them all where
    the supernet can do that.
    """

    architecture: Architecture | None
    target: Target = "truth"
    divergence: Divergence = "ce"
    weight: float = 1.0
    share: tuple[int, int] = (0, 1)
    exit: bool = False


@dataclass(frozen=True)
class Moment:
    """Where a training stands: step ``step`` of ``steps``, the ``index``-th of its epoch's ``per_epoch``."""

    step: int
    steps: int
    per_epoch: int

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return self.step // self.per_epoch

    @property
    def index(self) -> int:
        """Steps of this epoch that are finished."""
        return self.step % self.per_epoch

    @property
    def progress(self) -> float:
        """Share of the training that is done, below 1."""
        return self.step / self.steps


class Sampler(ABC):
    """A training method. ``rng`` is drawn from (seed, step), so every worker plans the same and none need be saved."""

    name: ClassVar[str]
    listens: ClassVar[bool] = False
    """Whether :meth:`hear` wants every item's cross-entropy."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space

    @abstractmethod
    def plan(self, at: Moment, rng: np.random.Generator) -> list[Item]:
        """The subnets of one step, trained together: their gradients add up."""

    def sorts(self, at: Moment) -> bool:
        """Whether to sort channels by importance before this step."""
        return False

    def asks(self, at: Moment) -> list[Architecture]:
        """Subnets whose cross-entropy on this step's images is wanted before the step."""
        return []

    def answer(self, losses: Sequence[float]) -> None:  # noqa: B027  (most samplers need none)
        """The cross-entropies asked for."""

    def hear(self, losses: Sequence[float]) -> None:  # noqa: B027  (most samplers need none)
        """The cross-entropies, with the labels, of the items just trained."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold, as plain data."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027  (most samplers need none)
        """The inverse of :meth:`state`."""


def draw(space: SearchSpace, rng: np.random.Generator) -> Architecture:
    """One architecture, uniform over the space."""
    return space.decode(space.sample(1, rng)[0])
