"""ConvNet's modules are real: they train, export, serve as backbones and speak timm's language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

from search_spaces import Architecture
from search_spaces.convnet import ConvNet
from search_spaces.convnet.families import FAMILIES

STEM = {"out": 8, "kernel": 3, "stride": 2}
HEAD = {"out": 32, "kernel": 1, "stride": 1}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small run twice as fast on one thread, and leave the other core to others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(family: str) -> tuple[ConvNet, Architecture]:
    """Three stages on 32 pixels, one input channel and ten classes; the second stage keeps the scale."""
    space = ConvNet(family=family, num_classes=10, in_chans=1, img_size=32)
    strides, widths = (2, 1, 2), (8, 16, 24)
    stages = [
        {"out": w, "bottleneck": 16, "kernel": 3, "depth": 2, "stride": s} for w, s in zip(widths, strides, strict=True)
    ]
    head = HEAD if family.startswith("mobilenet") else None
    return space, space.architecture({"stem": STEM, "stages": stages, "head": head})


def build(family: str) -> Any:
    torch.manual_seed(0)
    space, architecture = tiny(family)
    return space.model(architecture)


def images(batch: int = 4, side: int = 32) -> Tensor:
    return torch.randn(batch, 1, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("family", FAMILIES)
def test_trains_on_digits(family: str) -> None:
    """The loss on real images falls to less than half within a few steps."""
    model, digits = build(family), load_digits()
    x = F.interpolate(torch.tensor(digits.images[:32], dtype=torch.float32)[:, None] / 16, size=32, mode="bilinear")
    y = torch.tensor(digits.target[:32])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(24):
        optimiser.zero_grad()
        loss = F.cross_entropy(model.train()(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0], losses


@pytest.mark.parametrize("family", ["resnet", "mobilenet_se"])
def test_speaks_timm(family: str) -> None:
    """Features, heads, intermediates, backbones and a new classifier."""
    model = build(family).eval()
    x = images()
    with torch.no_grad():
        features = model.forward_features(x)
        assert features.shape == (4, model.num_features, 4, 4)
        assert torch.equal(model.forward_head(features), model(x))
        assert model.forward_head(features, pre_logits=True).shape == (4, model.head_hidden_size)
        last, maps = model.forward_intermediates(x)
        assert torch.equal(last, features)
        backbone = model.features()
        assert all(torch.equal(a, b) for a, b in zip(maps, backbone(x), strict=True))
    assert [m.shape[1] for m in maps] == backbone.feature_info.channels() == [8, 16, 24]
    assert [32 // m.shape[2] for m in maps] == backbone.feature_info.reduction() == [2, 4, 8]
    assert backbone.feature_info.module_name() == ["stem", "S2", "S3"]
    assert len(model.forward_intermediates(x, 1, intermediates_only=True)) == 1
    model.reset_classifier(3)
    assert model(x).shape == (4, 3)
    assert model.get_classifier().out_features == model.num_classes == 3
    model.reset_classifier(0)
    assert isinstance(model.get_classifier(), nn.Identity)
    assert model.pretrained_cfg["input_size"] == (1, 32, 32)
    for wrong in (lambda: model.reset_classifier(2, "max"), lambda: model.forward_intermediates(x, output_fmt="NLC")):
        with pytest.raises(ValueError, match=r"must be|pools by"):
            wrong()


def test_other_image_sizes() -> None:
    """Rectangles and odd sides run; an odd side rounds up on both branches."""
    model = build("resnet").eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 35, 61)).shape == (1, 10)


@pytest.mark.parametrize("family", FAMILIES)
def test_exports(family: str) -> None:
    """``torch.export`` keeps the outputs."""
    model, x = build(family).eval(), images(2)
    exported = torch.export.export(model, (x,)).module()
    with torch.no_grad():
        assert torch.allclose(exported(x), model(x), atol=1e-5)


@pytest.mark.slow
def test_onnx(tmp_path: Path) -> None:
    """ONNX Runtime gives the same logits."""
    import onnxruntime

    model, x = build("mobilenet_se").eval(), images(2)
    torch.onnx.export(model, (x,), tmp_path / "model.onnx", dynamo=True)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        assert np.allclose(got, model(x).numpy(), atol=1e-4)
