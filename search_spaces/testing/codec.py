"""Choices, genomes and architectures: what goes in comes out."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from search_spaces.architecture import Architecture
from search_spaces.errors import SpaceError
from search_spaces.space import Genomes, SearchSpace
from search_spaces.testing.base import ContractBase


class CodecContract(ContractBase):
    """Sampling, encoding, decoding, JSON and ids."""

    def test_describes_itself(self, space: SearchSpace) -> None:
        """Name, title, source; choices have distinct names and distinct values."""
        assert space.name
        assert space.title
        assert space.source
        names = [c.name for c in space.choices]
        assert len(set(names)) == len(names)
        assert all(len(set(c.values)) == len(c.values) >= 1 for c in space.choices)
        assert {g for s in space.stages for g in s.genes} <= set(names)

    def test_sampling_is_valid_and_deterministic(self, space: SearchSpace, sample: Genomes) -> None:
        """One seed, one sample; all of it valid; another seed differs."""
        again = space.sample(self.genomes, np.random.default_rng(self.seed))
        other = space.sample(self.genomes, np.random.default_rng(self.seed + 1))
        assert sample.shape == (self.genomes, len(space.choices))
        assert sample.dtype == np.uint8
        assert space.valid(sample).all()
        assert np.array_equal(sample, again)
        assert not np.array_equal(sample, other)

    def test_genomes_round_trip(self, space: SearchSpace, sample: Genomes) -> None:
        """``encode`` undoes ``decode``."""
        for genome in sample:
            architecture = space.decode(genome)
            assert space.contains(architecture)
            assert np.array_equal(space.encode(architecture), genome), architecture.to_json()

    def test_json_round_trips(self, space: SearchSpace, sample: Genomes) -> None:
        """An architecture survives JSON, deep copy and pickle with its id, and passes the grammar."""
        for genome in sample:
            architecture = space.decode(genome)
            copies = [
                Architecture.from_json(architecture.to_json()), space.architecture(architecture.config),
                copy.deepcopy(architecture), pickle.loads(pickle.dumps(architecture)),
            ]  # fmt: skip
            assert all(c == architecture and c.id == architecture.id for c in copies), architecture.to_json()
            assert len({architecture, *copies}) == 1

    def test_ids_are_distinct(self, space: SearchSpace, sample: Genomes) -> None:
        """Different genomes are different architectures with different ids."""
        distinct = np.unique(sample, axis=0)
        assert len({space.decode(g).id for g in distinct}) == len(distinct)

    def test_options_are_part_of_the_id(self, space: SearchSpace, sample: Genomes) -> None:
        """The same genome with other options is another architecture, which this space refuses."""
        other = self.make_space(**self.options).decode(sample[0])
        assert other.id != space.decode(sample[0]).id
        assert not space.contains(other)
        with pytest.raises(SpaceError):
            space.operators(other)

    def test_bad_genomes_are_refused(self, space: SearchSpace, sample: Genomes) -> None:
        """Wrong length and values out of range."""
        for bad in (sample[0][:-1], sample[:2], sample[0].astype(int) - 1000, sample[0].astype(int) + 1000):
            with pytest.raises(SpaceError):
                space.decode(bad)

    def test_invalid_combinations_are_refused(self, space: SearchSpace, rng: np.random.Generator) -> None:
        """``decode`` accepts exactly the genomes that ``valid`` accepts."""
        draw = rng.integers(0, space.cardinalities, size=(self.genomes, len(space.choices))).astype(np.uint8)
        for genome in draw[~space.valid(draw)]:
            with pytest.raises(SpaceError):
                space.decode(genome)
        for genome in draw[space.valid(draw)]:
            space.decode(genome)

    @pytest.mark.parametrize("option", range(3))
    def test_bad_options_are_refused(self, option: int) -> None:
        """A SpaceError, not a model that cannot be built."""
        if option < len(self.bad_options):
            with pytest.raises(SpaceError):
                self.make_space(**self.bad_options[option])
