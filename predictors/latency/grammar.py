"""The key grammar of nn-Meter's block tables, and the operator rows of the blocks as they were profiled.

The keys name blocks of hybrid vision transformers (nn-Meter, branch ``dev/hybrid-transformer``); sides are of the input
and square, and every activation is hard-swish::

    firstconv_{side}_3_{c_out}_2_3
    conv_{side}_{c_in}_{c_out}_{expand}_{stride}_hard_swish_{kernel}_{se|nose}
    transds_{side}_{c_in}_{c_out}_{stride}_{expand}
    transattn_{side}_{c}_hard_swish_{v_scale}_ln
    transffn_{side}_{c}_{mlp_ratio}_hard_swish_ln
    mbpool_{side}_{c}_{features}_{expand}_hard_swish

As profiled, and unlike the networks of the paper, a strided block without a change of width has no shortcut, attention
has neither a depthwise convolution on V nor a residual addition, and the head ends before the classifier.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictors.latency.errors import MeasurementError
from search_spaces.operators import IntArray, Kind, OperatorTable, Role, TableBuilder

NAME = "nn-meter-blocks"
HEAD_DIM, SE_RATIO = 16, 4
LARGEST = 100_000
"""No number in a key may exceed this: the products of shapes must stay far below 2^63."""

_N = r"(?P<{}>[1-9][0-9]{{0,5}})"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", lambda m: _N.format(m[1]), text))


PATTERNS = {
    "firstconv": _pattern("firstconv_{side}_{c_in}_{c_out}_{stride}_{kernel}"),
    "conv": _pattern("conv_{side}_{c_in}_{c_out}_{expand}_{stride}_hard_swish_{kernel}_(?P<se>se|nose)"),
    "transds": _pattern("transds_{side}_{c_in}_{c_out}_{stride}_{expand}"),
    "transattn": _pattern("transattn_{side}_{c_in}_hard_swish_{v_scale}_ln"),
    "transffn": _pattern("transffn_{side}_{c_in}_{expand}_hard_swish_ln"),
    "mbpool": _pattern("mbpool_{side}_{c_in}_{c_out}_{expand}_hard_swish"),
}
FORMS = {
    "firstconv": "firstconv_SIDE_CIN_COUT_STRIDE_KERNEL",
    "conv": "conv_SIDE_CIN_COUT_EXPAND_STRIDE_hard_swish_KERNEL_se|nose",
    "transds": "transds_SIDE_CIN_COUT_STRIDE_EXPAND", "transattn": "transattn_SIDE_C_hard_swish_VSCALE_ln",
    "transffn": "transffn_SIDE_C_RATIO_hard_swish_ln", "mbpool": "mbpool_SIDE_C_FEATURES_EXPAND_hard_swish",
}  # fmt: skip
FIELDS = ("side", "c_in", "c_out", "expand", "stride", "kernel", "v_scale")
BLOCKS = tuple(PATTERNS)


def parse(key: str) -> dict[str, Any]:
    """The numbers of a key, with its ``block`` and ``se`` (0 or 1). Raises MeasurementError that shows the form."""
    block = key.partition("_")[0]
    if block not in PATTERNS:
        raise MeasurementError(f"{_shown(key)} is no block of {NAME} (they begin with {', '.join(BLOCKS)})")
    match = PATTERNS[block].fullmatch(key)
    if match is None:
        raise MeasurementError(f"{_shown(key)} is no key of {NAME}; expected {FORMS[block]}")
    found: dict[str, Any] = {name: int(value) for name, value in match.groupdict().items() if name != "se"}
    if max(found.values()) > LARGEST:
        raise MeasurementError(f"{_shown(key)} has a number above {LARGEST:,}")
    if block == "transds":
        found |= {"kernel": 3}
    return found | {"block": block, "se": int(block == "transds" or match.groupdict().get("se") == "se")}


def block_table(keys: Sequence[str]) -> OperatorTable:
    """The operator table whose architecture i is the block of ``keys[i]``, in one stage; see :func:`parse`."""
    parsed = [parse(key) for key in keys]
    v = {name: np.array([p.get(name, 1) for p in parsed], dtype=np.int64) for name in (*FIELDS, "se")}
    block = np.array([p["block"] for p in parsed], dtype=object)
    b = TableBuilder(len(keys), ["block"])
    _first(b, v, block == "firstconv")
    _inverted(b, v, (block == "conv") | (block == "transds"))
    _attention(b, v, block == "transattn")
    _ffn(b, v, block == "transffn")
    _head(b, v, block == "mbpool")
    return b.table()


def _shown(key: str) -> str:
    return repr(key if len(key) <= 60 else key[:57] + "...")


def _norm_act(b: TableBuilder, width: IntArray, side: IntArray, where: NDArray[np.bool_], **more: Any) -> None:
    b.pointwise(Kind.BATCH_NORM, width, side, params=2 * width, where=where, **more)
    b.pointwise(Kind.ACTIVATION, width, side, function="hard_swish", where=where, **more)


def _first(b: TableBuilder, v: dict[str, IntArray], where: NDArray[np.bool_]) -> None:
    out = -(-v["side"] // v["stride"])
    b.conv(v["c_in"], v["c_out"], v["kernel"], v["side"], out, stride=v["stride"], where=where)
    _norm_act(b, v["c_out"], out, where)


def _inverted(b: TableBuilder, v: dict[str, IntArray], where: NDArray[np.bool_]) -> None:
    """1x1 up (unless the ratio is 1), depthwise, squeeze-excitation, 1x1 down, and the shortcut where there is one."""
    inner, side, out = v["c_in"] * v["expand"], v["side"], -(-v["side"] // v["stride"])
    joined = (v["c_in"] != v["c_out"]) | (v["stride"] == 1)
    held = np.where(joined, v["c_in"] * side**2, 0)
    expanded = where & (v["expand"] > 1)
    b.conv(v["c_in"], inner, 1, side, side, where=expanded)
    _norm_act(b, inner, side, expanded, held=held)
    shape: dict[str, Any] = {"stride": v["stride"], "groups": inner, "held": np.where(v["expand"] > 1, held, 0)}
    b.conv(inner, inner, v["kernel"], side, out, where=where, **shape)
    _norm_act(b, inner, out, where, held=held)
    _gate(b, inner, out, held, where & (v["se"] == 1))
    b.conv(inner, v["c_out"], 1, out, out, held=held, where=where)
    b.pointwise(Kind.BATCH_NORM, v["c_out"], out, params=2 * v["c_out"], held=held, where=where)
    _shortcut(b, v, out, where & joined)


def _shortcut(b: TableBuilder, v: dict[str, IntArray], out: IntArray, where: NDArray[np.bool_]) -> None:
    main = v["c_out"] * out**2
    b.add(
        Kind.POOL, where=where & (v["stride"] > 1), function="average", role=int(Role.SHORTCUT), c_in=v["c_in"],
        c_out=v["c_in"], groups=v["c_in"], kernel_h=v["stride"], kernel_w=v["stride"], stride=v["stride"],
        h_in=v["side"], w_in=v["side"], h_out=out, w_out=out, held=main,
    )  # fmt: skip
    changed = where & (v["c_in"] != v["c_out"])
    b.conv(v["c_in"], v["c_out"], 1, out, out, role=Role.SHORTCUT, held=main, where=changed)
    b.pointwise(Kind.ADD, v["c_out"], out, held=main, where=where)


def _gate(b: TableBuilder, width: IntArray, side: IntArray, held: IntArray, where: NDArray[np.bool_]) -> None:
    squeezed, alive = np.maximum(width // SE_RATIO, 1), width * side**2 + held
    more: dict[str, Any] = {"role": Role.GATE, "held": alive, "where": where}
    b.add(
        Kind.POOL, where=where, function="global", role=int(Role.GATE), c_in=width, c_out=width, groups=width,
        kernel_h=side, kernel_w=side, h_in=side, w_in=side, held=held,
    )  # fmt: skip
    b.conv(width, squeezed, 1, 1, 1, bias=True, **more)
    b.pointwise(Kind.ACTIVATION, squeezed, function="relu", **more)
    b.conv(squeezed, width, 1, 1, 1, bias=True, **more)
    b.pointwise(Kind.ACTIVATION, width, function="hard_sigmoid", **more)
    b.pointwise(Kind.MUL, width, side, role=Role.GATE, held=width + held, where=where)


def _attention(b: TableBuilder, v: dict[str, IntArray], where: NDArray[np.bool_]) -> None:
    """Heads are as many as fit: a width of 88 has 5 heads of 16, and is measured hardly slower than one of 80."""
    c, side = v["c_in"], v["side"]
    heads, tokens = np.maximum(c // HEAD_DIM, 1), side**2
    query, value, held = heads * HEAD_DIM, heads * HEAD_DIM * v["v_scale"], c * tokens
    b.pointwise(Kind.LAYER_NORM, c, side, params=2 * c, where=where)
    b.linear(c, 2 * query + value, side, bias=False, held=held, where=where)
    b.attention(heads, HEAD_DIM, HEAD_DIM * v["v_scale"], tokens, held=held, where=where)
    b.pointwise(Kind.ACTIVATION, value, side, function="hard_swish", held=held, where=where)
    b.linear(value, c, side, bias=False, held=held, where=where)


def _ffn(b: TableBuilder, v: dict[str, IntArray], where: NDArray[np.bool_]) -> None:
    c, side, hidden = v["c_in"], v["side"], v["c_in"] * v["expand"]
    held = c * side**2
    b.pointwise(Kind.LAYER_NORM, c, side, params=2 * c, where=where)
    b.linear(c, hidden, side, held=held, where=where)
    b.pointwise(Kind.ACTIVATION, hidden, side, function="hard_swish", held=held, where=where)
    b.linear(hidden, c, side, held=held, where=where)
    b.pointwise(Kind.ADD, c, side, held=held, where=where)


def _head(b: TableBuilder, v: dict[str, IntArray], where: NDArray[np.bool_]) -> None:
    """Linear to the inner width on every position, mean over positions, linear to the features."""
    side, inner = v["side"], v["c_in"] * v["expand"]
    b.linear(v["c_in"], inner, side, role=Role.HEAD, where=where)
    _norm_act(b, inner, side, where, role=Role.HEAD)
    b.add(
        Kind.POOL, where=where, function="global", role=int(Role.HEAD), c_in=inner, c_out=inner, groups=inner,
        h_in=side, w_in=side, kernel_h=side, kernel_w=side,
    )  # fmt: skip
    b.linear(inner, v["c_out"], role=Role.HEAD, where=where)
    b.pointwise(Kind.ACTIVATION, v["c_out"], function="hard_swish", role=Role.HEAD, where=where)
