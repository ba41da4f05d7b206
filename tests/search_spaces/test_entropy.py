"""Entropy and effectiveness: golden values of published networks, from spaces' tables and from traced modules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from search_spaces import NasError, UnknownName, get_space, trace
from search_spaces.convnet import ConvNet
from search_spaces.entropy import CONVENTIONS, effectiveness
from search_spaces.operators import Kind, OperatorTable, Role

# Structures of DeepMAD's repository: depth, E, rho (largest over scales), score, score by the released code.
DESIGNS = {
    "R18-like": (82, 246.62133412294992, 0.20020063434704005, 21875.748841153003, 21875.748841153003),
    "R50-like": (82, 244.16500789937643, 0.21707011663317685, 27407.556236191052, 27407.556236191052),
    "deepmad-29M-224": (71, 176.18274834119467, 0.49647882624973977, 19135.928285921356, 11915.370482986611),
    "deepmad-R18": (115, 342.2356476703994, 0.2990955537315473, 32120.203451603797, 32120.203451603797),
    "deepmad-R50": (157, 491.49201086756494, 0.29975226791565335, 48919.27690537724, 48919.27690537724),
    "maedet_l": (109, 359.9280757124303, 0.14766087889307183, 38762.22774074832, 38762.22774074832),
    "maedet_m": (91, 290.63083722803356, 0.1531049842128492, 30986.22250961995, 30986.22250961995),
    "maedet_s": (79, 246.83365734106556, 0.1526655805382412, 25301.617862042527, 25301.617862042527),
}
# Depth, E and rho over the whole depth of timm's networks, by the definition alone.
RESNETS = {
    "resnet18": (17, 60.62, 0.0136), "resnet34": (33, 120.48, 0.0222), "resnet50": (49, 155.24, 0.0868),
    "resnet101": (100, 327.10, 0.1442), "resnet152": (151, 494.80, 0.2152),
}  # fmt: skip


def traced(name: str) -> OperatorTable:
    with torch.device("meta"):
        return trace(timm.create_model(name))


@pytest.fixture(scope="module")
def space() -> ConvNet:
    return ConvNet()


@pytest.mark.parametrize("name", DESIGNS)
def test_published_designs(space: ConvNet, name: str) -> None:
    """Score and rho to 1e-9 relative, under the sound and the released convention."""
    depth, entropy, rho, score, released = DESIGNS[name]
    table = space.operators(space.published[name])
    found = effectiveness(table)
    assert found.depth == depth
    assert found.rho == pytest.approx(rho, rel=1e-9)
    assert found.entropy == pytest.approx(entropy, rel=1e-9)
    assert found.score == pytest.approx(score, rel=1e-9)
    assert effectiveness(table, "released").score == pytest.approx(released, rel=1e-9)
    assert effectiveness(table, "paper").score == pytest.approx(2 * found.score, rel=1e-12)


def test_scales_of_a_design(space: ConvNet) -> None:
    """Cumulative layers, E, width, map and rho of every scale of DeepMAD-29M."""
    scales = effectiveness(space.operators(space.published["deepmad-29M-224"])).scales
    assert [(s.stage, s.depth, s.channels, s.height) for s in scales] == [
        ("S1", 7, 40, 112), ("S2", 19, 85, 56), ("S3", 37, 134, 28), ("S4", 55, 201, 14), ("conv_head", 71, 1792, 7),
    ]  # fmt: skip
    assert [s.entropy for s in scales] == pytest.approx(
        [14.036312635326293, 41.45913014693415, 85.63551793266498, 132.289491712877, 176.18274834119467], rel=1e-12
    )
    assert [s.rho for s in scales] == pytest.approx(
        [0.1268861705130157, 0.24179138170828085, 0.3613063727355415, 0.44789619269777475, 0.49647882624973977]
    )


@pytest.mark.parametrize("name", ["deepmad-R18", "deepmad-29M-224"])
def test_table_equals_trace(space: ConvNet, name: str) -> None:
    """A traced module has the effectiveness of its table, scale by scale."""
    architecture = space.published[name]
    with torch.device("meta"):
        module = space.model(architecture)
    assert effectiveness(trace(module)) == effectiveness(space.operators(architecture))


def test_capacity_is_the_score(space: ConvNet) -> None:
    """The searched objective ``capacity`` is this score, on the grid and off it."""
    for architecture in (*space.published.values(), space.decode(space.sample(1, np.random.default_rng(0))[0])):
        score = effectiveness(space.operators(architecture)).score
        assert space.price_architecture(architecture)["capacity"] == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("name", RESNETS)
def test_resnets(name: str) -> None:
    """timm's ResNets: the 1x1 projections of the shortcuts and the classifier do not count."""
    depth, entropy, rho = RESNETS[name]
    found = effectiveness(traced(name))
    assert found.depth == depth
    assert found.entropy == pytest.approx(entropy, abs=0.005)
    assert found.rho_last == pytest.approx(rho, abs=5e-5)


def test_resnet50() -> None:
    """49 convolutions before the classifier, E = 155.2367, rho 0.0868 over the whole depth, at most 0.0891."""
    found = effectiveness(traced("resnet50"))
    assert round(found.entropy, 4) == 155.2367
    assert (round(found.rho_last, 4), round(found.rho, 4)) == (0.0868, 0.0891)
    assert [(s.stage, s.depth, s.channels, s.height) for s in found.scales] == [
        ("conv1", 1, 64, 112), ("layer1", 10, 256, 56), ("layer2", 22, 512, 28), ("layer3", 40, 1024, 14),
        ("layer4", 49, 2048, 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "depth", "scales"),
    [
        ("seresnet50", 49, [1, 10, 22, 40, 49]),  # gates do not count: as resnet50
        ("mobilenetv3_small_050", 34, None),
        ("efficientnet_b0", 49, [3, 9, 15, 33, 49]),  # 1 + 2 + 15 blocks of 3 + head convolution
        ("vgg16", 13, [2, 4, 7, 10, 13]),  # fully connected layers are the head
        ("repvgg_a0", 22, [1, 3, 7, 21, 22]),  # parallel branches: the 3x3
        ("densenet121", 120, [1, 14, 39, 88, 120]),
    ],
)
def test_main_paths(name: str, depth: int, scales: list[int] | None) -> None:
    """The chain that a reader would count, and scales that begin with the block that strides."""
    found = effectiveness(traced(name))
    assert found.depth == depth
    assert scales is None or [s.depth for s in found.scales] == scales


class Odd(nn.Module):
    """A gate of full size, a gate on a 1x1 map, a long branch that leads nowhere, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.full = nn.Sequential(nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.body = nn.Conv2d(8, 12, 3, padding=1)
        self.skip = nn.Conv2d(8, 12, 1)
        self.waste = nn.Sequential(*(nn.Conv2d(12, 12, 3) for _ in range(3)))
        self.fc = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem(x)
        x = x * self.full(x)
        x = self.body(x) + self.skip(x)
        self.waste(x)
        return self.fc(x.mean((2, 3))), x


def test_roles_from_dataflow() -> None:
    table = trace(Odd(), input_size=(3, 16, 16))
    layers = np.isin(table["kind"], (Kind.CONV, Kind.LINEAR))
    roles = {n: Role(r).name for n, r, k in zip(table.names, table["role"], layers, strict=True) if k}
    assert roles == {
        "stem": "MAIN", "full.0": "GATE", "full.1": "GATE", "body": "MAIN", "skip": "SHORTCUT", "fc": "HEAD",
        "waste.0": "SHORTCUT", "waste.1": "SHORTCUT", "waste.2": "SHORTCUT",
    }  # fmt: skip
    expected = 0.5 * (math.log(27) + math.log(72))
    assert effectiveness(table).entropy == pytest.approx(expected)


def test_other_spaces_have_it() -> None:
    """ElasticViT's MBConvs and transformer layers too."""
    space = get_space("elasticvit")
    found = effectiveness(space.operators(space.published["T1"]))
    assert found.score == pytest.approx(space.price_architecture(space.published["T1"])["capacity"], rel=1e-9)


def test_refusals(space: ConvNet) -> None:
    """Several architectures, no convolution, an unknown convention."""
    table: Any = space.operators(space.published["maedet_s"])
    with pytest.raises(UnknownName, match="did you mean 'released'"):
        effectiveness(table, "release")
    with pytest.raises(NasError, match="main path"):
        effectiveness(table.select(table["role"] != Role.MAIN))
    with pytest.raises(NasError, match="holds 2"):
        effectiveness(OperatorTable(table.columns, 2, table.stages))
    assert set(CONVENTIONS) == {"sound", "released", "paper"}
