"""From one ATen call to operator rows: what each recognised operator is, and its shapes.

A rule takes a :class:`Call` and returns rows, dictionaries of the table's shape columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor

from search_spaces.operators import FUNCTIONS, Kind

Row = dict[str, int]


@dataclass(frozen=True)
class Call:
    """An operator call: ATen name without the in-place underscore, arguments, outcome; ``data(t)`` says whether a
    tensor depends on the module's inputs (and not only on its parameters and constants)."""

    name: str
    args: tuple[Any, ...]
    out: Any
    data: Callable[[Tensor], bool]

    @property
    def result(self) -> Tensor:
        """The first output tensor."""
        return self.out if isinstance(self.out, Tensor) else self.out[0]


Rule = Callable[[Call], list[Row]]


def _map(x: Tensor) -> tuple[int, int, int]:
    """(channels, height, width) of an activation: NCHW in four dimensions, tokens (B, N, C) in three."""
    shape = list(x.shape)
    if x.dim() == 4:
        return shape[1], shape[0] * shape[2], shape[3]
    if x.dim() <= 3:
        return (shape[-1] if shape else 1), prod(shape[:-1]), 1
    return shape[1], shape[0] * prod(shape[2:-1]), shape[-1]


def _row(kind: Kind, source: tuple[int, int, int], target: tuple[int, int, int], **more: int) -> Row:
    c_in, h_in, w_in = source
    c_out, h_out, w_out = target
    shapes = {"c_in": c_in, "h_in": h_in, "w_in": w_in, "c_out": c_out, "h_out": h_out, "w_out": w_out}
    return {"kind": int(kind), **shapes, **more}


def _pointwise(kind: Kind, function: str = "") -> Rule:
    def rule(call: Call) -> list[Row]:
        shape = _map(call.result)
        return [_row(kind, shape, shape, function=FUNCTIONS.index(function))]

    return rule


def _binary(kind: Kind) -> Rule:
    """Of two tensors; a scalar operand is folded into its neighbour by every runtime and has no row."""

    def rule(call: Call) -> list[Row]:
        other = call.args[1] if len(call.args) > 1 else None
        if not isinstance(other, Tensor) or min(other.numel(), call.args[0].numel()) <= 1:
            return []
        return _pointwise(kind)(call)

    return rule


def _normalised(call: Call) -> list[Row]:
    """Layer norm, whose second argument is the normalised shape."""
    x, channels = call.args[0], prod(call.args[1])
    shape = (channels, x.numel() // channels, 1)
    return [_row(Kind.LAYER_NORM, shape, shape)]


def _softmax(call: Call) -> list[Row]:
    """Over (..., N, M): N queries of all heads, M keys."""
    x = call.args[0]
    queries = x.shape[-2] if x.dim() > 1 else 1
    shape = (x.numel() // queries, queries, 1)
    return [_row(Kind.SOFTMAX, shape, shape)]


def _spatial(x: Tensor, weight: Tensor | None = None) -> tuple[int, int, int]:
    """(channels, height, width) of a convolution's map; batch and depth count as height."""
    *rest, width = x.shape[2:] if x.dim() > 3 else (*x.shape[2:], 1)
    return x.shape[1], x.shape[0] * prod(rest), width


def _convolution(call: Call) -> list[Row]:
    x, weight, stride, transposed, groups = (call.args[i] for i in (0, 1, 3, 6, 8))
    *taps, last = weight.shape[2:] if weight.dim() > 3 else (*weight.shape[2:], 1)
    if not transposed:
        more = {"kernel_h": prod(taps), "kernel_w": last, "stride": stride[0], "groups": groups}
        return [_row(Kind.CONV, _spatial(x), _spatial(call.result), **more)]
    _, height, width = _spatial(x)
    columns = (call.result.shape[1] * prod(weight.shape[2:]), height, width)
    return [
        _row(Kind.CONV, _spatial(x), columns, groups=groups),
        _row(Kind.RESIZE, columns, _spatial(call.result), stride=stride[0]),
    ]


def _product(call: Call) -> list[Row]:
    """(addmm, mm, baddbmm, bmm): (b, n, k) @ (b, k, m)."""
    a, b = (call.args[1], call.args[2]) if "add" in call.name else (call.args[0], call.args[1])
    if a.dim() == 2:
        a, b = a.unsqueeze(0), b.unsqueeze(0)
    (batch, n, k), m = a.shape, b.shape[2]
    if call.data(a) and call.data(b):
        return [_row(Kind.MATMUL, (batch * k, n, 1), (batch * m, n, 1), groups=batch)]
    weight = a if call.data(b) else b
    tokens, width = (m, n) if weight is a else (n, m)
    if batch > 1 and weight.stride(0) == 0:  # one weight for the whole batch
        batch, tokens = 1, batch * tokens
    return [_row(Kind.LINEAR, (batch * k, tokens, 1), (batch * width, tokens, 1), groups=batch)]


def _attention(call: Call) -> list[Row]:
    """Fused attention: q, k, v of shapes (B, h, N, d), (B, h, M, d), (B, h, M, v)."""
    q, k, v = call.args[:3]
    n, m, d, width = q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1]
    heads = q.numel() // (n * d)
    logits = (heads * m, n, 1)
    return [
        _row(Kind.MATMUL, (heads * d, n, 1), logits, groups=heads),
        _row(Kind.SOFTMAX, logits, logits),
        _row(Kind.MATMUL, logits, (heads * width, n, 1), groups=heads),
    ]


def _pool(function: str) -> Rule:
    def rule(call: Call) -> list[Row]:
        x, out = call.args[0], call.result
        source, target = _spatial(x), _spatial(out)
        if out.numel() == x.shape[0] * x.shape[1]:
            return [_global_row(source)]
        kernel = (
            call.args[1] if "adaptive" not in call.name else [-(-i // o) for i, o in zip(source, target, strict=True)]
        )
        size, more = list(kernel)[-2:], {"function": FUNCTIONS.index(function), "groups": source[0]}
        stride = max(1, round(source[2] / target[2]))
        return [_row(Kind.POOL, source, target, kernel_h=size[0], kernel_w=size[-1], stride=stride, **more)]

    return rule


def _global_row(source: tuple[int, int, int]) -> Row:
    channels, height, width = source
    more = {"kernel_h": height, "kernel_w": width, "groups": channels, "function": FUNCTIONS.index("global")}
    return _row(Kind.POOL, source, (channels, 1, 1), **more)


def _mean(call: Call) -> list[Row]:
    """A mean over the positions of a map is a global pool; one over channels belongs to a norm and has no row."""
    x, dims = call.args[0], call.args[1] if len(call.args) > 1 else None
    axes = sorted(d % x.dim() for d in ([dims] if isinstance(dims, int) else dims or []))
    if x.dim() == 4 and axes == [2, 3]:
        return [_global_row(_map(x))]
    if x.dim() == 4 and axes == [1, 2]:
        return [_global_row((x.shape[3], x.shape[0] * x.shape[1], x.shape[2]))]
    if x.dim() == 3 and axes == [1]:
        return [_global_row(_map(x))]
    return []


def _resize(call: Call) -> list[Row]:
    return [_row(Kind.RESIZE, _spatial(call.args[0]), _spatial(call.result))]


_NAMED = ("relu", "gelu", "silu", "sigmoid", "tanh")
ACTIVATIONS = {
    **{name: name for name in _NAMED},
    "hardswish": "hard_swish",
    "hardsigmoid": "hard_sigmoid",
    **dict.fromkeys(("hardtanh", "leaky_relu", "elu", "prelu", "_prelu_kernel", "mish", "softplus"), ""),
}
BATCH_NORMS = (
    "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "_batch_norm_with_update",
    "cudnn_batch_norm", "miopen_batch_norm", "_batch_norm_no_update",
)  # fmt: skip
_FUSED = ("flash_attention", "flash_attention_for_cpu", "efficient_attention", "cudnn_attention",
          "fused_attention_overrideable", "attention_math")  # fmt: skip
_ATTENTION = tuple(f"_scaled_dot_product_{name}" for name in _FUSED)
_RESIZES = (
    "upsample_nearest1d", "upsample_nearest2d", "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d",
    "_upsample_nearest_exact2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa", "grid_sampler_2d",
)  # fmt: skip

PRODUCT_RULES: dict[str, Rule] = {
    "convolution": _convolution, "_convolution": _convolution,
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm"), _product), **dict.fromkeys(_ATTENTION, _attention),
}  # fmt: skip
"""Operators whose multiply-accumulates count, also between parameters; their parameters are theirs."""

NORM_RULES: dict[str, Rule] = {
    **dict.fromkeys(BATCH_NORMS, _pointwise(Kind.BATCH_NORM)), "native_layer_norm": _normalised,
    "native_group_norm": _pointwise(Kind.LAYER_NORM), "_fused_rms_norm": _normalised,
}  # fmt: skip
"""Norms; their parameters are theirs."""

OTHER_RULES: dict[str, Rule] = {
    **{name: _pointwise(Kind.ACTIVATION, function) for name, function in ACTIVATIONS.items()},
    **dict.fromkeys(("_softmax", "_safe_softmax"), _softmax),
    **dict.fromkeys(("add", "sub", "rsub"), _binary(Kind.ADD)), **dict.fromkeys(("mul", "div"), _binary(Kind.MUL)),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d"), _pool("average")),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d"), _pool("max")),
    "mean": _mean, "amax": _mean, **dict.fromkeys(_RESIZES, _resize),
}  # fmt: skip
"""Operators without multiply-accumulates; parameters that enter them get rows of their own."""
