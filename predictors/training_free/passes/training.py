"""The training pass: forward, cross-entropy and backward on each mini-batch, as a training step would run them.

Shapes: N images in B equal mini-batches; U activation inputs ("neurons") of one layer; W a layer's kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from predictors.training_free.passes.blocks import blocks, recorded_outputs
from predictors.training_free.passes.functions import RECTIFIERS, input_of, name_of
from predictors.training_free.probe import MINI_BATCHES, Probe

GRADIENTS, SIGNS, FEATURES = "gradients", "signs", "features"
"""What a proxy may name in ``uses``: kernels' gradients, the signs of what enters activations, outputs of blocks."""


@dataclass(frozen=True)
class TrainingPass:
    """``gradients``: by kernel, shape (B, *W); ``signs``: per activation layer whether its input is > 0, (N, U);
    ``features``: outputs of the residual blocks on the first mini-batch. Each is empty where nobody wanted it, and
    ``features`` also where the network has no blocks.
    """

    gradients: Mapping[str, Tensor]
    signs: tuple[Tensor, ...]
    features: tuple[Tensor, ...]


def training_pass(probe: Probe) -> TrainingPass:
    """Run it. The network is in train mode, so batch norm uses the statistics of the mini-batch."""
    weights, features = probe.weights(), list[Tensor]()
    steps = []
    for index, images in enumerate(_parts(probe)):
        with probe.seeded(f"dropout {index}"), _graph(GRADIENTS in probe.wanted):
            logits, signs = _forward(probe, images, features if index == 0 else None)
            steps.append((_backward(probe, logits, index, weights), signs))
    gradients, signs_by_part = zip(*steps, strict=True)
    return TrainingPass(
        {name: torch.stack([g[name] for g in gradients]) for name in gradients[0]},
        tuple(torch.cat(layer) for layer in zip(*signs_by_part, strict=True)),
        tuple(features),
    )


def _parts(probe: Probe) -> tuple[Tensor, ...]:
    """The mini-batches; the first alone where it is all that anyone reads."""
    parts = probe.images.chunk(MINI_BATCHES)
    return parts if probe.wanted & {GRADIENTS, SIGNS} else parts[:1]


def _graph(wanted: bool) -> AbstractContextManager[Any]:
    """Where no gradient is wanted, forget what the backward pass would need.

    Not ``no_grad``: attention then runs another kernel, and the value would depend on which proxies were asked for.
    """
    return nullcontext() if wanted else saved_tensors_hooks(lambda _: None, lambda _: torch.empty(0))


def _forward(probe: Probe, images: Tensor, features: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
    """Logits and signs; outputs of blocks are added to ``features``."""
    with recorded_signs(SIGNS in probe.wanted, len(images)) as signs:
        if features is None or FEATURES not in probe.wanted or not blocks(probe.model):
            return probe.model(images), signs
        with recorded_outputs(probe.model) as outputs:
            logits = probe.model(images)
    features += [output.detach() for output in outputs]
    return logits, signs


def _backward(probe: Probe, logits: Tensor, index: int, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if GRADIENTS not in probe.wanted:
        return {}
    labels = probe.labels(logits.shape[1]).chunk(MINI_BATCHES)[index]
    loss = F.cross_entropy(logits, labels)
    found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(weights, found, strict=True))


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
