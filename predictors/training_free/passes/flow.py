"""The flow pass: SynFlow's positive linear network, and how much of its output passes through each weight.

All parameters are replaced by their absolute values in float64, the image is all ones, and R is the sum of the
outputs. SynFlow (Tanaka et al., NeurIPS 2020) is meant for networks that are then linear in each layer's weights: ReLU
passes positive values, and the released code replaces batch norm by the identity. What the argument needs elsewhere:

- **every norm is the identity.** Layer norm makes R independent of the scale of what comes before it, so by Euler's
  theorem sum W dR/dW = 0 there: keeping it would measure rounding, not flow;
- **smooth rectifiers** (GELU, SiLU, hard-swish) are the identity, as ReLU is on positive input;
- **softmax is uniform**, 1/n. That is its value on the image of ones, where all tokens are equal, and there its
  gradient to queries and keys vanishes; so only values carry flow and R stays linear in each layer;
- **gates** (sigmoid, hard-sigmoid) stay: they are bounded, and close to 1 on large positive input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from predictors.training_free.passes.functions import NORMS, RECTIFIERS, input_of, name_of
from predictors.training_free.probe import Probe


@dataclass(frozen=True)
class Flow:
    """R, and per kernel |W| and dR/d|W|, float64, of the kernel's shape."""

    output: float
    weights: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]


def flow_pass(probe: Probe) -> Flow:
    """Forward and backward of the positive linear network on one image of ones."""
    names = list(probe.weights())
    state = {**dict(probe.model.named_parameters()), **dict(probe.model.named_buffers())}
    positive = {name: _positive(value) for name, value in state.items()}
    kernels = [positive[name].requires_grad_() for name in names]
    ones = torch.ones(1, *probe.input_size, dtype=torch.float64, device=probe.device)
    with probe.seeded("flow"), _Linear():
        output = functional_call(probe.model, positive, (ones,)).sum()
    found = torch.autograd.grad(output, kernels, allow_unused=True, materialize_grads=True)
    detached = [k.detach() for k in kernels]
    return Flow(output.item(), dict(zip(names, detached, strict=True)), dict(zip(names, found, strict=True)))


def log(value: float) -> float:
    """ln of a flow, minus infinity for none (and so no score) and NaN where it overflowed into NaN."""
    return math.log(value) if value > 0 else -math.inf if value == 0 else math.nan


def _positive(value: Tensor) -> Tensor:
    return value.detach().double().abs() if value.is_floating_point() else value.detach().clone()


class _Linear(TorchFunctionMode):
    """Replaces norms, rectifiers and softmax while the network runs, whether called as modules or as functions."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = name_of(func)
        if name in NORMS or name in RECTIFIERS:
            return input_of(args, kwargs)
        replacement = _REPLACED.get(name)
        return replacement(*args, **kwargs) if replacement else func(*args, **kwargs)


def _uniform_softmax(input: Tensor, dim: int = -1, *_: Any, **__: Any) -> Tensor:
    return torch.full_like(input, 1.0 / input.shape[dim])


def _uniform_attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Tensor:
    return value.mean(-2, keepdim=True).expand(*query.shape[:-1], value.shape[-1])


_REPLACED: dict[str, Callable[..., Tensor]] = {
    "softmax": _uniform_softmax,
    "scaled_dot_product_attention": _uniform_attention,
}
