"""The ViT-ResNAS spaces keep the contract and hold the published figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from search_spaces import SearchSpace, SpaceError, UnknownName, get_space, trace
from search_spaces.testing import SpaceContract
from search_spaces.vit_resnas import VitResNAS


class TestContract(SpaceContract):
    """Everything that holds for every space."""

    bad_options = ({"num_classes": -1}, {"img_size": 100}, {"in_chans": True})
    genomes = 100
    modules = 1

    def make_space(self, **options: Any) -> SearchSpace:
        return VitResNAS(**{"img_size": 56, **options})  # a small grid of patches, to be quick


def released(patches: list[int], *stages: tuple[int, int, int, int, int]) -> list[Any]:
    """A network_def of equal blocks; a stage is (width, heads, head_dim, mlp, depth)."""
    rows: list[Any] = [patches]
    for i, (width, heads, dim, mlp, depth) in enumerate(stages):
        rows += [[3, stages[i - 1][0], width]] if i else []
        rows += [[1, [width, heads, dim], [width, mlp], 1]] * depth
    return [*rows, [2, stages[-1][0], 1000]]


# (MACs, MACs by the authors' estimator, params, params with the head on patches), from the released scripts.
PUBLISHED = {
    "ViT-ResNAS-Tiny": (1_782_630_272, 1_782_630_272, 40_793_552, 41_498_552),
    "ViT-ResNAS-Medium": (4_513_135_936, 4_513_135_936, 96_442_672, 97_323_672),
    "ViT-ResNAS-Medium-280": (7_219_069_888, 7_141_340_992, 96_508_192, 97_389_192),
    "ViT-Res-Tiny": (1_794_378_240, 1_794_378_240, 42_012_736, 42_781_736),
    "largest-tiny": (3_497_553_920, 3_497_553_920, 84_814_464, 85_839_464),
}
OTHERS = [
    (
        released([5, 320, 32], (320, 8, 32, 960, 7), (640, 12, 48, 1920, 7), (1280, 12, 64, 3840, 7)),
        (6_004_309_888, 6_004_309_888, 142_827_208, 144_108_208),
    ),
    (
        released([0, 256], (256, 6, 32, 768, 6), (512, 12, 48, 1536, 6), (1024, 12, 64, 3072, 6)),
        (3_320_834_048, 3_320_834_048, 84_652_776, 85_677_776),
    ),
    (
        released([0, 256], (256, 4, 64, 768, 6), (512, 8, 64, 1536, 6), (1024, 12, 64, 3072, 6)),
        (3_418_253_312, 3_418_253_312, 84_259_560, 85_284_560),
    ),
]


def figures(space: VitResNAS, architecture: Any) -> tuple[Any, ...]:
    price = space.price_architecture(architecture)
    return price["macs"], space.paper_count(architecture), price["params"], space.paper_params(architecture)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures(name: str) -> None:
    """MACs and parameters to the integer, by our count and the authors'."""
    space = VitResNAS()
    assert figures(space, space.published[name]) == PUBLISHED[name]


@pytest.mark.parametrize(("raw", "expected"), OTHERS, ids=("wide_stem", "linear_patches", "head_dim_64"))
def test_other_released_figures(raw: list[Any], expected: tuple[int, ...]) -> None:
    """Wider stems, linear patches, other head widths."""
    space = VitResNAS()
    assert figures(space, space.from_released(raw)) == expected


def test_membership() -> None:
    """Searched networks lie in their spaces, within 0.975 .. 1 of their constraints; the others do not."""
    tiny, small = VitResNAS(), VitResNAS(size="small")
    assert [n for n, a in tiny.published.items() if tiny.contains(a)] == ["ViT-ResNAS-Tiny", "largest-tiny"]
    assert [n for n, a in small.published.items() if small.contains(a)] == ["ViT-ResNAS-Medium"]
    assert VitResNAS(size="small", img_size=280).contains(small.published["ViT-ResNAS-Medium-280"])
    for name, limit in (("ViT-ResNAS-Tiny", 1.7944e9), ("ViT-ResNAS-Medium", 4.6e9)):
        assert 0.975 * limit <= PUBLISHED[name][0] <= limit


@pytest.mark.parametrize(("size", "count"), [("tiny", 5**3 * 28**9 * 29**9), ("small", 5**3 * 28**12 * 29**9)])
def test_sizes(size: str, count: int) -> None:
    """1.92e28 and 4.21e32."""
    assert VitResNAS(size=size).size == count


def test_largest_networks() -> None:
    """3.4976 G MACs and 85.84 M parameters; 6.2603 G and 156.60 M, as released with the head on patches."""
    for size, macs, params in (("tiny", 3.4976, 85.84), ("small", 6.2603, 156.60)):
        space = VitResNAS(size=size)
        largest = space.decode(space.cardinalities - 1)
        assert round(space.bounds("macs")[1] / 1e9, 4) == macs
        assert space.bounds("macs")[1] == space.operators(largest).macs[0]
        assert round((space.paper_params(largest) or 0) / 1e6, 2) == params


@pytest.mark.parametrize(("size", "resolution"), [("tiny", 224), ("small", 98), ("small", 280)])
def test_every_stage_agrees_with_the_module(size: str, resolution: int) -> None:
    """Stage by stage and row by row, peak memory too, also where a grid's side is odd (98: 7, 4, 2)."""
    space = VitResNAS(size=size, img_size=resolution)
    architecture = space.decode(space.sample(1, np.random.default_rng(3))[0])
    with torch.device("meta"):
        traced = trace(space.model(architecture))
    table = space.operators(architecture)
    assert traced.stages == table.stages
    assert traced["kind"].tolist() == table["kind"].tolist()
    for quantity in ("row_macs", "row_activations", "row_memory"):
        assert np.array_equal(getattr(traced, quantity), getattr(table, quantity)), quantity
    assert np.array_equal(traced["params"], table["params"])


def test_left_out_blocks_keep_their_places() -> None:
    """A network with exists=0 rows costs what it costs without them; short results are put on the grid."""
    space = VitResNAS()
    raw = released([4, 160], (160, 3, 32, 384, 6), (320, 6, 48, 768, 6), (640, 6, 64, 1536, 6))
    second = [*raw[:2], [*raw[2][:3], 0], *raw[3:]]
    explicit, short = space.from_released(second), space.from_released([*raw[:2], *raw[3:]])
    assert explicit.config["stages"][0]["blocks"][1] is None
    assert short.config["stages"][0]["blocks"][5] is None, "the last place that may be empty"
    assert explicit.id != short.id
    assert space.price_architecture(explicit) == space.price_architecture(short)
    assert space.contains(explicit)
    assert space.contains(short)
    for architecture in (explicit, short):
        assert space.decode(space.encode(architecture)) == architecture


def test_plain_transformers_are_read() -> None:
    """Without a reduction the network is a DeiT of 16-pixel patches: DeiT-Tiny's parameters and MACs."""
    space = VitResNAS()
    architecture = space.from_released(released([0, 192], (192, 3, 64, 768, 12)))
    assert figures(space, architecture)[2] == 5_717_416
    with torch.device("meta"):
        assert trace(space.model(architecture)).macs == space.operators(architecture).macs


@pytest.mark.parametrize(
    "damage",
    [
        (0, [1, 160]), (0, [4, 100]), (1, [1, [160, 3, 32], [176, 384], 1]), (1, [1, [160, 3, 32], [160, 384], 2]),
        (1, [1, [160, 3], [160, 384], 1]), (2, [3, 160, 100]), (2, [3, 100, 320]), (-1, [2, 160, 1000]),
        (-1, [1, [320, 3, 32], [320, 384], 1]), (1, [5, 160, 24]), (3, [3, 320, 640]),
    ],
)  # fmt: skip
def test_damaged_rows_are_refused(damage: tuple[int, Any]) -> None:
    """One damaged row at a time, refused by name."""
    raw = released([4, 160], (160, 3, 32, 384, 1), (320, 6, 48, 768, 1))
    raw[damage[0]] = damage[1]
    with pytest.raises(SpaceError, match="vit_resnas"):
        VitResNAS().from_released(raw)


def test_missing_blocks_have_no_genes() -> None:
    """The MLP gene of a block that is left out is 0 in every valid genome, and repair makes it so."""
    space = VitResNAS()
    draw = np.random.default_rng(0).integers(0, space.cardinalities, size=(500, len(space.choices))).astype(np.uint8)
    kept = space.valid(draw)
    assert 0 < kept.mean() < 1
    repaired = space.repair(draw)
    assert space.valid(repaired).all()
    assert np.array_equal(repaired[kept], draw[kept])


def test_unknown_sizes_are_refused() -> None:
    with pytest.raises(UnknownName, match="small"):
        get_space("vit_resnas", size="medium")
