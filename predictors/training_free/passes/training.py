"""The training pass: forward, cross-entropy and backward on each mini-batch, as a training step would run them.

Shapes: N images in B equal mini-batches; U activation inputs ("neurons") of one layer; W a layer's kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from predictors.training_free.passes.blocks import blocks, recorded_outputs
from predictors.training_free.passes.functions import RECTIFIERS, input_of, name_of
from predictors.training_free.passes.saliency import recorded_layers, recorded_saliency
from predictors.training_free.probe import MINI_BATCHES, Probe

GRADIENTS, SIGNS, FEATURES = "gradients", "signs", "features"
SALIENCY, JACOBIAN, LAYERS = "saliency", "jacobian", "layers"
"""What a proxy may name in ``uses``: kernels' gradients, the signs of what enters activations, outputs of blocks;
outputs of kernels times their gradients, gradients of the images, each layer's output for the first image."""

BACKWARD = frozenset((GRADIENTS, SALIENCY, JACOBIAN))
"""Those that need a backward pass."""


@dataclass(frozen=True)
class TrainingPass:
    """``gradients``: by kernel, shape (B, *W); ``signs``: per activation layer whether its input is > 0, (N, U);
    ``features``: outputs of the residual blocks on the first mini-batch; ``saliency``: per kernel module the sum over
    positions of output times gradient, (N, C); ``jacobian``: gradients of the summed logits by the images, (N, pixels);
    ``layers``: the first image's output of every layer, (C, positions). Each is empty where nobody wanted it, and
    ``features`` also where the network has no blocks. ``finite``: whether all logits are.
    """

    gradients: Mapping[str, Tensor]
    signs: tuple[Tensor, ...]
    features: tuple[Tensor, ...]
    saliency: Mapping[str, Tensor]
    jacobian: Tensor
    layers: tuple[Tensor, ...]
    finite: bool


@dataclass(frozen=True)
class _Step:
    """What one mini-batch gave."""

    gradients: dict[str, Tensor]
    signs: list[Tensor]
    saliency: dict[str, Tensor]
    jacobian: Tensor
    finite: bool


def training_pass(probe: Probe) -> TrainingPass:
    """Run it. The network is in train mode, so batch norm uses the statistics of the mini-batch."""
    features, layers = list[Tensor](), list[Tensor]()
    steps = []
    for index, images in enumerate(_parts(probe)):
        with probe.seeded(f"dropout {index}"), _graph(bool(probe.wanted & BACKWARD)):
            steps.append(_step(probe, images, index, features, layers))
    return TrainingPass(
        {name: torch.stack([s.gradients[name] for s in steps]) for name in steps[0].gradients},
        tuple(torch.cat(layer) for layer in zip(*(s.signs for s in steps), strict=True)),
        tuple(features),
        {name: torch.cat([s.saliency[name] for s in steps]) for name in steps[0].saliency},
        torch.cat([s.jacobian for s in steps]),
        tuple(layers),
        all(s.finite for s in steps),
    )


def _step(probe: Probe, images: Tensor, index: int, features: list[Tensor], layers: list[Tensor]) -> _Step:
    """One mini-batch; the first also adds to ``features`` and ``layers``."""
    first = index == 0
    images = images.clone().requires_grad_(JACOBIAN in probe.wanted)
    with (
        recorded_signs(SIGNS in probe.wanted, len(images)) as signs,
        recorded_saliency(probe.model, SALIENCY in probe.wanted) as saliency,
        recorded_layers(probe.model, first and LAYERS in probe.wanted) as outputs,
        _features(probe.model, first and FEATURES in probe.wanted) as blocks_outputs,
    ):
        logits = probe.model(images)
    layers += outputs
    features += [output.detach() for output in blocks_outputs]
    gradients = _backward(probe, logits, index)
    saliency.recording = False
    return _Step(gradients, signs, saliency.found, _jacobian(probe, logits, images), bool(logits.isfinite().all()))


def _features(model: nn.Module, wanted: bool) -> AbstractContextManager[list[Tensor]]:
    return recorded_outputs(model) if wanted and blocks(model) else nullcontext([])


def _parts(probe: Probe) -> tuple[Tensor, ...]:
    """The mini-batches; the first alone where it is all that anyone reads."""
    parts = probe.images.chunk(MINI_BATCHES)
    return parts if probe.wanted & (BACKWARD | {SIGNS}) else parts[:1]


def _graph(wanted: bool) -> AbstractContextManager[Any]:
    """Where no gradient is wanted, forget what the backward pass would need.

    Not ``no_grad``: attention then runs another kernel, and the value would depend on which proxies were asked for.
    """
    return nullcontext() if wanted else saved_tensors_hooks(lambda _: None, lambda _: torch.empty(0))


def _backward(probe: Probe, logits: Tensor, index: int) -> dict[str, Tensor]:
    if not probe.wanted & {GRADIENTS, SALIENCY}:
        return {}
    weights = probe.weights()
    labels = probe.labels(logits.shape[1]).chunk(MINI_BATCHES)[index]
    loss = F.cross_entropy(logits, labels)
    found = torch.autograd.grad(
        loss, list(weights.values()), retain_graph=JACOBIAN in probe.wanted, allow_unused=True, materialize_grads=True
    )
    return dict(zip(weights, found, strict=True))


def _jacobian(probe: Probe, logits: Tensor, images: Tensor) -> Tensor:
    if JACOBIAN not in probe.wanted:
        return images.new_empty(len(images), 0)
    (found,) = torch.autograd.grad(logits.sum(), images)
    return found.flatten(1)


@contextmanager
def recorded_signs(wanted: bool, n: int) -> Iterator[list[Tensor]]:
    """A list that collects the sign patterns, shape (n, U), of every rectifier run inside."""
    signs: list[Tensor] = []
    if not wanted:
        yield signs
        return
    with _Recorder(signs, n):
        yield signs


class _Recorder(TorchFunctionMode):
    def __init__(self, signs: list[Tensor], n: int) -> None:
        super().__init__()
        self.signs, self.n = signs, n

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if name_of(func) in RECTIFIERS:
            self.signs.append((input_of(args, kwargs).detach() > 0).reshape(self.n, -1))
        return func(*args, **kwargs)
