"""Input that a stranger wrote: refused in one line, never a crash."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from search_spaces.architecture import Architecture
from search_spaces.errors import SpaceError
from search_spaces.space import Genomes, SearchSpace
from search_spaces.testing.base import ContractBase

HOSTILE_JSON = (
    "", "null", "[]", "42", '"text"', "{", "{}", "[" * 100_000, '{"space": 1}', '{"space": "x", "config": []}',
    '{"space": "x", "config": {"a": NaN}}', '{"space": "x", "config": {}, "options": 3}', " " * 2_000_000,
)  # fmt: skip
JUNK: tuple[Any, ...] = (None, 3, "x", [], {}, [[]], [None] * 10, {"a": 1}, [1e9] * 10, [[1, "2"]] * 10)


class HostileContract(ContractBase):
    """Damaged JSON, structures and released encodings."""

    @pytest.mark.parametrize("text", HOSTILE_JSON, ids=range(len(HOSTILE_JSON)))
    def test_hostile_json_is_refused(self, space: SearchSpace, text: str) -> None:
        """With a SpaceError, whether its form or its content is wrong."""
        with pytest.raises(SpaceError):
            space.architecture(Architecture.from_json(text).config)

    def _damaged(self, config: Any, rng: np.random.Generator) -> Any:
        """A copy of the structure with one leaf or key replaced by something absurd."""
        damaged = copy.deepcopy(config)
        holder = damaged
        while True:
            key = rng.choice(sorted(holder)) if isinstance(holder, dict) else int(rng.integers(len(holder)))
            if not isinstance(holder[key], (dict, list)) or not holder[key] or rng.random() < 0.2:
                bad: list[Any] = ["x", None, -1, 10**12, 1.5, True, [], {"a": []}, [[1]]]
                holder[key] = bad[int(rng.integers(len(bad)))]
                return damaged
            holder = holder[key]

    def test_damaged_structures_never_crash(self, space: SearchSpace, sample: Genomes) -> None:
        """A damaged structure is a SpaceError, or (rarely) another valid architecture that can be priced."""
        rng = np.random.default_rng(self.seed)
        for genome in sample:
            damaged = self._damaged(space.decode(genome).config, rng)
            try:
                architecture = space.architecture(damaged)
            except SpaceError:
                continue
            assert space.operators(architecture).params[0] > 0, json.dumps(damaged)

    @pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
    def test_released_junk_is_refused(self, space: SearchSpace, junk: Any) -> None:
        """``from_released`` answers anything malformed with a SpaceError."""
        with pytest.raises(SpaceError):
            space.from_released(junk)
