"""The As-ViT space keeps the contract and holds the published figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import SearchSpace, SpaceError, get_space, trace
from search_spaces.asvit import AsViT, released
from search_spaces.testing import SpaceContract


class TestContract(SpaceContract):
    """Everything that holds for every space."""

    def make_space(self, **options: Any) -> SearchSpace:
        return AsViT(**options)


@pytest.fixture(scope="module")
def space() -> AsViT:
    return AsViT()


# Genotype, parameters and operations as counted by the reference class (VITA-Group/AsViT e326cca) and its thop, and
# the true MACs that follow from them: without biases of convolutions (56^2 C) and without 2 x 50 per pooled channel.
GOLDEN = {
    "seed": ("8,2,3,1|4,1,2,1|4,1,4,1|4,1,6,1|32,32", 2_319_624, 491_595_264, 491_469_312),
    "Small": ("8,2,3,3|4,1,2,1|4,1,4,4|4,1,6,2|32,88", 28_775_328, 5_132_481_024, 5_132_134_656),
    "Large": ("8,2,3,5|4,1,2,2|4,1,4,5|4,1,6,2|32,180", 87_580_820, 22_358_480_640, 22_357_813_760),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_published_figures(space: AsViT, name: str) -> None:
    """Genotype -> the authors' count, MACs and parameters, exactly."""
    genotype, params, paper, macs = GOLDEN[name]
    architecture = space.from_released(genotype)
    assert architecture == space.published[name]
    assert space.paper_count(architecture) == paper
    price = space.price_architecture(architecture)
    assert (price["macs"], price["params"]) == (macs, params)
    assert space.genotype(architecture) == genotype


def test_base_has_its_rounded_figures(space: AsViT) -> None:
    """52.26 M parameters and 8.75 G operations (only the rounded figures are known)."""
    base = space.published["Base"]
    assert round(space.price_architecture(base)["params"] / 1e6, 2) == 52.26
    assert round((space.paper_count(base) or 0) / 1e9, 2) == 8.75


def test_size(space: AsViT) -> None:
    """5 3^3 3 3 2 5^4 3 seeds, of which the published seed is one and the grown networks are none."""
    assert space.size == space.total_size == 4_556_250
    assert [name for name, a in space.published.items() if space.contains(a)] == ["seed"]


def test_peak_memory_equals_module(space: AsViT) -> None:
    """To the byte, on the grid and off it."""
    for architecture in (*space.published.values(), *map(space.decode, space.sample(3, np.random.default_rng(0)))):
        with torch.device("meta"):
            traced = trace(space.model(architecture))
        assert traced.memory_bytes[0] == space.operators(architecture).memory_bytes[0], architecture.to_json()


def test_channels_end_at_1024(space: AsViT) -> None:
    """Large would have 1440 in its last stage."""
    assert [s.width for s in space.summary(space.published["Large"])] == [180, 360, 720, 1024, 1024]


def structures() -> st.SearchStrategy[dict[str, Any]]:
    """Structures on the grid and off it, of modest size."""

    def stage(side: int, low: int, high: int) -> st.SearchStrategy[dict[str, int]]:
        splits = [s for s in range(1, side + 1) if side % s == 0]
        return st.fixed_dictionaries({
            "kernel": st.integers(low, high), "split": st.sampled_from(splits), "expand": st.integers(1, 7),
            "depth": st.integers(1, 3),
        })  # fmt: skip

    sides = st.sampled_from((64, 96, 224))
    return sides.flatmap(
        lambda side: st.fixed_dictionaries({
            "resolution": st.just(side), "width": st.integers(9, 160), "heads": st.sampled_from((8, 16, 32, 48, 64)),
            "stages": st.tuples(stage(side // 4, 4, 11), *(stage(side // 8 // 2**t, 2, 6) for t in range(3))).map(list),
        })
    )  # fmt: skip


@settings(max_examples=15, deadline=None, derandomize=True)
@given(structures())
def test_table_equals_module_off_the_grid(config: dict[str, Any]) -> None:
    """MACs, parameters and activations of whatever ``nas scale`` may grow: heads need not divide the width."""
    space = AsViT(num_classes=10)
    architecture = space.architecture(config)
    with torch.device("meta"):
        traced = trace(space.model(architecture))
    table = space.operators(architecture)
    for quantity in ("macs", "params", "activations"):
        assert getattr(traced, quantity)[0] == getattr(table, quantity)[0], (quantity, architecture.to_json())


@settings(max_examples=50, deadline=None, derandomize=True)
@given(structures())
def test_genotypes_round_trip(config: dict[str, Any]) -> None:
    """Structure -> text -> structure."""
    assert released.read(released.write(config), config["resolution"]) == config


def test_short_genotypes(space: AsViT) -> None:
    """Depths and width may be left out; what is written back is complete."""
    short, full = "8,2,3|4,1,2|4,1,4|4,1,6|32", GOLDEN["seed"][0]
    assert space.from_released(short) == space.from_released(full)
    assert released.write(space.from_released(full).config, seed=True) == short


@pytest.mark.parametrize(
    ("genotype", "said"),
    [
        ("8,2,3|4,1,2|4,1,4|32", "a genotype is a text"),
        ("8,2|4,1,2|4,1,4|4,1,6|32", "no part of a genotype"),
        ("8,2,x|4,1,2|4,1,4|4,1,6|32", "no part of a genotype"),
        ("8,2,3,1,1|4,1,2|4,1,4|4,1,6|32", "no part of a genotype"),
        ("8,3,3|4,1,2|4,1,4|4,1,6|32", "divisor of the map's side 56"),
        ("3,2,3|4,1,2|4,1,4|4,1,6|32", "kernel must be a whole number from 4"),
        ("8,2,3|4,1,2|4,1,4|4,1,6|20", "heads must be a multiple of 8"),
        ("8,2,3|4,1,2|4,1,4|4,1,6|64,7", "64 heads need a width of at least 8"),
        ("8,2,3|4,1,2|4,1,4|4,1,6|32,99999", "width must be"),
    ],
)
def test_bad_genotypes_are_explained(space: AsViT, genotype: str, said: str) -> None:
    with pytest.raises(SpaceError, match=said.replace("[", r"\[")):
        space.from_released(genotype)


def test_other_image_sizes() -> None:
    """Any multiple of 32: the windows of every seed divide its maps."""
    space = get_space("asvit", img_size=96)
    for genome in space.sample(20, np.random.default_rng(0)):
        assert space.operators(space.decode(genome)).macs[0] > 0
    with pytest.raises(SpaceError, match="multiple of 32"):
        get_space("asvit", img_size=100)
