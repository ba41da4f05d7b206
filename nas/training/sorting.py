"""Channel sorting: the hidden units and heads that matter most come first, where every subnet keeps them.

Sorted are the hidden units of two-layer MLPs, and the heads of attentions that keep nothing else per head (as
ElasticViT's position biases would be). A block of another kind offers ``sort_channels()``. The network computes the
same function afterwards. Importance is the sum of the absolute weights that lead in and out (ViT-ResNAS, "rewiring").
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


@torch.no_grad()
def sort_channels(model: nn.Module) -> int:
    """Sort every block that can be sorted, most important first; returns how many there were."""
    found = 0
    for module in model.modules():
        pair = _linear_pair(module)
        if hasattr(module, "sort_channels"):
            module.sort_channels()  # type: ignore[operator]
            found += 1
        elif _heads_alike(module):
            _sort_heads(module)
            found += 1
        elif pair is not None:
            _sort_hidden(*pair)
            found += 1
    return found


def _linear_pair(module: nn.Module) -> tuple[nn.Linear, nn.Linear] | None:
    """(in, out) of a module that is linear, elementwise activation, linear, and nothing else with weights."""
    linear = [m for m in module.children() if next(m.parameters(), None) is not None]
    if len(linear) != 2 or not all(isinstance(m, nn.Linear) for m in linear):
        return None
    first, second = linear
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    return (first, second) if first.out_features == second.in_features and _elementwise(module) else None


def _elementwise(module: nn.Module) -> bool:
    """Whether the two linear layers follow each other, as in ``nn.Sequential`` or timm's Mlp."""
    names = [name for name, _ in module.named_children()]
    return isinstance(module, nn.Sequential) or ("fc1", "fc2") in set(
        pairwise([n for n in names if n in ("fc1", "fc2")])
    )


def _sort_hidden(first: nn.Linear, second: nn.Linear) -> None:
    importance = first.weight.abs().sum(1) + second.weight.abs().sum(0)
    if first.bias is not None:
        importance += first.bias.abs()
    order = importance.argsort(descending=True)
    _reorder(first.weight, 0, order)
    _reorder(second.weight, 1, order)
    if first.bias is not None:
        _reorder(first.bias, 0, order)


def _heads_alike(module: nn.Module) -> bool:
    """Whether a module is an attention of linear ``qkv`` (head by head) and ``proj``, with nothing else per head."""
    names = {name for name, _ in module.named_children()}
    return hasattr(module, "heads") and {"qkv", "proj"} <= names <= {"qkv", "proj", "relative_k", "relative_v", "drop"}


def _sort_heads(module: nn.Module) -> None:
    heads: int = module.heads  # type: ignore[assignment]
    qkv, proj = module.get_submodule("qkv"), module.get_submodule("proj")
    assert isinstance(qkv, nn.Linear)
    assert isinstance(proj, nn.Linear)
    importance = qkv.weight.abs().sum(1).view(heads, -1).sum(1) + proj.weight.abs().sum(0).view(heads, -1).sum(1)
    if qkv.bias is not None:
        importance += qkv.bias.abs().view(heads, -1).sum(1)
    order = importance.argsort(descending=True)
    for tensor, axis in ((qkv.weight, 0), (qkv.bias, 0), (proj.weight, 1)):
        if tensor is not None:
            units = torch.arange(tensor.shape[axis], device=order.device).view(heads, -1)
            _reorder(tensor, axis, units[order].flatten())


def _reorder(tensor: Tensor, axis: int, order: Tensor) -> None:
    tensor.copy_(tensor.index_select(axis, order))
