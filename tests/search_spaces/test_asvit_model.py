"""As-ViT's modules: how weights start, windows, patch merging, the supernet, progressive tokenization."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces import Architecture, SpaceError, trace
from search_spaces.asvit import AsViT, tokenization
from search_spaces.asvit.blocks import PatchMerging, WindowAttention, nested_offsets
from search_spaces.asvit.supernet import AsViTSupernet
from search_spaces.asvit.tokenization import PUBLISHED, Phase, apply_phase, macs_share, phase_at

SMALL = "4,2,2,1|2,1,2,1|3,1,2,2|2,1,2,1|16,16"


@pytest.fixture(scope="module")
def space() -> AsViT:
    return AsViT(num_classes=10, in_chans=1, img_size=64)


@pytest.fixture(scope="module")
def small(space: AsViT) -> Architecture:
    return space.from_released(SMALL, 64)


@pytest.fixture
def model(space: AsViT, small: Architecture) -> Any:
    torch.manual_seed(0)
    return space.model(small)


def images(batch: int = 2, side: int = 64, seed: int = 0) -> Tensor:
    return torch.randn(batch, 1, side, side, generator=torch.Generator().manual_seed(seed))


def test_features_are_pooled(model: Any) -> None:
    with torch.no_grad():
        assert torch.equal(model.pooled_features(images()), model.forward_features(images()).mean((2, 3)))
        assert [m.shape[1] for m in model.features()(images())] == [16, 32, 64, 128]


def test_weights_start_as_published(space: AsViT) -> None:
    """Linears: 0.02 and no bias, also the head; norms 1 and 0; the convolution as torch draws it."""
    torch.manual_seed(0)
    model: Any = space.model(space.published["seed"])
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1), name
            assert module.bias is None or not module.bias.any(), name
        if isinstance(module, nn.LayerNorm):
            assert (module.weight == 1).all()
            assert not module.bias.any()
    fan_in = 8 * 8
    conv = model.S1.entry.conv
    assert conv.weight.std().item() == pytest.approx((1 / (3 * fan_in)) ** 0.5, rel=0.1)
    assert conv.bias.any()


@pytest.mark.parametrize(("kernel", "side"), [(2, 8), (3, 8), (4, 8), (4, 7), (5, 6)])
def test_merging_is_a_padded_unfold(kernel: int, side: int) -> None:
    """The reference: (K - 2) // 2 zeros before, the rest behind, torch's unfold, and weights in its order."""
    torch.manual_seed(0)
    merge, x = PatchMerging(3, 5, kernel), torch.randn(2, 3, side, side)
    nn.init.normal_(merge.norm.weight)
    missing = (-(-side // 2) - 1) * 2 + kernel - side
    before = (kernel - 2) // 2 if side % 2 == 0 else missing // 2
    padded = F.pad(x, (before, missing - before, before, missing - before))
    columns = F.unfold(padded, kernel, stride=2).transpose(1, 2).unflatten(2, (3, kernel * kernel))
    order = [y * kernel + x for y, x in nested_offsets(kernel)]
    tokens = merge.reduction(merge.norm(columns[..., order].transpose(2, 3).flatten(2)))
    assert torch.allclose(merge(x), tokens.transpose(1, 2).unflatten(2, (-(-side // 2),) * 2), atol=1e-6)


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_small_patches_come_first(kernel: int) -> None:
    """The first k^2 places of a large patch are those of the patch of kernel k, seen from the output's position."""
    large, small = nested_offsets(kernel + 1), nested_offsets(kernel)
    shift = (kernel + 1 - 2) // 2 - (kernel - 2) // 2
    assert [(y - shift, x - shift) for y, x in large[: kernel**2]] == small
    assert len(set(large)) == (kernel + 1) ** 2


def test_attention_stays_in_its_window() -> None:
    """A change in one window reaches that window and no other; each equals attention over its tokens alone."""
    torch.manual_seed(0)
    attention, x = WindowAttention(10, 3, 2).eval(), torch.randn(1, 4, 8, 10)
    changed = x.clone()
    changed[0, 3, 1] += 1.0
    with torch.no_grad():
        moved = (attention(changed) - attention(x)).abs().sum(-1)[0] > 1e-7
        assert moved[2:, :4].all()
        assert not moved[:2].any()
        assert not moved[:, 4:].any()
        whole = WindowAttention(10, 3, 1)
        whole.load_state_dict(attention.state_dict())
        assert torch.allclose(attention(x)[:, 2:, 4:], whole(x[:, 2:, 4:]), atol=1e-6)


def test_supernet_takes_what_fits(space: AsViT, small: Architecture) -> None:
    """Widths off the grid too, but nothing too large; kernels share the same places."""
    torch.manual_seed(0)
    supernet: Any = AsViTSupernet(space).eval()
    config = small.config
    config["stages"][2]["depth"] = 1
    architecture = space.architecture(config)
    supernet.activate(architecture)
    module: Any = supernet.extract(architecture)
    whole, part = supernet.full.S3.entry.reduction.weight, module.S3.entry.reduction.weight
    for place in range(9):
        assert torch.equal(part[:, place * 32 : place * 32 + 32], whole[:64, place * 64 : place * 64 + 32])
    with torch.no_grad():
        assert torch.allclose(supernet(images()), module(images()), atol=1e-5)
    for key, value in (("depth", 2), ("kernel", 9), ("expand", 7)):
        config["stages"][0] |= {"depth": 1, "kernel": 4, "expand": 2} | {key: value}
        with pytest.raises(SpaceError, match=rf"stages\[0\].{key} is {value}"):
            supernet.activate(space.architecture(config))


# ---- progressive tokenization -----------------------------------------------------------------------------------


def test_published_phases() -> None:
    """Strides 16, 8, 4 with dilations 5, 2, 1, from epochs 0, 80 and 132 of 300."""
    assert [(p.stride, p.dilation(4)) for p in PUBLISHED] == [(16, 5), (8, 2), (4, 1)]
    assert [p.dilation(8) for p in PUBLISHED] == [2, 1, 1]
    assert [phase_at(epoch / 300).stride for epoch in (0, 79, 80, 131, 132, 299)] == [16, 16, 8, 8, 4, 4]
    assert phase_at(1.0).stride == 4


@pytest.mark.parametrize("phase", PUBLISHED)
@pytest.mark.parametrize("kernel", [4, 8])
def test_every_phase_runs_on_the_same_weights(space: AsViT, small: Architecture, phase: Phase, kernel: int) -> None:
    """Forward and backward at each stride, at the cost that the table tells."""
    config = small.config
    config["stages"][0]["kernel"] = kernel
    architecture = space.architecture(config)
    model: Any = space.model(architecture)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    own = trace(model).macs[0]
    apply_phase(model, phase)
    assert model.S1(images()).shape[-1] == 64 // phase.stride
    model(images()).sum().backward()
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert trace(model).macs[0] / own == macs_share(architecture, phase)


def test_shares_of_the_flops() -> None:
    """By the table, not by the unreleased counter of the paper (13.2 %, 28.5 %, 100 %): fewer, see the module."""
    large = AsViT().published["Large"]
    shares = [macs_share(large, phase) for phase in PUBLISHED]
    assert shares == pytest.approx([0.0558, 0.2108, 1.0], abs=1e-3)
    whole = tokenization.training_share(large)
    assert whole == pytest.approx((80 * shares[0] + 52 * shares[1] + 168) / 300)


@pytest.mark.parametrize(
    "schedule", [(), (Phase(0.1, 4),), (Phase(0, 16), Phase(0.5, 8)), (Phase(0, 2), Phase(0.5, 4)), (Phase(0, 8),) * 2]
)
def test_bad_schedules_are_refused(schedule: tuple[Phase, ...]) -> None:
    with pytest.raises(SpaceError, match="asvit"):
        phase_at(0.5, schedule)
