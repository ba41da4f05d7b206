"""Outcomes of common operators on the ``meta`` device, without running them.

PyTorch's own meta functions give the same, but for these they run Python decompositions, which are slow and import the
compiler (several seconds, once). Everything else goes the ordinary way.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from search_spaces.tracing.rules import ACTIVATIONS

_SAME = frozenset((*ACTIVATIONS, "_softmax", "_safe_softmax"))
_NORMS = frozenset(
    ("native_batch_norm", "_native_batch_norm_legit_no_training", "native_layer_norm", "native_group_norm")
)
_ARITHMETIC = frozenset(("add", "sub", "mul", "div"))


def outcome(func: Any, name: str, args: tuple[Any, ...]) -> Any:
    """What ``func`` returns for ``args``, or None where it has to be run.

    ``name`` is the operator's without the in-place underscore. A norm's further outputs (statistics, used in training
    only) are left empty.
    """
    in_place = func.overloadpacket.__name__ != name
    if name in _SAME:
        return args[0] if in_place else torch.empty_like(args[0])
    if name in _NORMS:
        return (torch.empty_like(args[0]), *(args[0].new_empty(0) for _ in func._schema.returns[1:]))
    if name in _ARITHMETIC and len(args) > 1:
        return _arithmetic(args[0], args[1], in_place)
    if name in ("addmm", "baddbmm") and args[1].shape[-1] == args[2].shape[-2]:
        return args[1].new_empty((*args[1].shape[:-1], args[2].shape[-1]))
    if name == "mean" and len(args) > 1:
        return _mean(*args[:3])
    return None


def _arithmetic(a: Any, b: Any, in_place: bool) -> Tensor | None:
    """Of two tensors, or a tensor and a number, in floating point."""
    if not isinstance(a, Tensor) or not torch.result_type(a, b).is_floating_point:
        return None
    if in_place:
        return a
    shape = torch.broadcast_shapes(a.shape, b.shape) if isinstance(b, Tensor) else a.shape
    dtype = torch.result_type(a, b)
    for operand in (a, b):
        if isinstance(operand, Tensor) and operand.shape == shape:
            return torch.empty_like(operand, dtype=dtype)
    return a.new_empty(shape, dtype=dtype)


def _mean(x: Tensor, dims: Any, keepdim: bool = False) -> Tensor | None:
    axes = {d % x.dim() for d in ([dims] if isinstance(dims, int) else dims or range(x.dim()))}
    shape = [1 if i in axes else n for i, n in enumerate(x.shape) if keepdim or i not in axes]
    return x.new_empty(shape) if x.is_floating_point() else None
