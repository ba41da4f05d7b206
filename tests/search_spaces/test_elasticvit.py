"""The ElasticViT space keeps the contract and holds the published figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from search_spaces import SearchSpace, SpaceError, get_space, trace
from search_spaces.elasticvit import ElasticViT
from search_spaces.elasticvit.space import RESOLUTIONS
from search_spaces.testing import SpaceContract


class TestContract(SpaceContract):
    """Everything that holds for every space."""

    modules = 1

    def make_space(self, **options: Any) -> SearchSpace:
        return ElasticViT(**options)


@pytest.fixture(scope="module")
def space() -> ElasticViT:
    return ElasticViT()


# Facts of the released configurations (microsoft/Moonlit 348a402, ElasticViT/configs): released encoding, the authors'
# count in MMACs, true MACs, parameters, and the side of every stage's map. Computed from the released code.
# fmt: off
GOLDEN: dict[str, tuple[list[Any], int, int, int, list[int]]] = {
    "T1": (
        [128, [16, 24, 32, 64, 96, 176, 272], [1, 2, 3, 1, 1, 1, 1], [1, 3, 3, 3, 3, 3], [3, 3, 3, 3, 3, 3], [2, 2,
         3, 4], [4, 6, 11, 17], [1, 1, 1, 1], [1, 1, 1, 1], [2, 2, 2, 2]],
        62915120, 64899104, 8905832, [64, 32, 16, 8, 8, 4, 2],
    ),
    "S1": (
        [192, [16, 24, 40, 64, 96, 192, 272], [1, 3, 3, 2, 2, 2, 2], [1, 3, 3, 3, 3, 3, 3], [3, 3, 3, 3, 3, 3, 3],
         [2, 2, 2, 2, 3, 3, 4, 4], [4, 4, 6, 6, 12, 12, 17, 17], [1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1],
         [2, 2, 2, 2, 2, 2, 2, 2]],
        217641922, 221549056, 10836592, [96, 48, 24, 12, 12, 6, 3],
    ),
    "M": (
        [224, [16, 32, 48, 64, 96, 192, 288], [1, 3, 5, 2, 2, 2, 2], [1, 3, 3, 3, 3, 3, 3, 3, 3], [5, 3, 3, 3, 3, 3,
         3, 3, 3], [2, 2, 4, 4, 4, 4, 5, 5], [4, 4, 6, 6, 12, 12, 18, 18], [1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1,
         1, 1, 1], [2, 2, 2, 2, 2, 2, 2, 2]],
        415580824, 417418816, 12016968, [112, 56, 28, 14, 14, 7, 4],
    ),
    "L1": (
        [256, [16, 24, 40, 64, 96, 192, 320], [1, 3, 3, 2, 2, 2, 2], [1, 3, 3, 3, 6, 6, 6], [5, 5, 5, 5, 5, 5, 5],
         [4, 4, 3, 3, 4, 4, 4, 4], [4, 4, 6, 6, 12, 12, 20, 20], [1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1],
         [2, 2, 2, 2, 2, 2, 2, 2]],
        517107584, 522878976, 12764996, [128, 64, 32, 16, 16, 8, 4],
    ),
    "L2": (
        [256, [16, 24, 40, 80, 128, 256, 304], [1, 3, 4, 2, 2, 2, 2], [1, 6, 6, 6, 6, 6, 6, 6], [3, 3, 3, 3, 3, 3,
         3, 3], [3, 3, 2, 2, 3, 3, 5, 5], [5, 5, 8, 8, 16, 16, 19, 19], [1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1,
         1, 1], [2, 2, 2, 2, 2, 2, 3, 3]],
        704110592, 713129088, 14901060, [128, 64, 32, 16, 16, 8, 4],
    ),
    "min200": (
        [128, [16, 16, 16, 48, 80, 144, 160], [1, 2, 2, 1, 1, 1, 1], [1, 3, 3, 3, 3], [3, 3, 3, 3, 3], [2, 2, 2, 2],
         [3, 5, 9, 10], [1, 1, 1, 1], [1, 1, 1, 1], [2, 2, 2, 2]],
        37365024, 38286208, 5636555, [64, 32, 16, 8, 8, 4, 2],
    ),
    "min400": (
        [176, [16, 24, 32, 48, 96, 176, 224], [1, 3, 3, 2, 2, 2, 2], [1, 3, 3, 3, 3, 3, 3], [3, 3, 3, 3, 3, 3, 3],
         [2, 2, 3, 3, 2, 2, 2, 2], [3, 3, 6, 6, 11, 11, 14, 14], [1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1],
         [2, 2, 2, 2, 2, 2, 2, 2]],
        159924302, 161672864, 8447198, [88, 44, 22, 11, 11, 6, 3],
    ),
    "min800": (
        [224, [16, 24, 32, 64, 96, 192, 256], [1, 3, 3, 2, 2, 2, 2], [1, 3, 3, 3, 3, 3, 3], [3, 3, 3, 3, 3, 3, 3],
         [2, 2, 2, 2, 2, 2, 2, 2], [4, 4, 6, 6, 12, 12, 16, 16], [1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1],
         [2, 2, 2, 2, 2, 2, 2, 2]],
        288809400, 290309984, 9637206, [112, 56, 28, 14, 14, 7, 4],
    ),
}
# fmt: on


@pytest.mark.parametrize("name", GOLDEN)
def test_published_figures(space: ElasticViT, name: str) -> None:
    """Released encoding -> authors' count, MACs, parameters and output shapes, exactly."""
    raw, paper, macs, params, _ = GOLDEN[name]
    architecture = space.from_released(raw)
    assert architecture == space.published[name]
    assert space.contains(architecture)
    assert space.paper_count(architecture) == paper
    assert {k: v for k, v in space.price_architecture(architecture).items() if k in ("macs", "params")} == {
        "macs": macs, "params": params,
    }  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_stage_shapes(space: ElasticViT, name: str) -> None:
    """Channels and sides of every stage, as the released model makes them."""
    raw, *_, sides = GOLDEN[name]
    summary = space.summary(space.from_released(raw))[:-1]
    assert [(s.width, s.side) for s in summary] == list(zip(raw[1], sides, strict=True))
    if name not in ("S1", "min400"):  # the modules themselves at 192 and at 176 pixels, whose sides end on odd numbers
        return
    with torch.device("meta"):
        model = space.model(space.from_released(raw))
        x = torch.empty(1, 3, raw[0], raw[0])
        shapes = []
        for stage in model._stages().values():
            x = stage(x)
            shapes.append((x.shape[1], x.shape[2]))
    assert shapes == list(zip(raw[1], sides, strict=True))


def test_size(space: ElasticViT) -> None:
    """5.4487e16 combinations, 2.1672e16 of them with non-decreasing widths."""
    assert f"{space.total_size:.4e}" == "5.4487e+16"
    assert f"{space.size:.4e}" == "2.1672e+16"


def test_range_by_the_authors_counter(space: ElasticViT) -> None:
    """37.365024 M to 3191.458816 M."""
    smallest = space.decode(np.zeros(len(space.choices), dtype=np.uint8))
    largest = space.decode(space.cardinalities - 1)
    assert space.paper_count(smallest) == 37_365_024
    assert space.paper_count(largest) == 3_191_458_816
    assert smallest == space.published["min200"]
    assert space.operators(largest).params[0] == 37_567_310


def test_every_resolution_and_stage_agrees(space: ElasticViT) -> None:
    """Table and traced module agree stage by stage, row kind by row kind, at every resolution."""
    rng = np.random.default_rng(1)
    for resolution, genome in zip(RESOLUTIONS, space.sample(len(RESOLUTIONS), rng), strict=True):
        architecture = space.decode(genome)
        architecture = space.architecture({**architecture.config, "resolution": resolution})
        with torch.device("meta"):
            traced = trace(space.model(architecture))
        table = space.operators(architecture)
        assert traced.stages == table.stages
        assert traced.memory_bytes == table.memory_bytes
        for (_, a), (_, b) in zip(traced.by_stage(), table.by_stage(), strict=True):
            for quantity in ("macs", "params", "activations"):
                assert getattr(a, quantity)[0] == getattr(b, quantity)[0]


def test_layers_may_differ_off_the_grid(space: ElasticViT) -> None:
    """An architecture with per-layer values and odd widths has a table that equals its module."""
    config = space.published["M"].config
    config["resolution"] = 200
    config["conv_stages"][1] = {"width": 44, "expand": [1, 6, 2], "kernel": [7, 3, 5]}
    config["transformer_stages"][2] = {"width": 208, "mlp_ratio": [1, 3], "v_scale": [1, 4]}
    architecture = space.architecture(config)
    assert not space.contains(architecture)
    with torch.device("meta"):
        traced = trace(space.model(architecture))
    table = space.operators(architecture)
    assert (traced.macs, traced.params) == (table.macs, table.params)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_architectures_agree(space: ElasticViT) -> None:
    """Table equals module for 300 random architectures."""
    for genome in space.sample(300, np.random.default_rng(2)):
        architecture = space.decode(genome)
        with torch.device("meta"):
            traced = trace(space.model(architecture))
        table = space.operators(architecture)
        for quantity in ("macs", "params", "activations", "memory_bytes"):
            assert getattr(traced, quantity)[0] == getattr(table, quantity)[0], architecture.to_json()


def test_released_encoding_is_checked(space: ElasticViT) -> None:
    """One damaged field at a time."""
    raw = GOLDEN["T1"][0]
    for field, value in ((0, 127), (1, [16] * 6), (2, [0] * 7), (3, [1]), (7, [2] * 4), (8, [2] * 4), (9, [99] * 4)):
        with pytest.raises(SpaceError):
            space.from_released([*raw[:field], value, *raw[field + 1 :]])


def test_one_resolution_can_be_kept() -> None:
    """``img_size`` fixes the resolution, and a wrong one is refused with the nearest."""
    space = get_space("elasticvit", img_size=160)
    assert {space.decode(g).config["resolution"] for g in space.sample(20, np.random.default_rng(0))} == {160}
    with pytest.raises(SpaceError, match="nearest: 224"):
        get_space("elasticvit", img_size=230)
