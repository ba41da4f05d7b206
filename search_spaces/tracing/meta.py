"""A copy of a module whose tensors have shapes but no storage."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from search_spaces.errors import NasError


def _tensors(value: Any, depth: int = 3) -> Iterator[Tensor]:
    """Tensors in an attribute, in containers nested up to ``depth``."""
    if isinstance(value, Tensor):
        yield value
    elif depth and isinstance(value, (list, tuple, set)):
        for item in value:
            yield from _tensors(item, depth - 1)
    elif depth and isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item, depth - 1)


def _on_meta(tensor: Tensor) -> Tensor:
    if is_lazy(tensor):
        raise NasError("the module has uninitialised (lazy) parameters; run it once on an input before tracing it")
    shape_only = torch.empty_like(tensor, device="meta")
    return (
        nn.Parameter(shape_only, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else shape_only
    )


def meta_copy(module: nn.Module) -> nn.Module:
    """A deep copy on the ``meta`` device in evaluation mode; shared parameters stay shared.

    No storage is allocated: every tensor found in the modules' attributes is replaced while copying. Forward hooks of
    the original are dropped from the copy, since they would run a user's code on tensors without values.
    """
    memo: dict[int, Any] = {}
    for part in module.modules():
        for value in part.__dict__.values():
            for tensor in _tensors(value):
                if id(tensor) not in memo:
                    memo[id(tensor)] = _on_meta(tensor)
    copied = copy.deepcopy(module, memo)
    for part in copied.modules():
        part._forward_hooks.clear()
    return copied.eval()
