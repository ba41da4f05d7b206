"""The small variants keep the contract, and the structure of the spaces that they make small."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from search_spaces import SearchSpace, get_space, trace
from search_spaces.autoformer.small import AutoFormerSmall
from search_spaces.elasticvit.small import ElasticViTSmall
from search_spaces.testing import SpaceContract
from search_spaces.vit_resnas.small import VitResNASSmall

SMALL = ("autoformer-small", "elasticvit-small", "vit_resnas-small")


class SmallContract(SpaceContract):
    """Fewer examples: the families' own tests draw the many."""

    genomes = 60
    tables = 8
    modules = 1


@pytest.mark.slow
class TestAutoFormerSmall(SmallContract):
    """With relative positions, which are an option here."""

    options = {"num_classes": 7, "in_chans": 1, "relative_position": True}

    def make_space(self, **options: Any) -> SearchSpace:
        return AutoFormerSmall(**options)


class TestElasticViTSmall(SmallContract):
    """At 32 pixels."""

    def make_space(self, **options: Any) -> SearchSpace:
        return ElasticViTSmall(**options)


@pytest.mark.slow
class TestVitResNASSmall(SmallContract):
    """At 32 pixels."""

    def make_space(self, **options: Any) -> SearchSpace:
        return VitResNASSmall(**options)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("side", [28, 32])
def test_every_stage_agrees_with_the_module(name: str, side: int) -> None:
    """Row by row, peak memory too, at both image sizes and for grey images."""
    space = get_space(name, img_size=side, in_chans=1)
    architecture = space.decode(space.sample(1, np.random.default_rng(side))[0])
    with torch.device("meta"):
        traced = trace(space.model(architecture))
    table = space.operators(architecture)
    assert architecture.config["resolution"] == side
    assert traced.stages == table.stages
    assert traced.memory_bytes == table.memory_bytes
    for (_, a), (_, b) in zip(traced.by_stage(), table.by_stage(), strict=True):
        for quantity in ("macs", "params", "activations"):
            assert getattr(a, quantity)[0] == getattr(b, quantity)[0]


@pytest.mark.parametrize(
    ("name", "side", "sides"),
    [
        ("elasticvit-small", 32, [32, 32, 16, 8, 8, 4, 2]), ("elasticvit-small", 28, [28, 28, 14, 7, 7, 4, 2]),
        ("vit_resnas-small", 32, [8, 8, 4, 4, 2, 2]), ("vit_resnas-small", 28, [7, 7, 4, 4, 2, 2]),
        ("autoformer-small", 32, [8, 8]), ("autoformer-small", 28, [7, 7]),
    ],
)  # fmt: skip
def test_sides(name: str, side: int, sides: list[int]) -> None:
    """Side of every stage's map, in the summary and in the maps of the module."""
    space = get_space(name, img_size=side)
    architecture = space.decode(space.cardinalities - 1)
    summary = space.summary(architecture)[:-1]
    assert [s.side for s in summary] == sides
    with torch.device("meta"):
        model: Any = space.model(architecture)
        maps = model.features()(torch.empty(1, 3, side, side))
    by_stage = {s.name: s for s in summary}
    wanted = [by_stage[level["module"]] for level in model.feature_info]
    assert [m.shape[1:3] for m in maps] == [(s.width, s.side) for s in wanted]


@pytest.mark.parametrize("name", SMALL)
def test_as_the_docstring_says(name: str) -> None:
    """Size and extremes in MACs and parameters at 32 pixels stand in the module's docstring."""
    import inspect

    space = get_space(name)
    text = " ".join((inspect.getdoc(inspect.getmodule(type(space))) or "").split())
    macs, params = ([f"{v / 1e6:.1f}" for v in space.bounds(q)] for q in ("macs", "params"))
    assert f"{space.size:,} networks" in text, space.size
    assert f"{macs[0]} to {macs[1]} M MACs" in text, macs
    assert f"{params[0]} to {params[1]} M parameters" in text, params


@pytest.mark.parametrize("name", SMALL)
def test_variants_are_families_of_their_own(name: str) -> None:
    """Another name, so another id; nothing is published; classes and channels are free."""
    space, whole = get_space(name), get_space(name.removesuffix("-small"))
    assert space.name == name
    assert not space.published
    assert space.options["num_classes"] == 10
    assert {c.name for c in space.choices if c.name.startswith("S1.1")} <= {c.name for c in whole.choices}
    genome = space.sample(1, np.random.default_rng(0))[0]
    other = get_space(name, num_classes=3, in_chans=1)
    assert space.decode(genome).id != other.decode(genome).id


def test_early_strides_are_left_out() -> None:
    """ElasticViT at 32 pixels would end on one token; the variant's four transformer stages see 8, 8, 4 and 2."""
    space = ElasticViTSmall()
    scales = list(space.scales.values())
    assert scales == [1, 1, 2, 4, 4, 8, 16]
    assert [b // a for a, b in pairwise(scales)] == [1, 2, 2, 1, 2, 2]
