"""SortedNet: channel groups read off graphs, tables against traces, truncation against the network, refusals."""

from __future__ import annotations

import copy
import pickle
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from search_spaces import get_space
from search_spaces.errors import NasError, SpaceError, UnknownName
from search_spaces.modules.calibration import recalibrate
from search_spaces.sorted_net import SortedNet
from search_spaces.sorted_net.groups import Dim, Groups
from search_spaces.sorted_net.nest import first_units
from search_spaces.sorted_net.sizes import Size
from search_spaces.space import SearchSpace
from search_spaces.testing import SpaceContract, randomise
from search_spaces.tracing import trace

RESNET = "resnet18?channels=16-16-32-32&layers=2-2-2-2"
VIT = "vit_tiny_patch16_224?patch_size=8&embed_dim=32&depth=4&num_heads=4"
NAMES = {
    RESNET: 32, VIT: 32, "mobilenetv3_small_100": 32, "convnext_atto": 32, "regnety_002": 32,
    "resnext50_32x4d?layers=1-2-1-1": 32, "densenet121": 64, "efficientnet_b0": 32,
}  # fmt: skip
QUICK = [RESNET, VIT, "mobilenetv3_small_100", "convnext_atto"]


def small(**options: Any) -> SortedNet:
    """A ResNet of 16 to 32 channels at 32 pixels."""
    return SortedNet(**{"model": RESNET, "num_classes": 5, "img_size": 32, **options})


@lru_cache
def space_of(name: str) -> SortedNet:
    """The space of a network of :data:`NAMES`, of 5 classes."""
    return SortedNet(model=name, img_size=NAMES[name], num_classes=5)


class NestedContract(SpaceContract):
    """What every space keeps."""

    genomes, tables, modules = 40, 10, 1

    def input_size(self, architecture: Any, space: SearchSpace) -> tuple[int, int, int]:
        return space.options["in_chans"], 32, 32


class TestResNet(NestedContract):
    """Widths and depths."""

    bad_options = (
        {"num_classes": -1}, {"model": "resnet18?channels=9999-1-1-1"}, {"submodels": 161},
    )  # fmt: skip

    def make_space(self, **options: Any) -> SearchSpace:
        return small(**options)


class TestVisionTransformer(NestedContract):
    """Widths, depths and heads."""

    bad_options = ({"smallest": 0}, {"model": "vit_tiny_patch16_224?patch_size=x"}, {"img_size": "x"})

    def make_space(self, **options: Any) -> SearchSpace:
        return small(**{"model": VIT, **options})


# ---- groups ------------------------------------------------------------------------------------------------------


def test_groups_tie_multiples() -> None:
    """A flattened map, a grouped convolution and their source have one number of units."""
    groups = Groups()
    channels, flat, units = groups.new(12), groups.new(12 * 49), groups.new(4)
    groups.tie(Dim(channels.group, 49), flat, "flatten")
    assert groups.find(flat) == Dim(channels.group, 49)
    groups.tie(channels, Dim(units.group, 3), "grouped")
    assert groups.find(channels) == Dim(units.group, 3)
    assert groups.find(flat) == Dim(units.group, 147)
    assert groups.units(flat) == 4
    assert groups.kept(flat) is None
    groups.tie(None, channels, "fixed")
    assert groups.kept(flat) == "fixed (joined to an axis of fixed length)"


def test_residual_sums_tie_widths() -> None:
    """One group for the stem and the first stage, one for each further stage, one within each block."""
    extent = SortedNet(model="resnet18", img_size=64).extent
    assert [g.units for g in extent.widths] == [64, 64, 64, 128, 128, 128, 256, 256, 256, 512, 512, 512]
    assert extent.heads == ()
    assert [run.blocks for run in extent.runs] == [
        ("layer1.0", "layer1.1"), ("layer2.1",), ("layer3.1",), ("layer4.1",)
    ]  # fmt: skip


def test_a_vision_transformer_has_one_width_for_its_tokens() -> None:
    """And per block one for its hidden units and one for its heads; depth is one run."""
    extent = small(model=VIT).extent
    assert [g.units for g in extent.widths] == [32, 128, 128, 128, 128]
    assert [g.units for g in extent.heads] == [4] * 4
    assert [len(run.blocks) for run in extent.runs] == [4]


def test_joined_channels_are_kept_whole_and_named() -> None:
    """DenseNet's concatenations; the bottlenecks between them can still be cut."""
    space = SortedNet.from_module(timm.create_model("densenet121", block_config=(2, 2, 2, 2)), (3, 32, 32))
    assert "a concatenation of channels" in " ".join(space.network.nest.kept.values())
    assert {g.units for g in space.extent.widths} == {128}


# ---- tables ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in NAMES if n not in QUICK)])
def test_table_is_the_trace_of_random_submodels(name: str) -> None:
    """Row by row, parameters, activations and peak memory too, on the grid and off it."""
    side, space = NAMES[name], space_of(name)
    rng = np.random.default_rng(0)
    extent = space.extent
    off = Size(
        tuple(int(rng.integers(1, g.units + 1)) for g in extent.widths),
        tuple(int(rng.integers(1, g.units + 1)) for g in extent.heads),
        tuple(int(rng.integers(run.least, len(run.blocks) + 1)) for run in extent.runs),
    )
    architectures = [space.decode(g) for g in space.sample(2 if name in (RESNET, VIT) else 1, rng)]
    config = {"widths": list(off.widths), "heads": list(off.heads), "depths": list(off.depths)}
    for architecture in [*architectures, space.architecture(config)]:
        with torch.device("meta"):
            traced = trace(space.model(architecture), input_size=(3, side, side))
        table = space.operators(architecture)
        assert table.names == traced.names
        for column in ("kind", "c_in", "c_out", "groups", "h_in", "h_out", "params", "held"):
            assert np.array_equal(table[column], traced[column]), column
        for quantity in ("macs", "params", "activations", "memory_bytes"):
            assert getattr(table, quantity)[0] == getattr(traced, quantity)[0], quantity


@pytest.mark.parametrize("name", QUICK)
def test_the_grid_is_nested(name: str) -> None:
    """Every level holds the ones below it, the last is the whole network, and larger costs more."""
    space = space_of(name)
    for levels in (space.grid.widths, space.grid.heads, space.grid.depths):
        assert all(a <= b for low, high in pairwise(levels) for a, b in zip(low, high, strict=True))
    assert (space.grid.widths[-1], space.grid.heads[-1], space.grid.depths[-1]) == (
        space.extent.full.widths, space.extent.full.heads, space.extent.full.depths,
    )  # fmt: skip
    assert 80 <= space.size <= 160
    macs = space.price(space.enumerate(), ("macs",))["macs"].reshape(space.cardinalities)
    assert all((np.diff(macs, axis=axis) > 0).all() for axis in range(3))


def test_the_paper_s_number_of_submodels() -> None:
    """160 where the network has room for them."""
    assert SortedNet(model="resnet18", img_size=64).size == 160


# ---- truncation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUICK)
def test_extracted_is_active_to_the_bit(name: str) -> None:
    """In evaluation and with batch statistics; and both are the first units of the network's own tensors."""
    space = space_of(name)
    supernet: Any = space.supernet()
    randomise(supernet, torch.Generator().manual_seed(0))
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    for genome in space.sample(2, np.random.default_rng(2)):
        architecture = space.decode(genome)
        supernet.activate(architecture)
        extracted = supernet.extract(architecture)
        truncated = space.network.nest.build(supernet.full, space.size_of(architecture), first_units)
        own = extracted.state_dict()
        assert own.keys() == truncated.state_dict().keys()
        assert all(torch.equal(t, own[n]) for n, t in truncated.state_dict().items())
        with torch.no_grad():
            for training in (False, True):
                expected = supernet.train(training)(images)
                assert float((expected - extracted.train(training)(images)).abs().max()) == 0.0


@pytest.mark.parametrize("name", [RESNET, VIT])
def test_the_whole_network_is_timm_s(name: str) -> None:
    """Active at full size it computes what timm's does, and takes its checkpoint."""
    space = small(model=name)
    supernet: Any = space.supernet()
    timm_model = space._whole()
    supernet.full.load_state_dict(timm_model.state_dict())
    supernet.activate(space.decode(space.cardinalities - 1))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(supernet.eval()(images), timm_model.eval()(images))


@pytest.mark.parametrize("name", QUICK)
def test_submodels_are_timm_shaped(name: str) -> None:
    """Another classifier fits, and the features have the channels that the model says."""
    space = space_of(name)
    model: Any = space.model(space.decode(np.zeros(3, dtype=np.uint8)))
    images = torch.randn(2, 3, 32, 32)
    assert model.img_size == 32
    assert model.pretrained_cfg["input_size"] == (3, 32, 32)
    assert model.num_features in model.forward_features(images).shape
    model.reset_classifier(3)
    assert model.eval()(images).shape == (2, 3)
    if name != VIT:
        maps = model.forward_intermediates(images, intermediates_only=True, indices=2)
        assert [m.shape[1] for m in maps] == [level["num_chs"] for level in model.feature_info[-2:]]


def test_a_supernet_survives_copies() -> None:
    """Deep copy and pickle; the copy is a network of its own."""
    space = small(model=VIT)
    supernet: Any = space.supernet()
    architecture = space.decode(np.zeros(3, dtype=np.uint8))
    supernet.activate(architecture)
    images = torch.randn(1, 3, 32, 32)
    expected = supernet.eval()(images)
    for other in (copy.deepcopy(supernet), pickle.loads(pickle.dumps(supernet))):
        assert torch.equal(other(images), expected)
        with torch.no_grad():
            next(iter(other.parameters())).add_(1.0)
    assert torch.equal(supernet(images), expected)


def test_batch_statistics_are_re_estimated() -> None:
    """On the active sub-model they change its own first channels only."""
    space = small()
    supernet: Any = space.supernet()
    supernet.activate(space.decode(np.zeros(3, dtype=np.uint8)))
    before = supernet.full.bn1.running_mean.clone()
    recalibrate(supernet, [torch.randn(8, 3, 32, 32) + 1])
    changed = supernet.full.bn1.running_mean != before
    kept = space.grid.widths[0][0]
    assert changed[:kept].all()
    assert not changed[kept:].any()


# ---- your own module ---------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """A block with a grouped convolution and a group norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, groups=4), nn.GroupNorm(4, width), nn.ReLU())
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x + f(x)."""
        return x + self.out(self.body(x))


def own_module() -> nn.Sequential:
    """Blocks, then a flattened map into a classifier."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2), Residual(16), Residual(16), Residual(16), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(64, 24), nn.GELU(), nn.Linear(24, 6),
    )  # fmt: skip


def test_a_module_of_your_own() -> None:
    """Groups of channels go together; the weights are the module's; architectures know which module they are of."""
    module = own_module()
    space = SortedNet.from_module(module, (3, 16, 16))
    assert {g.units for g in space.extent.widths} == {4, 24}
    assert [run.blocks for run in space.extent.runs] == [("1", "2", "3")]
    architecture = space.decode(np.zeros(3, dtype=np.uint8))
    part: Any = space.model(architecture)
    kept = part[0].out_channels
    assert kept == 4 * space.grid.widths[0][0] < 16
    assert part[1].body[0].groups == part[1].body[1].num_groups == kept // 4
    assert torch.equal(part[0].weight, module[0].weight[:kept])  # type: ignore[index]
    traced = trace(part, input_size=(3, 16, 16))
    price = space.price_architecture(architecture)
    assert (traced.macs[0], traced.params[0]) == (price["macs"], price["params"])
    other = SortedNet.from_module(nn.Sequential(*own_module(), nn.ReLU(), nn.Linear(6, 6)), (3, 16, 16))
    assert not other.contains(architecture)


class Branching(nn.Module):
    """A forward pass that depends on values."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Either way."""
        return self.fc(x.flatten(1)) if x.sum() > 0 else self.fc(-x.flatten(1))


class Shuffled(nn.Module):
    """Channels that a reshape mixes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1)
        self.fc = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        """A channel shuffle."""
        x = self.conv(x)
        return self.fc(x.view(x.shape[0], 2, 4, 2, 2).transpose(1, 2).flatten(1))


class Stubborn(nn.Module):
    """Its forward pass insists on the full width."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 1), nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        """A constant where the channels should be asked for."""
        return self.two(self.one(x).view(-1, 32))


@pytest.mark.parametrize(
    ("module", "message"),
    [(Branching(), "cannot be traced"), (Shuffled(), "mixes channels"), (Stubborn(), "do not run"),
     (nn.Conv2d(3, 4, 1), "logits"), (nn.Flatten(), "nothing of")],
)  # fmt: skip
def test_what_cannot_be_nested_is_refused(module: nn.Module, message: str) -> None:
    """In one line that names it."""
    with pytest.raises(SpaceError, match=message) as error:
        SortedNet.from_module(module, (3, 2, 2))
    assert "\n" not in str(error.value)


def test_shared_parameters_are_refused_by_name() -> None:
    """Two layers of one weight."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 4))
    module[2].weight = module[1].weight
    with pytest.raises(SpaceError, match=r"shares one parameter between 1\.weight and 2\.weight"):
        SortedNet.from_module(module, (3, 2, 2))


@pytest.mark.parametrize(
    "model",
    ["resnet18?pretrained=true", "resnet18?checkpoint_path=x", "hf-hub:timm/resnet18", "/etc/passwd", "local-dir:/tmp",
     "resnet18?layers=" + "-".join("1" * 99), "resnet18?layers=", "resnet1", "", "x" * 1000, 7, "vgg11_bn",
     "vit_tiny_patch16_224?embed_dim=999999", "vit_tiny_patch16_224?num_heads=5"],
)  # fmt: skip
def test_strangers_names_are_refused(model: Any) -> None:
    """No weights, no paths, no addresses, nothing large; in one short line."""
    with pytest.raises(NasError) as error:
        get_space("sorted_net", model=model, img_size=32)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_unknown_models_get_a_suggestion() -> None:
    """As every name does."""
    with pytest.raises(UnknownName, match="did you mean"):
        SortedNet(model="resnet_18")
