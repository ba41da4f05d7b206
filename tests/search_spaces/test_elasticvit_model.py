"""ElasticViT's modules: how blocks start, relative positions, the supernet and its batch statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces import Architecture, SpaceError, trace
from search_spaces.elasticvit import ElasticViT
from search_spaces.elasticvit.supernet import ElasticViTSupernet
from search_spaces.modules.calibration import batch_norms, recalibrate
from search_spaces.modules.norm import JointLayerNorm
from search_spaces.modules.relative_bias import RelativePositionBias
from search_spaces.modules.sharing import cut_of, set_blocks, take
from search_spaces.testing import randomise


@pytest.fixture(scope="module")
def space() -> ElasticViT:
    return ElasticViT(num_classes=10, in_chans=1)


@pytest.fixture(scope="module")
def small(space: ElasticViT) -> Architecture:
    """The smallest network of the family, at 64 pixels (off the grid, to be quick)."""
    return space.architecture({**space.decode(np.zeros(len(space.choices), dtype=np.uint8)).config, "resolution": 64})


@pytest.fixture
def model(space: ElasticViT, small: Architecture) -> Any:
    torch.manual_seed(0)
    return space.model(small)


def images(batch: int = 2, side: int = 64, seed: int = 0) -> Tensor:
    return torch.randn(batch, 1, side, side, generator=torch.Generator().manual_seed(seed))


def test_stages_behind_the_last_map_are_left_out(model: Any) -> None:
    short = model.features(out_indices=(1, 2))
    assert list(dict(short.named_children())) == ["stem", "C1", "C2"]
    assert short.feature_info.module_name() == ["C1", "C2"]
    assert model.features().feature_info.reduction() == [2, 4, 8, 16, 32, 64]
    with pytest.raises(ValueError, match="feature indices"):
        model.features(out_indices=(7,))


def test_blocks_start_as_their_shortcuts(model: Any) -> None:
    """The last norm of a block starts at zero exactly where the stride is 1."""
    gammas = {n: m.project.norm.weight for n, m in model.named_modules() if type(m).__name__ == "MBConv"}
    zero = {n for n, g in gammas.items() if not g.any()}
    assert zero == {"stem.1", "C1.1", "C2.1", "T2.reduction"}


@pytest.mark.parametrize(("side", "small"), [(5, 3), (4, 2)])
def test_position_bias_of_a_smaller_grid_is_a_crop(side: int, small: int) -> None:
    """Bias between two tokens depends on their offset alone, and a grid's corner has the small grid's bias."""
    bias = RelativePositionBias(2, side)
    with torch.no_grad():
        full = bias(side, side).view(2, side, side, side, side)
        for y, x, v, u in ((0, 0, 2, 1), (1, 0, 0, 1), (side - 1, 0, 0, side - 1)):
            assert torch.equal(full[:, y, x, v % side, u], bias.table[0, :, y - v % side + side - 1, x - u + side - 1])
        part = RelativePositionBias(2, small)
        part.table.copy_(take(bias.table, cut_of(bias, part, "table")))
        corner = full[:, :small, :small, :small, :small]
        assert torch.equal(part(small, small).view(2, small, small, small, small), corner)
        assert bias(3, 7).shape == (1, 2, 21, 21)


def test_blocks_are_cut_one_by_one() -> None:
    """Heads keep their rows; the released layout keeps three segments; kernels keep their centre."""
    full, part = nn.Linear(4, 12), nn.Linear(3, 4)
    set_blocks(full, "weight", 0, [4, 4, 4])
    set_blocks(part, "weight", 0, [2, 2])
    assert torch.equal(take(full.weight, cut_of(full, part, "weight")), full.weight[[0, 1, 4, 5], :3])
    wide, narrow = nn.Conv2d(2, 2, 5, groups=2), nn.Conv2d(1, 1, 3)
    assert torch.equal(take(wide.weight, cut_of(wide, narrow, "weight")), wide.weight[:1, :, 1:4, 1:4])
    with pytest.raises(ValueError, match="does not fit"):
        cut_of(part, full, "weight")


def test_joint_norm_mixes_tokens() -> None:
    x = torch.randn(2, 5, 8)
    norm = JointLayerNorm(8)
    assert torch.allclose(norm(x), F.layer_norm(x, (5, 8)), atol=1e-6)


def test_supernet_holds_the_largest_network(space: ElasticViT) -> None:
    """It has exactly the parameters of the largest architecture: nothing unused."""
    with torch.device("meta"):
        supernet = space.supernet()
    largest = space.decode(space.cardinalities - 1)
    assert sum(p.numel() for p in supernet.parameters()) == space.operators(largest).params[0]


@pytest.fixture(scope="module")
def supernet(space: ElasticViT) -> Any:
    net = space.supernet()
    randomise(net, torch.Generator().manual_seed(0))
    return net


def test_supernet_takes_what_fits(space: ElasticViT, supernet: Any, small: Architecture) -> None:
    """Values per layer and off the grid, but nothing too large; images are resized to the architecture's resolution."""
    config = small.config
    config["conv_stages"][1] = {"width": 36, "expand": [3, 5, 1], "kernel": [5, 3, 1]}
    config["transformer_stages"][1] = {"width": 112, "mlp_ratio": [1, 5], "v_scale": [4, 1]}
    architecture = space.architecture(config)
    supernet.activate(architecture)
    supernet.eval()
    module = supernet.extract(architecture)
    with torch.no_grad():
        assert torch.allclose(supernet(images()), module(images()), atol=1e-5, rtol=1e-5)
        resized = F.interpolate(images(2, 80), size=64, mode="bicubic")
        assert torch.allclose(supernet(images(2, 80)), module(resized), atol=1e-5, rtol=1e-5)
    for path, value in (("width", 640), ("mlp_ratio", [6]), ("mlp_ratio", [2] * 7)):
        config = small.config
        stage = config["transformer_stages"][3]
        stage[path] = value
        stage["v_scale"] = [2] * len(stage["mlp_ratio"])
        with pytest.raises(SpaceError, match=r"transformer_stages\[3\]"):
            supernet.activate(space.architecture(config))
    assert supernet.active == architecture


def test_released_supernet(space: ElasticViT, small: Architecture) -> None:
    """The released sharing: q, k, v from three segments, joint norms; extraction still equals activation."""
    torch.manual_seed(0)
    supernet = ElasticViTSupernet(space, released=True).eval()
    supernet.activate(small)
    module: Any = supernet.extract(small)
    whole = supernet.full.T1.layers[0].attention.qkv.weight
    width, full = 48, 96
    rows = [*range(width), *range(full, full + width), *range(2 * full, 2 * full + 2 * width)]
    assert torch.equal(module.T1.layers[0].attention.qkv.weight, whole[rows, :width])
    assert isinstance(module.T1.layers[0].mlp_norm, JointLayerNorm)
    with torch.no_grad():
        assert torch.allclose(supernet(images()), module(images()), atol=1e-5, rtol=1e-5)
    assert trace(module, input_size=(1, 64, 64)).macs == space.operators(small).macs


def test_recalibration(supernet: Any, small: Architecture) -> None:
    """Statistics become plain averages over the batches, the same each time, on a subnet or its supernet."""
    supernet.activate(small)
    module = supernet.extract(small)
    momenta, modes = [m.momentum for m in batch_norms(module)], [m.training for m in module.modules()]
    batches = [images(4, seed=i) for i in range(2)]
    recalibrate(module, batches)
    recalibrate(supernet, batches)
    again = supernet.extract(small)
    for a, b in zip(batch_norms(module), batch_norms(again), strict=True):
        assert torch.allclose(a.running_var, b.running_var, rtol=1e-4)
        assert torch.allclose(a.running_mean, b.running_mean, atol=1e-5)
    first = torch.stack([F.conv2d(x, module.stem[0].conv.weight, None, 2, 1).mean((0, 2, 3)) for x in batches]).mean(0)
    assert torch.allclose(module.stem[0].norm.running_mean, first, atol=1e-6)
    assert [m.momentum for m in batch_norms(module)] == momenta
    assert [m.training for m in module.modules()] == modes
    with pytest.raises(ValueError, match="at least one batch"):
        recalibrate(module, [])
