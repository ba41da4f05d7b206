"""A traced table holds every parameter and every multiply-accumulate of a module."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from search_spaces import NasError, trace
from search_spaces.operators import Kind

ZOO = ["resnet18", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "convnext_atto", "mobilenetv3_small_050",
       "levit_128s", "mixer_s32_224"]  # fmt: skip
LARGE_ZOO = ["resnet50", "vit_small_patch16_224", "convnext_tiny", "efficientnet_b0", "mobilenetv3_large_100",
             "regnety_004", "swinv2_tiny_window8_256", "xcit_nano_12_p16_224", "beit_base_patch16_224", "mobilevit_xs",
             "eva02_tiny_patch14_224", "volo_d1_224", "gmlp_s16_224", "hrnet_w18_small", "mvitv2_tiny",
             "resnetv2_50", "halonet26t", "nest_tiny", "densenet121", "tf_efficientnet_cc_b0_4e"]  # fmt: skip


def counted(module: nn.Module, *size: int) -> float:
    """MACs by torch's own counter."""
    module = copy.deepcopy(module).to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.empty(1, *size, device="meta"))
    return counter.get_total_flops() / 2


def check(name: str) -> None:
    with torch.device("meta"):
        model = timm.create_model(name).eval()
    table = trace(model)
    assert table.params[0] == sum(p.numel() for p in model.parameters())
    assert table.macs[0] == counted(model, *model.pretrained_cfg["input_size"])


@pytest.mark.parametrize("name", ZOO)
def test_agrees_with_torch(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE_ZOO)
def test_agrees_with_torch_on_more(name: str) -> None:
    check(name)


def rows(table: Any, *columns: str) -> list[tuple[Any, ...]]:
    return [
        (Kind(row[0]).name, *map(int, row[1:])) for row in zip(*(table[c] for c in ("kind", *columns)), strict=True)
    ]


def test_convolution_rows() -> None:
    """Depthwise groups, stride, and a shape for every column; BN and activation as rows; a global pool."""
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, (5, 3), padding=(2, 1), groups=8, bias=False), nn.BatchNorm2d(8),
        nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    )  # fmt: skip
    table = trace(module, input_size=(3, 9, 9))
    assert rows(table, "c_in", "c_out", "kernel_h", "kernel_w", "stride", "groups", "h_in", "h_out", "params") == [
        ("CONV", 3, 8, 3, 3, 2, 1, 9, 5, 224), ("CONV", 8, 8, 5, 3, 1, 8, 5, 5, 120),
        ("BATCH_NORM", 8, 8, 1, 1, 1, 1, 5, 5, 16), ("ACTIVATION", 8, 8, 1, 1, 1, 1, 5, 5, 0),
        ("POOL", 8, 8, 5, 5, 1, 8, 5, 1, 0), ("LINEAR", 8, 5, 1, 1, 1, 1, 1, 1, 45),
    ]  # fmt: skip
    assert table.names == ("0", "1", "2", "3", "4", "6")
    assert [table.stages[s] for s in table["stage"]] == list(table.names)


class FusedAttention(nn.Module):
    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.qkv, self.fused = nn.Linear(24, 4 * (8 + 8 + 12)), fused

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).view(1, -1, 4, 28).transpose(1, 2).split((8, 8, 12), 3)
        if self.fused:
            q, k, v = q.contiguous(), k.contiguous(), v[..., :8].contiguous()
            return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)[0]
        return torch.nn.functional.scaled_dot_product_attention(q, k, v)


@pytest.mark.parametrize("fused", [False, True])
def test_attention_rows(fused: bool) -> None:
    """Both products and the softmax, in the documented convention, whatever ATen form attention takes."""
    table = trace(FusedAttention(fused), torch.empty(1, 10, 24))
    width = 4 * 8 if fused else 4 * 12
    assert rows(table, "c_in", "c_out", "groups", "h_out", "params") == [
        ("LINEAR", 24, 112, 1, 10, 25 * 112), ("MATMUL", 32, 40, 4, 10, 0), ("SOFTMAX", 40, 40, 1, 10, 0),
        ("MATMUL", 40, width, 4, 10, 0),
    ]  # fmt: skip
    assert table.row_macs.tolist() == [10 * 24 * 112, 4 * 8 * 100, 0, width * 100]


class Oddities(nn.Module):
    """A shared layer, a bare parameter, an unused one, layer scale, a parameter on the left, biases added late."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.again = self.linear
        self.position = nn.Parameter(torch.zeros(1, 5, 6))
        self.unused = nn.Parameter(torch.zeros(7))
        self.scale = nn.Parameter(torch.ones(6))
        self.mix = nn.Parameter(torch.ones(5, 5))
        self.constant = torch.ones(6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.linear(x + self.position).transpose(0, 1)).transpose(0, 1)
        return (self.mix @ x) * self.scale * self.constant


def test_parameters_count_once() -> None:
    module = Oddities()
    table = trace(module, torch.empty(1, 5, 6))
    assert table.params[0] == sum(p.numel() for p in module.parameters()) == 42 + 30 + 7 + 6 + 25
    named = dict(zip(table.names, table["params"], strict=True))
    assert (named["position"], named["scale"], named["unused"]) == (30, 6, 7)
    linear = [r for r in rows(table, "params") if r[0] == "LINEAR"]
    assert linear == [("LINEAR", 42), ("LINEAR", 0), ("LINEAR", 25)]
    assert table.macs[0] == 5 * 36 * 2 + 25 * 6


@pytest.mark.parametrize(
    ("module", "size"),
    [
        (nn.ConvTranspose2d(6, 4, 3, 2, groups=2), (6, 5, 5)),
        (nn.ConvTranspose2d(6, 4, 2, 2), (6, 5, 5)),
        (nn.Conv1d(4, 6, 3, dilation=2), (4, 20)),
        (nn.Conv3d(2, 4, (3, 2, 1)), (2, 5, 6, 7)),
        (nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2, padding_mode="circular"), (4, 8, 8)),
        (nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), (6, 16)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_modules(module: nn.Module, size: tuple[int, ...]) -> None:
    """Also transposed, 1-D and 3-D convolutions, and PyTorch's own transformer."""
    table = trace(module, input_size=size)
    assert table.macs[0] == counted(module, *size)
    assert table.params[0] == sum(p.numel() for p in module.parameters())
    assert table.macs[0] > 0


def test_the_module_is_left_alone() -> None:
    """Same weights on the same device, still in training mode, no hook called or added."""
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    calls: list[Any] = []
    module[0].register_forward_hook(lambda *_: calls.append(1))
    before = copy.deepcopy(module.state_dict())
    trace(module, input_size=(4,))
    assert module.training
    assert not calls
    assert len(module[0]._forward_hooks) == 1
    assert not module[0]._forward_pre_hooks
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_failures_are_explained() -> None:
    """A forward pass that depends on values, a wrong input, an uninitialised layer."""
    for module, size in ((Branching(), (3,)), (nn.Linear(4, 4), (5,)), (nn.LazyLinear(3), (4,))):
        with pytest.raises(NasError):
            trace(module, input_size=size)
