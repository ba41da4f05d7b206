"""Where profiling takes its networks from: random architectures of every space here, and timm's common networks."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces import Architecture, SearchSpace, get_space, list_spaces

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.operators import OperatorTable

MOST_MACS = 6e9
"""Larger networks are not drawn: minutes would go into a few of them."""
HELD_OUT_SHARE = 0.25
"""Share of timm's networks that are kept for the check alone."""
TIMM = "timm"


@dataclass(frozen=True)
class Candidate:
    """A network that can be built: ``name`` identifies it, ``table`` is its space's own (None: trace it)."""

    source: str
    name: str
    space: SearchSpace | None = None
    architecture: Architecture | None = None

    def build(self) -> nn.Module:
        """The module with fresh weights, in evaluation mode."""
        if self.space is not None and self.architecture is not None:
            return self.space.model(self.architecture).eval()
        import timm

        model: nn.Module = timm.create_model(self.name.removeprefix("timm:"))
        return model.eval()

    def table(self) -> OperatorTable | None:
        """The operator table that a search would read."""
        if self.space is None or self.architecture is None:
            return None
        return self.space.operators(self.architecture)


def held_out(name: str) -> bool:
    """Whether a network of that name is for the check alone: a fixed draw by its name, the same on every machine."""
    return hashlib.sha256(name.encode()).digest()[0] < 256 * HELD_OUT_SHARE


def source_names() -> list[str]:
    """timm, and every space."""
    return [TIMM, *list_spaces()]


@lru_cache
def timm_names() -> tuple[str, ...]:
    """The networks of the shipped list that this timm has: common ones of up to some 6 GMACs, CNNs and transformers."""
    import timm

    listed = json.loads(files("predictors.latency.profiling").joinpath("timm_networks.json").read_text())
    return tuple(name for name in listed if timm.is_model(name))


@lru_cache
def spaces(name: str) -> tuple[SearchSpace, ...]:
    """The space, once for each of its block families where it has several."""
    first = get_space(name)
    families: Any = getattr(first, "grids", None) if "family" in inspect.signature(type(first)).parameters else None
    return tuple(get_space(name, family=family) for family in families) if families else (first,)


def draw(source: str, rng: np.random.Generator, *, for_check: bool) -> Iterator[Candidate]:
    """Networks of a source in random order, without end for a space; those of the check never serve the fit."""
    if source == TIMM:
        names = [n for n in timm_names() if held_out(f"timm:{n}") == for_check]
        yield from (Candidate(TIMM, f"timm:{n}") for n in rng.permutation(names).tolist())
        return
    while True:
        for space in spaces(source):
            yield random_architecture(source, space, rng, for_check=for_check)


def random_architecture(source: str, space: SearchSpace, rng: np.random.Generator, *, for_check: bool) -> Candidate:
    """A random architecture of the fit's or of the check's part, of at most :data:`MOST_MACS`."""
    while True:
        genome = space.sample(1, rng)[0]
        architecture = space.decode(genome)
        fits = float(space.operators(architecture).macs[0]) <= MOST_MACS
        if fits and held_out(f"{space.name}:{architecture.id}") == for_check:
            return Candidate(source, f"{source}:{architecture.id}", space, architecture)
