"""Which torch functions are what, by name, for the passes that watch or replace them while a network runs.

``TorchFunctionMode`` sees a function however it is called: by a module, through ``torch.nn.functional``, as a method,
in place. (A ``TorchDispatchMode`` would also see inside scripted modules, but its first use imports torch's compiler:
six seconds and 160 MB in every worker.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

RECTIFIERS = frozenset(
    ("relu", "relu6", "hardtanh", "leaky_relu", "rrelu", "prelu", "gelu", "silu", "hardswish", "mish", "elu", "celu",
     "selu", "softplus")
)  # fmt: skip
"""Activations that let the positive side through. Gates (sigmoid, hard-sigmoid, softmax) have no such two sides."""

NORMS = frozenset(("layer_norm", "batch_norm", "group_norm", "instance_norm", "rms_norm"))


def name_of(function: Callable[..., Any]) -> str:
    """``"relu"`` for ``F.relu``, ``torch.relu_``, ``Tensor.relu`` and so on."""
    return getattr(function, "__name__", "").rstrip("_")


def input_of(args: Any, kwargs: Any) -> Tensor:
    """The tensor that a rectifier or norm is applied to."""
    found: Tensor = args[0] if args else kwargs["input"]
    return found


def plain_hard_sigmoid(input: Tensor, *_: Any, **__: Any) -> Tensor:
    """The hard sigmoid in operators that torch can differentiate twice, which it cannot the fused one."""
    return (input + 3).clamp(0, 6) / 6
