"""AdamW, its schedule, and gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

from nas.training.settings import Settings

WARMUP_START = 1e-3
"""Learning rate of the first step, relative to the peak."""


def make_optimiser(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """AdamW; biases, norms and what the model exempts are not decayed.

    A model that offers ``rate_scale(name)`` gives its parameters learning rates of their own, relative to the others'.
    """
    exempt = {name for prefix, module in (("", model), ("full.", getattr(model, "full", None)))
              for name in (prefix + n for n in _exempt(module))}  # fmt: skip
    scale: Callable[[str], float] = getattr(model, "rate_scale", lambda name: 1.0)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        decays = parameter.dim() > 1 and name not in exempt
        groups.setdefault((scale(name), decays), []).append(parameter)
    made = [
        {"params": groups[s, d], "weight_decay": settings.weight_decay if d else 0.0, "rate_scale": s}
        for s, d in sorted(groups, reverse=True)
    ]
    return torch.optim.AdamW(made, lr=settings.lr, fused=True)


def _exempt(module: nn.Module | None) -> Iterable[str]:
    return module.no_weight_decay() if hasattr(module, "no_weight_decay") else ()  # type: ignore[union-attr,operator]


def rate(settings: Settings, step: int, steps: int, per_epoch: int) -> float:
    """Learning rate of a step: linear warm-up, then half a cosine to ``min_lr`` of the peak."""
    warmup = min(round(settings.warmup * per_epoch), steps // 2)
    if step < warmup:
        return settings.lr * (WARMUP_START + (1 - WARMUP_START) * step / warmup)
    done = (step - warmup) / max(1, steps - warmup)
    return settings.lr * (settings.min_lr + (1 - settings.min_lr) * 0.5 * (1 + math.cos(math.pi * done)))


def clip(model: nn.Module, settings: Settings) -> None:
    """Clip the gradients as the settings say: their global norm, or adaptively per unit (NFNets)."""
    if settings.clipping is None:
        return
    mode, value = settings.clipping
    parameters = [p for p in model.parameters() if p.grad is not None]
    if mode == "norm":
        nn.utils.clip_grad_norm_(parameters, value)
    else:
        from timm.utils.agc import adaptive_clip_grad

        adaptive_clip_grad(parameters, value)
