"""The contract of a training-free proxy, as a test suite that a plug-in's author inherits::

    from predictors.testing import ProxyContract

    class TestMyProxy(ProxyContract):
        proxy = "my_proxy"

Every test scores tiny networks and takes milliseconds. Needs pytest.
"""

from __future__ import annotations

import copy
import math
import random
from functools import cache
from typing import ClassVar

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from predictors.training_free import Outcome, Proxy, get_proxy, list_proxies, score
from predictors.training_free.isolation import one_thread
from predictors.training_free.probe import MINI_BATCHES, Batch, Probe
from search_spaces import trace

SIDE, CLASSES = 16, 5


class TinyBlock(nn.Module):
    """A residual block with batch norm, hard-swish and a 3x3 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.Hardswish(),
            nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        out: Tensor = x + self.body(x)
        return out


class TinyCNN(nn.Sequential):
    """Convolution, two residual blocks, pooling, classifier."""

    img_size, in_chans, num_classes = SIDE, 3, CLASSES

    def __init__(self, width: int = 8) -> None:
        stem = [nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        blocks = nn.Sequential(TinyBlock(width), TinyBlock(width))
        super().__init__(*stem, blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))


def tiny_cnn(seed: int = 0) -> nn.Module:
    """A convolutional network of some 2,000 parameters; the global generator is left alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TinyCNN()


def tiny_vit(seed: int = 0) -> nn.Module:
    """timm's ViT at depth 3 and width 16; the global generator is left alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return VisionTransformer(
            img_size=SIDE, patch_size=4, embed_dim=16, depth=3, num_heads=2, num_classes=CLASSES, mlp_ratio=2
        )


NETWORKS = {"vit": tiny_vit, "cnn": tiny_cnn}


def random_batch(n: int = 8, seed: int = 0) -> Batch:
    """N(0, 1) images and labels for the tiny networks."""
    g = torch.Generator().manual_seed(seed)
    return Batch(torch.randn(n, 3, SIDE, SIDE, generator=g), torch.randint(CLASSES, (n,), generator=g))


def reordered(batch: Batch) -> Batch:
    """The same images in another order within each mini-batch."""
    size = len(batch.images) // MINI_BATCHES
    order = torch.cat([torch.arange(size).roll(1) + i * size for i in range(MINI_BATCHES)])
    return Batch(batch.images[order], None if batch.labels is None else batch.labels[order])


def generator_states() -> tuple[str, ...]:
    """The states of the global generators of torch, random and NumPy, as text."""
    states = torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()  # noqa: NPY002
    with np.printoptions(threshold=10**6):
        return tuple(repr(state) for state in states)


def _made(kind: str) -> nn.Module:
    return next(model for model in (make() for make in NETWORKS.values()) if type(model).__name__ == kind)


@cache
def _first(proxy: str, kind: str, on_batch: bool) -> Outcome:
    return score(_made(kind), random_batch() if on_batch else None, (proxy,), key="contract")[proxy]


@cache
def _together(kind: str) -> dict[str, Outcome]:
    """Every proxy's outcome on a tiny network in one call."""
    return score(_made(kind), names=list_proxies(), key="contract")


def _never_built() -> nn.Module:
    raise AssertionError("a proxy of cost `table` built the network")


class ProxyContract:
    """Inherit, set ``proxy`` to the registered name, and pytest collects the contract.

    ``networks`` names the kinds of networks the proxy is defined on, ``tolerance`` the relative error under which two
    values that should agree mathematically, but are summed in another order, count as equal; ``precision`` the one
    under which float32 and float64, or two devices, agree.
    """

    proxy: ClassVar[str] = ""
    networks: ClassVar[tuple[str, ...]] = ("vit", "cnn")
    tolerance: ClassVar[float] = 1e-3
    precision: ClassVar[float] = 1e-3

    @pytest.fixture(autouse=True)
    def _named(self) -> None:
        if not self.proxy:
            pytest.skip("set `proxy` to the name of a registered proxy")

    @pytest.fixture(params=["vit", "cnn"])
    def network(self, request: pytest.FixtureRequest) -> nn.Module:
        """Each tiny network the proxy is defined on."""
        if request.param not in self.networks:
            pytest.skip(f"{self.proxy} is not defined on a {request.param}")
        return NETWORKS[request.param]()

    @property
    def declared(self) -> Proxy:
        """What the registry says of the proxy."""
        return get_proxy(self.proxy)

    def outcome(self, model: nn.Module, batch: Batch | None = None, seed: int = 0) -> Outcome:
        """The proxy's outcome, alone."""
        return score(model, batch, (self.proxy,), seed=seed, key="contract")[self.proxy]

    def first(self, network: nn.Module) -> Outcome:
        """Its outcome on a tiny network, computed once."""
        return _first(self.proxy, type(network).__name__, on_batch=False)

    def on_batch(self, network: nn.Module) -> float:
        """Its value on :func:`random_batch`, computed once."""
        outcome = _first(self.proxy, type(network).__name__, on_batch=True)
        assert outcome.value is not None, outcome
        return outcome.value

    def value(self, model: nn.Module, batch: Batch | None = None, seed: int = 0) -> float:
        """Its value, which there must be."""
        outcome = self.outcome(model, batch, seed)
        assert outcome.value is not None, outcome
        return outcome.value

    def raw(self, model: nn.Module, dtype: torch.dtype) -> float:
        """Its unrounded value in a precision, on a batch."""
        proxy = self.declared
        with one_thread():
            return proxy(Probe(model, random_batch(), seed=0, key="contract", wanted=proxy.uses, dtype=dtype))

    def same(self, a: float, b: float) -> bool:
        """Equal up to the order of summation."""
        return math.isclose(a, b, rel_tol=self.tolerance, abs_tol=1e-12)

    def test_is_listed_under_its_name(self) -> None:
        assert self.proxy in list_proxies()
        assert self.declared.name == self.proxy

    def test_declares_what_a_reader_needs(self) -> None:
        p = self.declared
        assert p.direction in ("max", "min")
        assert p.needs in ("nothing", "random", "images", "labels")
        assert p.cost in ("table", "forward", "backward", "jacobian", "hessian")
        assert p.repeats >= 1
        assert all((p.equation, p.source, p.summary))
        if "seed" in p.invariances:
            assert not p.draws, "what draws random numbers depends on the seed"

    def test_is_finite_and_rounded(self, network: nn.Module) -> None:
        value = self.first(network).value
        assert value is not None, self.first(network)
        assert math.isfinite(value)
        assert value == float(f"{value:.6g}")

    def test_does_not_depend_on_the_other_proxies(self, network: nn.Module) -> None:
        assert _together(type(network).__name__)[self.proxy] == self.first(network)

    def test_repeats_under_its_seed_and_leaves_no_trace(self, network: nn.Module) -> None:
        """Whatever the state of generators, threads and gradients, which it hands back with the network's own."""
        expected, threads = self.first(network), torch.get_num_threads()
        weights = copy.deepcopy(network.eval().state_dict())
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(99)
            torch.set_num_threads(threads + 1)
            states = generator_states()
            try:
                assert self.outcome(network) == expected
                assert generator_states() == states
                assert torch.get_num_threads() == threads + 1
            finally:
                torch.set_num_threads(threads)
        assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
        assert not network.training
        assert all(p.grad is None for p in network.parameters())

    def test_reads_the_table_alone_where_it_says_so(self, network: nn.Module) -> None:
        if self.declared.cost != "table":
            pytest.skip(f"{self.proxy} runs the network")
        table = trace(network, input_size=(3, SIDE, SIDE))
        assert math.isfinite(self.declared(Probe(_never_built, None, seed=0, key="", table=lambda: table)))

    def test_a_network_full_of_nan_has_no_value(self, network: nn.Module) -> None:
        if self.declared.cost == "table":
            pytest.skip(f"{self.proxy} does not look at weights")
        for parameter in network.parameters():
            nn.init.constant_(parameter, math.nan)
        assert self.outcome(network).status != "ok"

    def test_batch_order(self, network: nn.Module) -> None:
        self._needs("batch_order")
        assert self.same(self.on_batch(network), self.value(network, reordered(random_batch())))

    def test_image_scale(self, network: nn.Module) -> None:
        self._needs("image_scale")
        batch = random_batch()
        assert self.same(self.on_batch(network), self.value(network, Batch(3 * batch.images, batch.labels)))

    def test_labels(self, network: nn.Module) -> None:
        self._needs("labels")
        other = Batch(random_batch().images, random_batch(seed=1).labels)
        assert self.on_batch(network) == self.value(network, other)

    def test_precision(self, network: nn.Module) -> None:
        """Float64 gives the same value up to what float32 rounds."""
        single, double = (self.raw(network, dtype=dtype) for dtype in (torch.float32, torch.float64))
        assert math.isclose(single, double, rel_tol=self.precision, abs_tol=1e-6)

    def test_device(self, network: nn.Module) -> None:
        if not torch.cuda.is_available():
            pytest.skip("no accelerator here")
        here, there = self.raw(network, dtype=torch.float64), self.raw(network.cuda(), dtype=torch.float64)
        assert math.isclose(here, there, rel_tol=self.precision, abs_tol=1e-6)

    def test_seed(self, network: nn.Module) -> None:
        """A proxy that draws nothing has one value under every seed."""
        self._needs("seed")
        assert self.first(network) == self.outcome(network, seed=1)

    def _needs(self, invariance: str) -> None:
        if invariance not in self.declared.invariances:
            pytest.skip(f"{self.proxy} does not claim it")
