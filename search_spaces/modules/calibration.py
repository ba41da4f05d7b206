"""Re-estimation of batch statistics.

The subnets of a supernet share its batch-norm statistics, which therefore fit none of them: re-estimate them on a few
batches before a subnet is judged (Yu and Huang, "Universally Slimmable Networks", ICCV 2019; ElasticViT does so too).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def batch_norms(module: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """Every batch norm in ``module`` that keeps running statistics."""
    found = (m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
    return [m for m in found if m.track_running_stats]


@torch.no_grad()
def recalibrate(module: nn.Module, batches: Iterable[Tensor]) -> None:
    """Reset the running statistics and set them to the plain average over ``batches`` of images (B, C, H, W).

    Only batch norms run in training mode meanwhile (dropout does not), so the result is deterministic. Every layer's
    mode and momentum are restored. Works on plain modules and, for the active subnet, on supernets. With no batch at
    all it raises ValueError and changes nothing.
    """
    iterator = iter(batches)
    first = next(iterator, None)
    if first is None:
        raise ValueError("recalibrate needs at least one batch of images")
    modes = {m: m.training for m in module.modules()}
    norms = batch_norms(module)
    momenta = [m.momentum for m in norms]
    module.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
        norm.train()
    try:
        module(first)
        for batch in iterator:
            module(batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for m, training in modes.items():
            m.training = training
