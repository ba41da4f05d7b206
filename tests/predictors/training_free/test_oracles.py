"""Each proxy against a value worked out by hand or by a slow, obvious second implementation in float64."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from predictors.testing import random_batch, tiny_cnn, tiny_vit
from predictors.training_free import Batch, Probe, score
from predictors.training_free.az_nas import aggregate_ranks
from predictors.training_free.passes.blocks import blocks
from predictors.training_free.passes.circle import draw_circle
from predictors.training_free.passes.flow import flow_pass
from predictors.training_free.passes.tangents import tangent_kernel
from predictors.training_free.proxies.az_expressivity import spectral_entropy
from predictors.training_free.proxies.az_trainability import block_term
from predictors.training_free.proxies.dss import attention_kernels, nuclear_norm
from predictors.training_free.proxies.jacob_cov import decorrelation
from predictors.training_free.proxies.le import length_distortion
from predictors.training_free.proxies.linear_regions import regions
from predictors.training_free.proxies.meco import smallest
from predictors.training_free.proxies.naswot import agreements
from predictors.training_free.proxies.ntk import condition_number
from predictors.training_free.proxies.zico import layer_term
from search_spaces.errors import NasError


def value(model: nn.Module, name: str, batch: Batch | None = None, **options: object) -> float:
    found = score(model, batch, (name,), **options)[name]
    assert found.value is not None, found
    return found.value


def gradients(model: nn.Module, batch: Batch, kernel: nn.Parameter) -> list[np.ndarray]:
    """dL/dW of each of the two mini-batches, by plain autograd."""
    halves = zip(batch.images.chunk(2), batch.labels.chunk(2), strict=True)
    return [torch.autograd.grad(F.cross_entropy(model(x), y), kernel)[0].double().numpy() for x, y in halves]


def test_grad_norm_of_a_linear_classifier_is_that_of_softmax_minus_one_hot():
    model, batch = nn.Sequential(nn.Flatten(), nn.Linear(48, 5)), _images(8)
    x = batch.images.flatten(1).double()
    linear = model[1]
    p = torch.softmax(x @ linear.weight.double().T + linear.bias.double(), 1)
    expected = ((p - F.one_hot(batch.labels, 5)).T @ x / 8).norm()
    assert value(model, "grad_norm", batch) == pytest.approx(expected.item(), rel=1e-5)


def test_zico_term_by_hand():
    # means of |g|: 2, 2, 1; population deviations: 1, 2, 0 -> ratios 2, 1 and one weight left out
    assert layer_term(torch.tensor([[1.0, 0.0, -1.0], [3.0, 4.0, -1.0]])) == pytest.approx(math.log(2 + 1))


def test_zico_layer_that_never_varies_adds_nothing():
    assert layer_term(torch.ones(2, 7)) == 0.0


def test_zico_agrees_with_an_independent_implementation():
    model, batch = tiny_vit(), random_batch()
    kernels = [m.weight for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    expected = 0.0
    for g in (np.stack(gradients(model, batch, k)) for k in kernels):
        mean, std = np.abs(g).mean(0), g.std(0)
        expected += math.log((mean[std != 0] / std[std != 0]).sum())
    assert value(model, "zico", batch) == pytest.approx(expected, rel=1e-2)  # near-zero deviations: float32 shows


def test_naswot_kernel_of_known_patterns():
    signs = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 1]]).bool()
    agree = [[3, 2, 0], [2, 3, 1], [0, 1, 3]]
    kernel = agreements((signs[:, :2], signs[:, 2:]), 3)
    assert kernel.tolist() == agree
    assert float(torch.linalg.det(kernel)) == pytest.approx(3 * (9 - 1) - 2 * (6 - 0))


@pytest.mark.parametrize("activation", [nn.ReLU(inplace=True), nn.GELU(), nn.Hardswish(), nn.SiLU(), nn.ReLU6()])
def test_naswot_sees_every_rectifier_by_the_sign_of_its_input(activation):
    model, batch = nn.Sequential(nn.Flatten(), nn.Linear(48, 64), activation, nn.Linear(64, 5)), _images(8)
    x = (model[1](batch.images.flatten(1)) > 0).double().detach().numpy()
    expected = np.linalg.slogdet(x @ x.T + (1 - x) @ (1 - x).T)[1]
    assert value(model, "naswot", batch) == pytest.approx(expected, rel=1e-5)


def test_naswot_does_not_count_gates():
    gated = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.Sigmoid(), nn.Hardsigmoid(), nn.Linear(16, 5))
    plain = nn.Sequential(*[m for m in gated if not isinstance(m, (nn.Sigmoid, nn.Hardsigmoid))])
    assert value(gated, "naswot", _images(8)) == value(plain, "naswot", _images(8))


def test_naswot_of_equal_images_is_no_value():
    batch = Batch(torch.ones(4, 3, 16, 16))
    assert score(tiny_vit(), batch, ("naswot",))["naswot"].status == "nan"


def test_synflow_of_a_linear_chain_is_the_log_of_layers_times_the_product():
    """R = 1' |W3| |W2| |W1| 1 and sum W dR/dW = R in each of the three layers."""
    torch.manual_seed(0)
    sizes = [(48, 7), (7, 6), (6, 5)]
    layers = [nn.Linear(a, b, bias=False) for a, b in sizes]
    x = np.ones(48)
    for layer in layers:
        x = np.abs(layer.weight.detach().double().numpy()) @ x
    for between in (nn.ReLU(), nn.GELU(), nn.Identity()):
        model = nn.Sequential(nn.Flatten(), layers[0], between, layers[1], between, layers[2])
        assert value(model, "synflow", input_size=(3, 4, 4)) == pytest.approx(math.log(3 * x.sum()), rel=1e-5)


def test_synflow_where_nothing_flows_is_no_value():
    model = tiny_cnn()
    nn.init.zeros_(model[-1].weight)
    assert score(model, names=("synflow",))["synflow"].status == "nan"


def test_synflow_ignores_norms_and_conserves_flow_through_attention():
    """In a ViT without biases the flow through values, projection and head is what reaches the output."""
    model = tiny_vit()
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or name in ("cls_token", "pos_embed"):
            nn.init.zeros_(parameter)
    flow = flow_pass(Probe(model, None, seed=0, key=""))
    through = {name: float((w * flow.gradients[name]).sum()) for name, w in flow.weights.items()}
    assert through["head.weight"] == pytest.approx(flow.output)
    assert through["patch_embed.proj.weight"] == pytest.approx(flow.output)
    qkv = flow.gradients["blocks.0.attn.qkv.weight"]
    assert float(qkv[:32].abs().max()) == 0 < float(qkv[32:].abs().min())


def test_dss_of_a_network_without_attention_is_synflow():
    assert value(tiny_cnn(), "dss") == value(tiny_cnn(), "synflow")


def test_dss_finds_the_matrices_of_attention():
    found = attention_kernels(tiny_vit())
    assert found == {f"blocks.{i}.attn.{part}.weight" for i in range(3) for part in ("qkv", "proj")}


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (6, 6)])
def test_nuclear_norm_is_the_sum_of_singular_values(shape):
    m = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    low_rank = m[:, :1] @ m[:1]
    for matrix in (m, low_rank):
        assert nuclear_norm(matrix) == pytest.approx(float(torch.linalg.svdvals(matrix).sum()), rel=1e-9)


def test_spectral_entropy_of_even_and_of_flat_features():
    corners = torch.cat([torch.eye(3), -torch.eye(3)])
    assert spectral_entropy(corners) == pytest.approx(math.log(3))
    assert spectral_entropy(torch.linspace(0, 1, 9)[:, None] * torch.ones(1, 4)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("gain", [1.0, 0.5, 3.0])
def test_trainability_of_a_scaling_block(gain):
    """One channel: g_in = gain * g_out, so s = gain exactly."""
    before = torch.randn(4, 9, 1, requires_grad=True)
    term = block_term(before, before * gain, torch.Generator().manual_seed(0))
    assert term == pytest.approx(2 - gain - 1 / (gain + 1e-6), abs=1e-5)


def test_blocks_are_the_residual_blocks():
    assert [type(b).__name__ for b in blocks(tiny_vit())] == ["Block"] * 3
    assert [type(b).__name__ for b in blocks(tiny_cnn())] == ["TinyBlock"] * 2


def _images(n: int) -> Batch:
    g = torch.Generator().manual_seed(0)
    return Batch(torch.randn(n, 3, 4, 4, generator=g), torch.randint(5, (n,), generator=g))


class Map(nn.Module):
    """A function of the flattened image as a network without weights."""

    img_size = 4

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x.flatten(1))


@pytest.mark.parametrize("gain", [1.0, 7.0])
def test_length_of_a_scaled_identity_is_ten_times_the_gain(gain):
    """Every gE = |a dx/dt| = a on the unit circle; the unit tangent turns at speed 1; curvature is 1 / a."""
    model = Map(lambda x: gain * x)
    assert value(model, "le") == pytest.approx(10 * gain, rel=1e-6)
    assert value(model, "gauss_length") == pytest.approx(10, rel=1e-6)
    assert value(model, "curvature") == pytest.approx(10 / gain, rel=1e-5)


def test_length_of_a_linear_map_by_hand():
    """z = M x: LE = sum_t |M U (-sin t, cos t)'|."""
    m = torch.randn(5, 48, generator=torch.Generator().manual_seed(0))
    circle = draw_circle((3, 4, 4), torch.Generator().manual_seed(1))
    u = np.stack([circle.cosine.flatten().numpy(), circle.sine.flatten().numpy()], 1)
    expected = sum(
        float(np.linalg.norm(m.numpy() @ u @ np.array([-math.sin(t), math.cos(t)])))
        for t in np.linspace(0, 2 * math.pi, 10)
    )
    assert length_distortion(Map(lambda x: x @ m.T), circle) == pytest.approx(expected, rel=1e-5)


def test_the_circle_is_a_unit_circle():
    circle = draw_circle((3, 8, 8), torch.Generator().manual_seed(0))
    u, w = circle.cosine.flatten(), circle.sine.flatten()
    assert float(u @ u) == pytest.approx(1, abs=1e-6)
    assert float(w @ w) == pytest.approx(1, abs=1e-6)
    assert float(u @ w) == pytest.approx(0, abs=1e-6)


def test_a_model_may_say_what_its_pooled_features_are():
    class Saying(nn.Sequential):
        img_size = 4

        def pooled_features(self, x):
            return 2 * x.flatten(1)

    assert value(Saying(nn.Flatten(), nn.Linear(48, 5)), "le") == pytest.approx(20, rel=1e-6)


def test_attention_over_a_long_row_of_images_is_cut_and_joined(monkeypatch):
    model, circle = tiny_vit(), draw_circle((3, 16, 16), torch.Generator().manual_seed(0))
    whole = length_distortion(model, circle)
    monkeypatch.setattr("predictors.training_free.passes.circle.SCORES", 1)
    assert length_distortion(model, circle) == pytest.approx(whole, rel=1e-5)


def test_batch_norms_are_as_they_were_after_a_circle():
    model = tiny_cnn()
    length_distortion(model, draw_circle((3, 16, 16), torch.Generator().manual_seed(0)))
    assert all(m.training for m in model.modules())


def test_tangents_of_a_linear_layer_are_the_images():
    """Summed outputs of W x: the gradient by each row of W is x, so K = D x x'."""
    model, batch = nn.Sequential(nn.Flatten(), nn.Linear(48, 5)), _images(4)
    x = batch.images.flatten(1).double().numpy()
    assert tangent_kernel(model, batch.images).numpy() == pytest.approx(5 * x @ x.T, rel=1e-5)
    values = np.linalg.eigvalsh(x @ x.T)
    assert condition_number(model, batch.images) == pytest.approx(values[-1] / values[0], rel=1e-5)


def test_a_singular_tangent_kernel_has_no_condition_number():
    batch = Batch(torch.ones(4, 3, 16, 16))
    assert score(tiny_vit(), batch, ("ntk",))["ntk"].status == "nan"


def test_meco_of_known_correlations():
    rows = torch.tensor([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
    assert smallest(rows) == pytest.approx(1)  # orthogonal channels
    assert smallest(torch.stack([rows[0], rows[0] + rows[1]])) == pytest.approx(1 - math.sqrt(0.5))
    assert smallest(torch.stack([rows[0], 2 * rows[0]])) == pytest.approx(0, abs=1e-12)
    assert smallest(torch.ones(2, 4)) == 0  # a constant channel has no correlations
    assert smallest(torch.eye(3)) == 0  # as many channels as positions


def test_regions_are_distinct_patterns():
    patterns = torch.tensor([[[1, 0], [0, 0]], [[1, 0], [0, 1]], [[0, 0], [1, 1]]]).bool()
    assert regions(patterns).tolist() == [2, 3]


def test_jacobians_that_are_uncorrelated_are_best():
    best = decorrelation(torch.tensor([[1.0, -1, 0, 0], [0, 0, 1, -1]]))
    assert best == pytest.approx(-2, abs=1e-4)
    assert decorrelation(torch.tensor([[1.0, -1, 0, 0], [1, -1, 0.1, -0.1]])) < best


def test_az_nas_sums_the_logs_of_ranks():
    s = aggregate_ranks({"az_expressivity": [1.0, 2.0, 3.0], "az_complexity": [5.0, None, 4.0]})
    assert s == pytest.approx([math.log(1 / 3 * 3 / 3), math.log(2 / 3 * 1 / 3), math.log(3 / 3 * 2 / 3)])
    assert aggregate_ranks({"ntk": [1.0, 2.0]})[0] > aggregate_ranks({"ntk": [1.0, 2.0]})[1]  # lower is better
    with pytest.raises(NasError, match="lengths"):
        aggregate_ranks({"az_expressivity": [1.0], "az_complexity": [1.0, 2.0]})
