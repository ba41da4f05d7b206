"""The tangent pass: the gradient of each image's summed features, and the kernel of their products.

Shapes: N images, P weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from predictors.training_free.passes.features import Features, pooled_features
from predictors.training_free.probe import MINI_BATCHES


def tangent_kernel(model: nn.Module, images: Tensor, features: Features = pooled_features) -> Tensor:
    """K = G G', shape (N, N), float64; row i of G is the gradient of image i's summed features by all weights.

    Weights are the parameters whose name contains "weight", in norms too. Where no batch norm ties the images of a
    batch together each has a small graph of its own: one batch's work instead of N times that.
    """
    weights = [p for name, p in model.named_parameters() if "weight" in name and p.requires_grad]
    gradients = list((_through_the_batch if coupled(model) else _one_by_one)(model, images, weights, features))
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64)
    for columns in zip(*gradients, strict=True):
        g = torch.stack([c.flatten() for c in columns]).double()
        kernel += (g @ g.T).cpu()
    return kernel


def coupled(model: nn.Module) -> bool:
    """Whether an image's features depend on the others of its batch: a batch norm in train mode."""
    return any(
        isinstance(m, nn.modules.batchnorm._BatchNorm) and (m.training or m.running_mean is None)
        for m in model.modules()
    )


def _one_by_one(
    model: nn.Module, images: Tensor, weights: Sequence[Tensor], features: Features
) -> Iterator[tuple[Tensor, ...]]:
    for image in images.split(1):
        yield _gradient(features(model, image).sum(), weights)


def _through_the_batch(
    model: nn.Module, images: Tensor, weights: Sequence[Tensor], features: Features
) -> Iterator[tuple[Tensor, ...]]:
    for part in images.chunk(MINI_BATCHES):
        for total in features(model, part).sum(1):
            yield _gradient(total, weights, retain_graph=True)


def _gradient(of: Tensor, weights: Sequence[Tensor], retain_graph: bool = False) -> tuple[Tensor, ...]:
    return torch.autograd.grad(of, weights, retain_graph=retain_graph, allow_unused=True, materialize_grads=True)
