"""Exponential moving average of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Averaged parameters of ``model``. Batch statistics are not averaged: they are re-estimated before judging."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self.tensors: dict[str, Tensor] = {n: p.detach().clone() for n, p in model.named_parameters()} if decay else {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step; the decay is min(decay, (1 + step) / (10 + step)), so it starts fast."""
        if self.tensors:
            weight = 1 - min(self._decay, (1 + step) / (10 + step))
            new = [p.detach() for p in self._model.parameters()]
            torch._foreach_lerp_(list(self.tensors.values()), new, weight)

    @contextmanager
    @torch.no_grad()
    def applied(self) -> Iterator[None]:
        """The model carries the averaged weights meanwhile."""
        before = {n: p.detach().clone() for n, p in self._model.named_parameters() if n in self.tensors}
        self._load(self.tensors)
        try:
            yield
        finally:
            self._load(before)

    def adopt(self) -> None:
        """The model carries the averaged weights from now on: its training is over."""
        self._load(self.tensors)

    @torch.no_grad()
    def _load(self, tensors: dict[str, Tensor]) -> None:
        for name, parameter in self._model.named_parameters():
            if name in tensors:
                parameter.copy_(tensors[name])
