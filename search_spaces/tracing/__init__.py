"""An :class:`OperatorTable` of any ``nn.Module``: run it on the ``meta`` device and write down what it computes.

Operators are seen below PyTorch's dispatcher, as ``torch.utils.flop_counter`` sees them, so attention, einsum and
functional calls are all there. No weight is copied and nothing is computed: a model of any size traces in
milliseconds and no memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from search_spaces.errors import NasError
from search_spaces.operators import OperatorTable
from search_spaces.tracing.meta import meta_copy
from search_spaces.tracing.recorder import Recorder

__all__ = ["trace"]

DEFAULT_INPUT_SIZE = (3, 224, 224)


def trace(module: nn.Module, *inputs: Tensor, input_size: Sequence[int] | None = None) -> OperatorTable:
    """The operator table (size 1) of ``module`` in evaluation mode.

    Either give its ``inputs`` (any device; only shapes and dtypes matter) or the ``input_size`` of one image without
    the batch axis; without both it is the module's own (timm's ``pretrained_cfg``), else (3, 224, 224). The table is
    per image only if the batch is one.

    - Each parameter is counted once, on the row that first uses it; those that no product or norm owns (position
      tables, layer scale, unused ones) have PARAMETER rows. So ``params`` equals the sum over ``module.parameters()``.
    - ``macs`` equals half of what ``torch.utils.flop_counter`` reports for the same call.
    - ``stages`` are the top-level children (and the module's class name for rows outside them); ``names`` has the
      path of the module, or of the parameter, behind each row. Roles are read off the dataflow (see ``roles``).
    - A product with a parameter is LINEAR, one of two activations MATMUL, in the shapes that ``operators`` documents.
      A transposed convolution is a CONV to ``c_out * kernel`` channels at the input's side, then a RESIZE.

    The module itself is not changed and its forward hooks do not run. Raises NasError where it cannot run on the
    meta device (a forward pass that depends on values).
    """
    try:
        copied = meta_copy(getattr(module, "_orig_mod", module))
    except (RuntimeError, TypeError) as error:
        raise NasError(f"cannot copy {type(module).__name__} to trace it: {error}") from error
    arguments = _arguments(copied, inputs, input_size)
    recorder = Recorder(copied)
    try:
        with torch.no_grad(), torch.device("meta"), _plain_attention(), recorder:
            output = copied(*arguments)
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AssertionError) as error:
        shapes = ", ".join(str(tuple(a.shape)) for a in arguments if isinstance(a, Tensor))
        raise NasError(f"cannot trace {type(module).__name__} on inputs {shapes}: {error}") from error
    return recorder.table(output)


def _arguments(module: nn.Module, inputs: Sequence[Any], input_size: Sequence[int] | None) -> list[Any]:
    if inputs:
        return [x.to("meta") if isinstance(x, Tensor) else x for x in inputs]
    if input_size is None:
        config = getattr(module, "pretrained_cfg", None) or {}
        input_size = config.get("input_size", DEFAULT_INPUT_SIZE) if isinstance(config, dict) else DEFAULT_INPUT_SIZE
    floating = (p.dtype for p in module.parameters() if p.is_floating_point())
    return [torch.empty(1, *input_size, dtype=next(floating, torch.float32), device="meta")]


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Without the fused inference path of ``nn.MultiheadAttention``, whose operators are opaque."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)
