"""The Gaussian pass: a network whose weights are N(0, 1) on a batch, as Zen and SWAP look at it.

Weights of convolutions and linears are redrawn, other parameters keep what they were built with (norms 1 and 0, biases
as built are replaced by 0). No gradient. Shapes: N images, U neurons of one activation layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from predictors.training_free.passes.blocks import blocks, recorded_outputs
from predictors.training_free.passes.functions import NORMS, RECTIFIERS, input_of, name_of
from predictors.training_free.probe import Probe

NOISE, PATTERNS, STEP = 4, 24, 0.01
"""Images of the noise pass and, at most, of the pattern pass; how far Zen moves an image."""


@dataclass(frozen=True)
class Noise:
    """``features`` (last block's output, else logits) of images x and ``moved``, those of x + 0.01 x'; ``log_scales``:
    ln sqrt(mean variance) of the input of each norm.
    """

    features: Tensor
    moved: Tensor
    log_scales: tuple[float, ...]


@dataclass(frozen=True)
class Patterns:
    """``distinct`` rows of the matrix (all neurons, N) of activation signs; ``finite``: whether all logits are."""

    distinct: int
    finite: bool


def noise_pass(probe: Probe) -> Noise:
    """On N(0, 1) images, as they are and moved a little."""
    images, weights, watcher = probe.noise(NOISE, "gaussian images"), probe.shared(gaussian_weights), _Scales()
    features, _ = _run(probe, weights, images, watcher)
    moved, _ = _run(probe, weights, images + STEP * probe.noise(NOISE, "gaussian step"), nullcontext())
    return Noise(features, moved, tuple(watcher.logs))


def pattern_pass(probe: Probe) -> Patterns:
    """On the batch that was given, its first images only where it is large; without one on N(0, 1) images."""
    images = probe.images[:PATTERNS] if probe.has_batch else probe.noise(PATTERNS, "gaussian patterns")
    watcher = _Signs(len(images))
    _, logits = _run(probe, probe.shared(gaussian_weights), images, watcher)
    return Patterns(int(watcher.seen.sum()), bool(logits.isfinite().all()))


def gaussian_weights(probe: Probe) -> dict[str, Tensor]:
    """Parameters and buffers of the network with N(0, 1) kernels and no biases."""
    generator, kernels = probe.generator("gaussian weights"), set(probe.weights())
    state = {**dict(probe.model.named_parameters()), **dict(probe.model.named_buffers())}
    return {name: _redrawn(name, value.detach(), name in kernels, generator) for name, value in state.items()}


def _redrawn(name: str, value: Tensor, kernel: bool, generator: torch.Generator) -> Tensor:
    if kernel:
        return torch.randn(value.shape, generator=generator).to(value) + 0 * value
    return 0 * value if name.endswith("bias") else value.clone()


def _run(
    probe: Probe, weights: Mapping[str, Tensor], images: Tensor, watcher: AbstractContextManager[Any]
) -> tuple[Tensor, Tensor]:
    """(features, logits)."""
    with torch.no_grad(), probe.seeded("gaussian"), watcher:
        if not blocks(probe.model):
            logits = functional_call(probe.model, dict(weights), (images,))
            return logits, logits
        with recorded_outputs(probe.model) as outputs:
            logits = functional_call(probe.model, dict(weights), (images,))
        return outputs[-1], logits


class _Scales(TorchFunctionMode):
    """Notes the scale of what norms see."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: list[float] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if name_of(func) in NORMS:
            self.logs.append(log_scale(name_of(func), input_of(args, kwargs)))
        return func(*args, **kwargs)


class _Signs(TorchFunctionMode):
    """Notes which patterns of signs the inputs of rectifiers have over n images; pattern b stands at sum_i b_i 2^i."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.bits = 2 ** torch.arange(n, dtype=torch.int32)
        self.seen = torch.zeros(2**n, dtype=torch.bool)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if name_of(func) in RECTIFIERS:
            positive = (input_of(args, kwargs) > 0).reshape(len(self.bits), -1).cpu()
            codes = torch.zeros(positive.shape[1], dtype=torch.int32)
            for bit, row in zip(self.bits, positive, strict=True):
                codes += bit * row
            self.seen[codes] = True
        return func(*args, **kwargs)


def log_scale(norm: str, x: Tensor) -> float:
    """ln sqrt(mean variance) of a norm's input: per channel for a batch norm, per position for a layer norm."""
    if norm == "batch_norm":
        variance = x.movedim(1, -1).flatten(0, -2).var(0, unbiased=False)
    elif norm == "rms_norm":
        variance = x.square().mean(-1)
    else:
        flat = x.flatten(2) if norm == "instance_norm" else x.flatten(1) if norm == "group_norm" else x
        variance = flat.var(-1, unbiased=False)
    return 0.5 * float(variance.double().mean().log())
