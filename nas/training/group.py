"""The workers of a training: this process alone, or a process group of ``torch.distributed``.

A step touches only the parameters of its subnets, other ones each time, so gradients are averaged by hand in one
message instead of by DistributedDataParallel, whose buckets wait for every parameter. All workers plan the same step.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, distributed, nn


class Group:
    """This worker's number and how many there are."""

    def __init__(self) -> None:
        self._live = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if self._live else 0
        self.world = distributed.get_world_size() if self._live else 1

    def mean_gradients(self, model: nn.Module) -> None:
        """Replace every gradient by its mean over the workers."""
        self._mean_in_place([p.grad for p in model.parameters() if p.grad is not None])

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the workers, same shape."""
        self._mean_in_place([values])
        return values

    def _mean_in_place(self, tensors: Iterable[Tensor]) -> None:
        found = list(tensors)
        if self.world == 1 or not found:
            return
        flat = torch.cat([t.flatten() for t in found])
        distributed.all_reduce(flat)
        flat /= self.world
        for tensor, part in zip(found, flat.split([t.numel() for t in found]), strict=True):
            tensor.copy_(part.view_as(tensor))
