"""ElasticViT's released encoding and the authors' own count of multiply-accumulates.

The encoding is ``[res, channels(7), depths(7), conv_expand, kernel, mlp_ratio, heads, window, qk_scale, v_scale]``.
Channels and depths start with the stem; the convolution lists hold the stem's layers first (expansion 1); the
transformer lists hold one value per layer. ``heads`` is ignored, as the released model ignores it: heads are width/16.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from search_spaces.elasticvit.grammar import check
from search_spaces.elasticvit.operators import (
    FEATURES,
    HEAD_DIM,
    HEAD_EXPAND,
    REDUCTION_EXPAND,
    REDUCTION_KERNEL,
    SE_RATIO,
)
from search_spaces.errors import SpaceError

FIELDS = ("res", "channels", "depths", "conv_expand", "kernel", "mlp_ratio", "heads", "window", "qk_scale", "v_scale")


def _integers(name: str, value: Any) -> list[int]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, int) and not isinstance(v, bool) for v in value):
        raise SpaceError(f"elasticvit: {name} of the released encoding must be a list of integers, got {value!r:.60}")
    return list(value)


def _split(name: str, values: list[int], depths: Sequence[int]) -> list[list[int]]:
    if len(values) != sum(depths):
        raise SpaceError(f"elasticvit: {name} has {len(values)} layers, the depths {list(depths)} sum to {sum(depths)}")
    cuts = [sum(depths[:i]) for i in range(len(depths) + 1)]
    return [values[a:b] for a, b in pairwise(cuts)]


def read(raw: Any, resolution: int | None = None) -> dict[str, Any]:
    """The structure (see ``grammar``) of a released encoding; ``resolution`` replaces its own. Raises SpaceError."""
    if not isinstance(raw, (list, tuple)) or len(raw) != len(FIELDS):
        raise SpaceError(f"elasticvit: a released encoding is a list of {len(FIELDS)} fields: {', '.join(FIELDS)}")
    lists = {name: _integers(name, value) for name, value in zip(FIELDS[1:], raw[1:], strict=True)}
    channels, depths = lists["channels"], lists["depths"]
    if len(channels) != 7 or len(depths) != 7 or min(depths) < 1:
        raise SpaceError(f"elasticvit: channels and depths need 7 stages with layers, got {channels} and {depths}")
    for name in ("window", "qk_scale"):
        if any(v != 1 for v in lists[name]):
            raise SpaceError(f"elasticvit: {name} is fixed at 1 in the published family, got {lists[name]}")
    expand = _split("conv_expand", lists["conv_expand"], depths[:3])
    kernel = _split("kernel", lists["kernel"], depths[:3])
    ratio = _split("mlp_ratio", lists["mlp_ratio"], depths[3:])
    value = _split("v_scale", lists["v_scale"], depths[3:])
    if any(e != 1 for e in expand[0]):
        raise SpaceError(f"elasticvit: the stem has expansion 1, got {expand[0]}")
    conv = zip(channels[1:3], expand[1:], kernel[1:], strict=True)
    transformer = zip(channels[3:], ratio, value, strict=True)
    return check(
        {
            "resolution": raw[0] if resolution is None else resolution,
            "stem": {"width": channels[0], "kernel": kernel[0]},
            "conv_stages": [{"width": c, "expand": e, "kernel": k} for c, e, k in conv],
            "transformer_stages": [{"width": c, "mlp_ratio": m, "v_scale": v} for c, m, v in transformer],
        }
    )


def _mbconv_count(c_in: int, c_out: int, expand: int, kernel: int, stride: int, side: int, se: bool) -> int:
    """``side`` is the output's; the input's is taken as side * stride even where the real one is odd."""
    inner, tokens = c_in * expand, side * side
    macs = c_in * inner * (side * stride) ** 2 + inner * kernel**2 * tokens + inner * c_out * tokens
    return macs + (2 * inner * (inner // SE_RATIO) if se else 0)


def _transformer_count(width: int, v_scale: int, mlp_ratio: int, tokens: int) -> int:
    heads, value = width // HEAD_DIM, v_scale * width
    attention = heads * tokens**2 * (HEAD_DIM + 1 + HEAD_DIM * v_scale)
    linears = width * tokens * (2 * width + value) + tokens * value * width
    # The depthwise convolution on V enters once per element, without its factor 9.
    return attention + linears + tokens * value + 2 * width * mlp_ratio * width * tokens


def paper_macs(config: dict[str, Any], num_classes: int, in_chans: int) -> int:
    """Multiply-accumulates by the authors' counter (``compute_flops``), used only to check published figures.

    It differs from a true count by 0.4 to 3.2 %: the softmax is counted, the factor 9 of V's depthwise convolution is
    not, nor are squeeze-excitation and shortcut of the reduction blocks; strided shortcuts count even where unused.
    """
    side = config["resolution"] // 2
    width, kernels = config["stem"]["width"], config["stem"]["kernel"]
    # All stem layers are counted with the first one's kernel.
    macs = 9 * in_chans * width * side**2 + len(kernels) * (width * kernels[0] ** 2 + width**2) * side**2
    for stage, se in zip(config["conv_stages"], (False, True), strict=True):
        side, stride = side // 2, 2
        for e, k in zip(stage["expand"], stage["kernel"], strict=True):
            macs += _mbconv_count(width, stage["width"], e, k, stride, side, se)
            macs += width * stage["width"] * side**2 if stride == 2 else 0
            width, stride = stage["width"], 1
    for stage, stride in zip(config["transformer_stages"], (2, 1, 2, 2), strict=True):
        side = -(-side // stride)
        macs += _mbconv_count(width, stage["width"], REDUCTION_EXPAND, REDUCTION_KERNEL, stride, side, False)
        width = stage["width"]
        for m, v in zip(stage["mlp_ratio"], stage["v_scale"], strict=True):
            macs += _transformer_count(width, v, m, side**2)
    inner = HEAD_EXPAND * width
    return macs + width * inner * side**2 + inner * FEATURES + FEATURES * num_classes
