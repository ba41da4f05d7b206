"""A circle of images sent through the network, and how fast and how bent its image is (As-ViT; Chen et al., ICLR 2022).

x(t) = U (cos t, sin t)', U two random orthonormal columns of as many entries as an image has, t = T equal steps from 0
to 2 pi with both ends. z(t) are the pooled features of x(t), v = dz/dt its velocity, a = d2z/dt2 its acceleration.

v is one Jacobian-vector product, so one forward-mode pass over a batch of the T images gives all of them exactly;
reverse mode needs a backward pass for each of the D features. a is that pass differentiated once more the same way.

Shapes: (C, H, W) an image, T points, D features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import jvp
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from predictors.training_free.passes.features import Features, pooled_features
from predictors.training_free.passes.functions import NORMS, input_of, name_of, plain_hard_sigmoid
from predictors.training_free.probe import Probe

MOTION = "motion"
"""What a proxy names in ``uses`` that reads the acceleration."""
POINTS = 10
SCORES = 2**20
"""Entries of attention's tables that are worked on at a time."""


@dataclass(frozen=True)
class Circle:
    """The unit circle spanned by two orthonormal directions, each of an image's shape (C, H, W)."""

    cosine: Tensor
    sine: Tensor

    def at(self, angles: Tensor) -> Tensor:
        """The images at angles of shape (T,), shape (T, C, H, W)."""
        t = angles[:, None, None, None]
        return t.cos() * self.cosine + t.sin() * self.sine


def draw_circle(size: tuple[int, int, int], generator: torch.Generator) -> Circle:
    """A circle in a random plane, uniform over planes and phases, float32.

    Released code takes the left singular vectors of a Gaussian matrix; Gram-Schmidt draws from the same distribution
    and leaves no sign to the linear algebra library.
    """
    first, second = torch.randn(2, math.prod(size), generator=generator, dtype=torch.float64)
    u = first / first.norm()
    w = second - (second @ u) * u
    return Circle(u.view(size).float(), (w / w.norm()).view(size).float())


def velocity(
    model: nn.Module, circle: Circle, features: Features = pooled_features, angles: Tensor | None = None
) -> Tensor:
    """v at ``angles`` of shape (T,) (default: the ten), shape (T, D).

    Norms are the identity; the network is otherwise run as it stands.
    """
    at = _angles(circle) if angles is None else angles
    with _differentiable_forward(model):
        v: Tensor = jvp(lambda t: features(model, circle.at(t)), (at,), (torch.ones_like(at),))[1]
    return v


def motion(model: nn.Module, circle: Circle, features: Features = pooled_features) -> tuple[Tensor, Tensor]:
    """(v, a) at the ten angles, each of shape (T, D)."""
    angles = _angles(circle)
    ones = torch.ones_like(angles)
    with _differentiable_forward(model):
        both = jvp(lambda t: jvp(lambda s: features(model, circle.at(s)), (t,), (ones,))[1], (angles,), (ones,))
    return both[0], both[1]


def probe_circle(probe: Probe) -> Circle:
    """The circle that every proxy of this run uses, in the network's precision."""
    circle = draw_circle(probe.input_size, probe.generator("circle"))
    return Circle(circle.cosine.to(probe.device, probe.dtype), circle.sine.to(probe.device, probe.dtype))


def velocity_pass(probe: Probe) -> Tensor:
    """:func:`velocity` of the probe's network, out of :func:`motion_pass` where that is run anyway: the same bits."""
    if MOTION in probe.wanted:
        return probe.shared(motion_pass)[0]
    with probe.seeded("circle"):
        return velocity(probe.model, probe.shared(probe_circle))


def motion_pass(probe: Probe) -> tuple[Tensor, Tensor]:
    """:func:`motion` of the probe's network."""
    with probe.seeded("circle"):
        return motion(probe.model, probe.shared(probe_circle))


def _angles(circle: Circle) -> Tensor:
    return torch.linspace(0, 2 * math.pi, POINTS, dtype=circle.cosine.dtype, device=circle.cosine.device)


@contextmanager
def _differentiable_forward(model: nn.Module) -> Iterator[None]:
    """No graph is kept, norms are the identity, and attention takes the kernel that forward mode can follow.

    Batch norms are in evaluation mode meanwhile, since forward mode refuses their counting of batches.
    """
    training = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    try:
        for norm in training:
            norm.training = False
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), _Linearised():
            yield
    finally:
        for norm in training:
            norm.training = True


class _Linearised(TorchFunctionMode):
    """Norms as the identity; linears and attention in the plain form, whose derivatives forward mode can follow.

    (Forward mode through the fused linear would import torch's compiler.)
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = name_of(func)
        if name in NORMS:
            return input_of(args, kwargs)
        return _PLAIN[name](*args, **kwargs) if name in _PLAIN else func(*args, **kwargs)


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    product = input @ weight.T
    return product if bias is None else product + bias


def _attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, *, scale: float | None = None, **_: Any,
) -> Tensor:  # fmt: skip
    """Softmax attention, a few rows of the batch at a time: tables of scores that fit the cache are much faster.

    Dropout is left out; a mask or causal attention goes to torch.
    """
    if attn_mask is not None or is_causal:
        return F.scaled_dot_product_attention(query, key, value, attn_mask, 0.0, is_causal, scale=scale)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    rows = max(1, SCORES // (query[0].numel() // query.shape[-1] * key.shape[-2]))
    parts = zip(query.split(rows), key.split(rows), value.split(rows), strict=True)
    return torch.cat([_attend(q * scale, k, v) for q, k, v in parts])


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """exp(S) V / exp(S) 1, S = Q K' less each row's maximum, a constant that cancels and so needs no derivative."""
    scores = query @ key.transpose(-2, -1)
    weights = (scores - scores.detach().amax(-1, keepdim=True)).exp()
    return (weights @ value) / weights.sum(-1, keepdim=True)


_PLAIN: dict[str, Callable[..., Tensor]] = {
    "linear": _linear,
    "scaled_dot_product_attention": _attention,
    "hardsigmoid": plain_hard_sigmoid,
}
