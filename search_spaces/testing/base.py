"""The space under test, its samples, and how many of them the contract looks at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pytest

from search_spaces.architecture import Architecture
from search_spaces.space import Genomes, SearchSpace


class ContractBase(ABC):
    """What every part of the contract draws from; see :class:`search_spaces.testing.SpaceContract`."""

    seed = 0
    genomes = 200
    """Genomes drawn for tests of codec, prices and variation."""
    tables = 20
    """Of those, how many are materialised as tables."""
    modules = 2
    """Of those, how many are built and traced."""
    subnets = 1
    """Random subnets compared with their supernet, beside the smallest and the largest."""
    batch = 2
    options: dict[str, Any] = {"num_classes": 7, "in_chans": 1}
    """Options, none at their defaults, of which the space's model makes use."""
    bad_options: tuple[dict[str, Any], ...] = ({"num_classes": -1}, {"in_chans": 0}, {"num_classes": "x"})
    tolerance = 1e-4
    """Largest difference between a subnet in its supernet and extracted, relative to the largest output."""

    @abstractmethod
    def make_space(self, **options: Any) -> SearchSpace:
        """The space under test."""

    def input_size(self, architecture: Architecture, space: SearchSpace) -> tuple[int, int, int]:
        """(channels, height, width) of the images that a model of ``architecture`` is priced for."""
        side = architecture.config.get("resolution", 224)
        return space.options.get("in_chans", 3), side, side

    @pytest.fixture(scope="class")
    def space(self) -> SearchSpace:
        """The space with default options; made, and its look-ups compiled, once for all tests."""
        return self.make_space()

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        """A generator with the contract's seed."""
        return np.random.default_rng(self.seed)

    @pytest.fixture(scope="class")
    def sample(self, space: SearchSpace) -> Genomes:
        """Valid genomes, shape (``genomes``, G); read-only, since every test has the same."""
        sample = space.sample(self.genomes, np.random.default_rng(self.seed))
        sample.flags.writeable = False
        return sample

    def extremes(self, space: SearchSpace, sample: Genomes) -> Genomes:
        """Every gene at its first, then at its last value; a sampled genome where that is not valid."""
        ends = np.stack([np.zeros_like(space.cardinalities), space.cardinalities - 1]).astype(np.uint8)
        return np.where(space.valid(ends)[:, None], ends, sample[:2])
