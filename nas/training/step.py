"""One training step: the items that a sampler planned, each against its target, into one gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.training.errors import TrainingDiverged
from nas.training.losses import alpha_divergence, cross_entropy
from nas.training.samplers.plan import Item
from search_spaces import Architecture
from search_spaces.modules.calibration import batch_norms

Scale = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Images:
    """A batch as it is trained: images, the truth (class numbers (B,) or probabilities (B, K)), and unmixed both."""

    x: Tensor
    truth: Tensor
    plain_x: Tensor
    labels: Tensor

    def part(self, item: Item) -> tuple[Tensor, Tensor]:
        """The item's images and their truth."""
        i, n = item.share
        return (self.x, self.truth) if n == 1 else (self.x[i::n], self.truth[i::n])


def run_items(
    model: Any, items: Sequence[Item], images: Images, smoothing: float, step: int, scale: Scale, cast: Any
) -> tuple[float, list[Tensor]]:
    """Forward and backward of every item; returns (the weighted loss, the logits of every item, detached).

    Raises TrainingDiverged naming the step and the subnet whose loss is no number.
    """
    losses: list[Tensor] = []
    predictions: list[Tensor] = []
    for item in items:
        if item.architecture is not None:
            model.activate(item.architecture)
        x, truth = images.part(item)
        with cast:
            logits = model(x)
        target = truth if item.target == "truth" else _prediction(item, predictions)
        if item.divergence == "alpha":
            loss = alpha_divergence(logits, target)
        else:
            loss = cross_entropy(logits, target, smoothing if target.dim() == 1 else 0.0)
        scale(loss * item.weight).backward()
        losses.append(loss.detach() * item.weight)
        predictions.append(logits.detach())
    values = torch.stack(losses).tolist()
    for item, value in zip(items, values, strict=True):
        if value != value or abs(value) == float("inf"):
            raise diverged(step, item.architecture, value)
    return sum(values), predictions


def _prediction(item: Item, logits: Sequence[Tensor]) -> Tensor:
    """Probabilities that earlier items of the step predict."""
    chosen = logits[:1] if item.target == "first" else logits
    return torch.stack([F.softmax(one.float(), dim=1) for one in chosen]).mean(0)


def diverged(step: int, architecture: Architecture | None, value: float) -> TrainingDiverged:
    """The error for a loss that is no number."""
    who = f"subnet {architecture.id}" if architecture else "the network"
    return TrainingDiverged(
        f"step {step}: the loss of {who} is {value}; the checkpoint before it is kept; try a lower --lr, --clip "
        "agc:0.1 or --precision float32", step=step, architecture=architecture.id if architecture else None,
    )  # fmt: skip


@torch.no_grad()
def plain_losses(model: Any, architectures: Sequence[Architecture], images: Images, cast: Any) -> Tensor:
    """Cross-entropy of subnets on the unmixed images with batch statistics, leaving the running ones alone; (n,)."""
    norms = batch_norms(model)
    momenta = [norm.momentum for norm in norms]
    found = []
    for norm in norms:
        norm.momentum = 0.0
    try:
        for architecture in architectures:
            model.activate(architecture)
            with cast:
                logits = model(images.plain_x)
            found.append(cross_entropy(logits, images.labels))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    return torch.stack(found) if found else torch.zeros(0)


def make_mixing(mixup: float, cutmix: float, classes: int, smoothing: float) -> Any:
    """timm's mixup and cutmix of a batch, None for neither."""
    if not mixup and not cutmix:
        return None
    from timm.data.mixup import Mixup

    return Mixup(mixup_alpha=mixup, cutmix_alpha=cutmix, label_smoothing=smoothing, num_classes=classes)


def mixed(mixing: Any, x: Tensor, labels: Tensor, teacher: Callable[[Tensor], Tensor] | None) -> Images:
    """The batch to train on: mixed if asked for, with the teacher's probabilities in the place of the labels."""
    new_x, truth = mixing(x.clone(), labels) if mixing is not None and len(x) % 2 == 0 else (x, labels)
    if teacher is not None:
        truth = teacher(new_x)
    return Images(new_x, truth, x, labels)
