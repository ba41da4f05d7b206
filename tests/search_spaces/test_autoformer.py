"""The AutoFormer spaces keep the contract and hold the published figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from search_spaces import SearchSpace, SpaceError, UnknownName, get_space, trace
from search_spaces.autoformer import AutoFormer
from search_spaces.testing import SpaceContract


class TestContract(SpaceContract):
    """Everything that holds for every space."""

    options = {"num_classes": 7, "in_chans": 1, "relative_position": False}
    bad_options = ({"num_classes": -1}, {"img_size": 100}, {"relative_position": 1})
    genomes = 100

    def make_space(self, **options: Any) -> SearchSpace:
        return AutoFormer(**{"img_size": 64, **options})  # a small grid of patches, to be quick


# Parameters, MACs without the relative positions, and the released counter's result (reference, section 8).
GOLDEN = {
    "tiny": ("AutoFormer-T", 5_867_944, 1_283_236_352, 1_344_034_362),
    "small": ("AutoFormer-S", 22_891_432, 4_773_931_776, 4_892_144_730),
    "base": ("AutoFormer-B", 53_691_688, 11_045_397_248, 11_236_929_660),
}


@pytest.mark.parametrize("size", GOLDEN)
def test_published_figures(size: str) -> None:
    """Exactly: parameters, MACs, and FLOPs by the released counter."""
    name, params, plain, paper = GOLDEN[size]
    space, without = AutoFormer(size=size), AutoFormer(size=size, relative_position=False)
    architecture = space.published[name]
    assert space.price_architecture(architecture)["params"] == params
    assert without.price_architecture(without.published[name])["macs"] == plain
    assert space.paper_count(architecture) == paper
    assert space.contains(architecture) == (name != "AutoFormer-T"), "T has an MLP ratio outside its space"


@pytest.mark.parametrize(
    ("size", "count"), [("tiny", 1_056_964_608), ("small", 77_103_263_459_313), ("base", 10_108_977_168_384)]
)
def test_sizes(size: str, count: int) -> None:
    """1.06e9, 7.71e13, 1.01e13: the sum over depths, as published."""
    space = AutoFormer(size=size)
    assert space.size == count
    per_layer = len(space.grid.heads) * len(space.grid.mlp_tenths)
    assert count == len(space.grid.embed_dim) * sum(per_layer**depth for depth in space.grid.depth)


@pytest.mark.parametrize(("size", "relative"), [("small", True), ("base", False), ("base", True)])
def test_every_size_agrees_with_its_module(size: str, relative: bool) -> None:
    """Stage by stage, peak memory too."""
    space = AutoFormer(size=size, relative_position=relative, img_size=64)
    for genome in space.sample(2, np.random.default_rng(3)):
        architecture = space.decode(genome)
        with torch.device("meta"):
            traced = trace(space.model(architecture))
        table = space.operators(architecture)
        assert traced.stages == table.stages
        assert traced.memory_bytes == table.memory_bytes
        for (_, a), (_, b) in zip(traced.by_stage(), table.by_stage(), strict=True):
            assert a["kind"].tolist() == b["kind"].tolist()
            for quantity in ("macs", "params", "activations"):
                assert getattr(a, quantity)[0] == getattr(b, quantity)[0]


def test_vit_bench_columns_are_read() -> None:
    """ViT-Bench's columns, lists as text; its networks have no relative positions, and need not lie on the grid."""
    space = AutoFormer(relative_position=False, num_classes=100)
    heads, ratios = "3,4,4,3,3,4,3,4,3,3,3,4", "4.0,3.5,3.5,4.0,4.0,4.0,4.0,3.5,3.5,3.5,3.5,3.5"
    row = {"source": "gt", "hidden_dim": 216, "depth": 12, "num_heads": heads, "mlp_ratio": ratios, "c100": 1.0}
    architecture = space.from_released(row)
    assert space.contains(architecture)
    config = architecture.config
    assert (config["embed_dim"], config["heads"][:2], config["mlp_ratio"][:2]) == (216, [3, 4], [4.0, 3.5])
    wider = space.from_released({**row, "hidden_dim": 96})
    assert not space.contains(wider)
    with torch.device("meta"):
        assert trace(space.model(wider)).macs == space.operators(wider).macs
    assert space.from_released({"EMBED_DIM": 216, "NUM_HEADS": config["heads"], "MLP_RATIO": config["mlp_ratio"]}) == (
        architecture
    )


@pytest.mark.parametrize(
    "damage", [{"depth": 11}, {"num_heads": "3,x"}, {"num_heads": "3.5,3"}, {"mlp_ratio": [1e9] * 2}, {"hidden_dim": 0}]
)
def test_damaged_subnets_are_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(SpaceError, match="autoformer"):
        AutoFormer().from_released({"hidden_dim": 192, "num_heads": "3,3", "mlp_ratio": "4,4", **damage})


def test_structures_need_not_repeat_what_is_fixed() -> None:
    """Resolution, patch and head width default to the space's; integer and float ratios are one structure."""
    space = get_space("autoformer")
    short = space.architecture({"embed_dim": 200, "heads": [2, 2], "mlp_ratio": [4, 2.5]})
    assert short == space.architecture({**short.config, "mlp_ratio": [4.0, 2.5]})
    assert short.config["resolution"] == 224
    assert not space.contains(short)
    with pytest.raises(SpaceError, match="heads and mlp_ratio"):
        space.architecture({"embed_dim": 200, "heads": [2], "mlp_ratio": [4, 2.5]})


def test_unknown_sizes_are_refused() -> None:
    with pytest.raises(UnknownName, match="small"):
        get_space("autoformer", size="smal")


def test_missing_layers_have_no_genes() -> None:
    """Genes of layers behind the depth are 0 in every valid genome, and repair makes them so."""
    space = AutoFormer()
    rng = np.random.default_rng(0)
    draw = rng.integers(0, space.cardinalities, size=(300, len(space.choices))).astype(np.uint8)
    assert 0 < space.valid(draw).mean() < 1
    assert space.valid(space.repair(draw)).all()
    kept = space.valid(draw)
    assert np.array_equal(space.repair(draw)[kept], draw[kept])
