"""One training step: the items that a sampler planned, each against its target, into one gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.training.errors import TrainingDiverged
from nas.training.losses import alpha_divergence, cross_entropy, probabilities
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
    with cast:
        together = _exits(model, items, images.x)
    for item in items:
        x, truth = images.part(item)
        logits = _logits(model, item, x, cast) if together is None else together[len(losses)]
        loss = item.weight * _loss(item, logits, truth, predictions, smoothing)
        if together is None:
            scale(loss).backward()
            loss = loss.detach()
        losses.append(loss)
        predictions.append(logits.detach())
    every = torch.stack(losses)
    if together is not None:
        scale(every.sum()).backward()
    values = every.detach().tolist()
    for item, value in zip(items, values, strict=True):
        if value != value or abs(value) == float("inf"):
            raise diverged(step + 1, item.architecture, value)  # as the log counts
    return sum(values), predictions


def _logits(model: Any, item: Item, x: Tensor, cast: Any) -> Tensor:
    if item.architecture is not None:
        model.activate(item.architecture)
    with cast:
        return model(x)  # type: ignore[no-any-return]


def _loss(item: Item, logits: Tensor, truth: Tensor, predictions: Sequence[Tensor], smoothing: float) -> Tensor:
    target = truth if item.target == "truth" else _prediction(item, predictions)
    if item.divergence == "alpha":
        return alpha_divergence(logits, target)
    return cross_entropy(logits, target, smoothing if target.dim() == 1 else 0.0)


def _exits(model: Any, items: Sequence[Item], x: Tensor) -> list[Tensor] | None:
    """Logits of all items from one forward pass, None where they are not exits of one network."""
    if len(items) < 2 or not all(item.exit for item in items) or not hasattr(model, "forward_exits"):
        return None
    return model.forward_exits(x, [item.architecture for item in items])  # type: ignore[no-any-return]


def _prediction(item: Item, logits: Sequence[Tensor]) -> Tensor:
    """Probabilities that earlier items of the step predict."""
    chosen = logits[:1] if item.target == "first" else logits
    return torch.stack([F.softmax(one.float(), dim=1) for one in chosen]).mean(0)


def diverged(step: int, architecture: Architecture | None, value: float) -> TrainingDiverged:
    """The error for a loss that is no number."""
    who = f"subnet {architecture.id}" if architecture else "the network"
    return TrainingDiverged(
        f"step {step}: the loss of {who} is {value}; train anew with a lower --lr, --clip agc:0.1 or --precision "
        "float32", step=step, architecture=architecture.id if architecture else None, subnet=architecture,
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


def mixed(
    mixing: Any, x: Tensor, labels: Tensor, teacher: Callable[[Tensor], Tensor] | None, share: float = 1.0,
    smoothing: float = 0.0,
) -> Images:  # fmt: skip
    """The batch to train on: mixed if asked for, the truth being ``share`` the teacher's and the rest the labels'.

    Cross-entropy is linear in its target, so (1 - share) CE(labels) + share CE(teacher) is the cross-entropy to this.
    """
    new_x, truth = mixing(x.clone(), labels) if mixing is not None and len(x) % 2 == 0 else (x, labels)
    if teacher is not None:
        taught = teacher(new_x)
        told = probabilities(truth, taught.shape[1], smoothing) if share < 1 else 0.0
        truth = share * taught + (1 - share) * told
    return Images(new_x, truth, x, labels)
