"""Every family's modules are real: they train, speak timm's language, serve as backbones, and leave as files."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

from search_spaces import Architecture, SearchSpace, get_space
from search_spaces.testing import randomise


@dataclass(frozen=True)
class Case:
    """A very small network of a family, and how it learns."""

    space: SearchSpace
    architecture: Architecture
    side: int = 32
    steps: int = 25
    learning_rate: float = 1e-2

    def model(self, *, random_vectors: bool = True) -> Any:
        """One input channel, ten classes; no bias is zero unless the vectors are as initialised."""
        torch.manual_seed(0)
        model: Any = self.space.model(self.architecture)
        if random_vectors:
            randomise(model, torch.Generator().manual_seed(0))
        return model.eval()

    def images(self, batch: int = 2) -> Tensor:
        return torch.randn(batch, 1, self.side, self.side, generator=torch.Generator().manual_seed(0))


def _of(space: str, config: dict[str, Any], **more: Any) -> Case:
    options = {"num_classes": 10, "in_chans": 1, **more.pop("options", {})}
    made = get_space(space, **options)
    return Case(made, made.architecture(config), **more)


def _convnet(family: str) -> Case:
    """Three stages, of which the second keeps the scale."""
    stages = [{"out": w, "bottleneck": 16, "kernel": 3, "depth": 2, "stride": s} for w, s in ((8, 2), (16, 1), (24, 2))]
    head = {"out": 32, "kernel": 1, "stride": 1} if family.startswith("mobilenet") else None
    config = {"stem": {"out": 8, "kernel": 3, "stride": 2}, "stages": stages, "head": head}
    return _of("convnet", config, options={"family": family, "img_size": 32})


def _elasticvit() -> Case:
    """The smallest network of the family at 64 pixels."""
    space = get_space("elasticvit")
    config = space.decode(np.zeros(len(space.choices), dtype=np.uint8)).config
    return _of("elasticvit", {**config, "resolution": 64}, side=64, steps=8, learning_rate=1e-3)


def _asvit() -> Case:
    options = {"num_classes": 10, "in_chans": 1, "img_size": 64}
    config = get_space("asvit", **options).from_released("4,2,2,1|2,1,2,1|3,1,2,2|2,1,2,1|16,16", 64).config
    return _of("asvit", config, options=options, side=64, learning_rate=3e-3)


def _autoformer() -> Case:
    config = {"resolution": 32, "patch_size": 8, "head_dim": 8, "embed_dim": 24, "heads": [1, 3], "mlp_ratio": [2, 3.5]}
    return _of("autoformer", config, steps=50)


def _vit_resnas() -> Case:
    block = {"heads": 2, "head_dim": 8, "mlp": 40}
    stages = [{"embed_dim": 16, "blocks": [block, None]}, {"embed_dim": 32, "blocks": [block, block]}]
    return _of("vit_resnas", {"resolution": 32, "patch_size": 8, "mid": 8, "stages": stages}, steps=50)


MAKERS = {
    "elasticvit": _elasticvit, "asvit": _asvit, "autoformer": _autoformer, "vit_resnas": _vit_resnas,
    **{f"convnet-{f}": (lambda f=f: _convnet(f)) for f in ("resnet", "basic", "mobilenet", "mobilenet_se")},
}  # fmt: skip
UNDECAYED = {"elasticvit": "position_bias.table", "autoformer": "class_token", "vit_resnas": "class_token"}
"""Parameters that timm's scripts must not decay."""
case_of = cache(lambda name: MAKERS[name]())


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small run twice as fast on one thread, and leave the other core to others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=MAKERS)
def case(request: pytest.FixtureRequest) -> Case:
    """One of each family, none at the family's defaults."""
    found: Case = case_of(request.param)
    return found


def test_trains_on_digits(case: Case) -> None:
    """The loss on real images falls to less than half within a few steps."""
    model, digits = case.model(random_vectors=False).train(), load_digits()
    x = F.interpolate(
        torch.tensor(digits.images[:16], dtype=torch.float32)[:, None] / 16, size=case.side, mode="bilinear"
    )
    y = torch.tensor(digits.target[:16])
    optimiser = torch.optim.AdamW(model.parameters(), lr=case.learning_rate)
    losses = []
    for _ in range(case.steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0], losses


def test_timm_shape(case: Case) -> None:
    """The attributes and methods by which timm's scripts know a model."""
    model, x = case.model(), case.images()
    size = (1, case.side, case.side)
    assert (model.num_classes, model.in_chans, model.img_size) == (10, 1, case.side)
    assert model.default_cfg["input_size"] == model.pretrained_cfg["input_size"] == size
    assert model.get_submodule(model.default_cfg["first_conv"]).in_channels == 1
    with torch.no_grad():
        features = model.forward_features(x)
        assert features.shape[2 if features.dim() == 3 else 1] == model.num_features
        assert model.forward_head(features, pre_logits=True).shape == (2, model.head_hidden_size)
        assert torch.equal(model.forward_head(features), model(x))
        assert model.get_classifier().out_features == 10
        model.reset_classifier(4)
        assert model(x).shape == (2, 4)
        assert model.get_classifier().out_features == model.num_classes == 4
        model.reset_classifier(0)
        assert model(x).shape == (2, model.head_hidden_size)
        assert isinstance(model.get_classifier(), nn.Identity)
    undecayed = getattr(model, "no_weight_decay", set)()
    assert undecayed == {n for n, _ in model.named_parameters() if n.endswith(UNDECAYED.get(case.space.name, ()))}
    for wrong in (lambda: model.reset_classifier(2, "max"), lambda: model.forward_intermediates(x, output_fmt="NLC")):
        with pytest.raises(ValueError, match=r"must be|pools by|global_pool"):
            wrong()


def test_is_a_backbone(case: Case) -> None:
    """Maps of the promised channels and reductions, also of rectangles and sizes that windows do not divide."""
    model = case.model()
    backbone, x = model.features(), torch.randn(1, 1, 96, 80)
    with torch.no_grad():
        maps = backbone(x)
        final, intermediates = model.forward_intermediates(x)
        assert torch.equal(final, model.forward_features(x))
        last = model.forward_intermediates(x, 1, intermediates_only=True)
    info = backbone.feature_info
    assert [m.shape[1] for m in maps] == info.channels()
    assert [m.shape[2:] for m in maps] == [(-(-96 // r), -(-80 // r)) for r in info.reduction()]
    assert all(torch.equal(a, b) for a, b in zip(maps, intermediates, strict=True))
    assert len(last) == 1
    assert torch.equal(last[0], maps[-1])


def test_survives_copies_and_files(case: Case, tmp_path: Path) -> None:
    """Same logits from the files alone, which hold parameters and buffers and nothing else; and from a deep copy."""
    from safetensors.torch import load_file, save_file

    model, path = case.model(), tmp_path / "weights.safetensors"
    save_file(model.state_dict(), path)
    architecture = Architecture.from_json(json.dumps(json.loads(case.architecture.to_json())))
    again = case.space.model(architecture).eval()
    again.load_state_dict(load_file(path))
    with torch.no_grad():
        expected = model(case.images())
        assert torch.equal(again(case.images()), expected)
        assert torch.equal(copy.deepcopy(model)(case.images()), expected)
    buffers = sum(b.numel() * b.element_size() for name, b in model.named_buffers() if name in model.state_dict())
    header = int.from_bytes(path.read_bytes()[:8], "little") + 8
    assert path.stat().st_size - header == 4 * int(case.space.operators(case.architecture).params[0]) + buffers


SLOW_TO_EXPORT = [n for n in MAKERS if n not in ("autoformer", "convnet-mobilenet_se")]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW_TO_EXPORT else n for n in MAKERS]
)
def test_exports(name: str) -> None:
    """``torch.export`` with a dynamic batch keeps the logits."""
    case = case_of(name)
    model, batch = case.model(), torch.export.Dim("batch", max=64)
    with torch.no_grad():
        module = torch.export.export(model, (case.images(),), dynamic_shapes=({0: batch},)).module()
        assert torch.allclose(module(case.images()), model(case.images()), atol=1e-5)
        assert module(case.images(5)).shape == (5, 10)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_compiles(case: Case) -> None:
    """``torch.compile`` gives the eager logits."""
    model = case.model()
    with torch.no_grad():
        assert torch.allclose(torch.compile(model)(case.images()), model(case.images()), atol=1e-4)


@pytest.mark.slow
def test_onnx_agrees(case: Case, tmp_path: Path) -> None:
    """One file, dynamic batch, ONNX Runtime within 1e-4 (windows, relative positions and ceil-mode pools too)."""
    import onnxruntime

    model, path = case.model(), tmp_path / "model.onnx"
    torch.onnx.export(
        model, (case.images(2),), path, dynamo=True, external_data=False, input_names=["images"], verbose=False,
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},),
    )  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    session = onnxruntime.InferenceSession(path)
    for n in (1, 3):
        with torch.no_grad():
            expected = model(case.images(n)).numpy()
        found = session.run(None, {"images": case.images(n).numpy()})[0]
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)
