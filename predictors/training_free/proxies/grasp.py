"""GraSP: how much removing weights would change the flow of gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from predictors.training_free.passes.functions import name_of, plain_hard_sigmoid
from predictors.training_free.passes.training import GRADIENTS, training_pass
from predictors.training_free.probe import MINI_BATCHES, Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="labels",
    equation="sum over convolutions and linears of -W (H g), g and H gradient and Hessian of the mean cross-entropy",
    source="Wang et al., GraSP, ICLR 2020; as a proxy: Abdelfattah et al., ICLR 2021; zero-cost-nas",
    departs=(
        "8 images in two mini-batches whose losses are averaged (temperature 1, one iteration); random images and "
        "labels unless a batch is given. The sign is that of the proxy, which is opposite to that of pruning."
    ),
    cost="hessian",
    uses=(GRADIENTS,),
    invariances=("batch_order",),
    draws=("images", "labels"),
)
def grasp(probe: Probe) -> float:
    """Minus the sum over weights of weight x (Hessian x gradient)."""
    gradient = {name: g.mean(0) for name, g in probe.shared(training_pass).gradients.items()}
    terms = (_part(probe, index, images, gradient) for index, images in enumerate(probe.images.chunk(MINI_BATCHES)))
    return -sum(terms) / MINI_BATCHES


def _part(probe: Probe, index: int, images: Tensor, gradient: dict[str, Tensor]) -> float:
    """sum W (H g) of one mini-batch: the derivative of (its gradient) g along W."""
    weights = probe.weights()
    with probe.seeded(f"dropout {index}"), sdpa_kernel(SDPBackend.MATH), _TwiceDifferentiable():
        logits = probe.model(images)
        loss = F.cross_entropy(logits, probe.labels(logits.shape[1]).chunk(MINI_BATCHES)[index])
        first = torch.autograd.grad(
            loss, list(weights.values()), create_graph=True, allow_unused=True, materialize_grads=True
        )
        along = torch.stack([(f * gradient[name]).sum() for name, f in zip(weights, first, strict=True)]).sum()
        second = torch.autograd.grad(along, list(weights.values()), allow_unused=True, materialize_grads=True)
    return sum(float((w.detach() * s).double().sum()) for w, s in zip(weights.values(), second, strict=True))


class _TwiceDifferentiable(TorchFunctionMode):
    """Writes out what torch has no second derivative of."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if name_of(func) == "hardsigmoid":
            return plain_hard_sigmoid(*args, **kwargs)
        return func(*args, **kwargs)
