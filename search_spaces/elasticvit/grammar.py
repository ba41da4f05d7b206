"""ElasticViT's grammar: which structures are networks of the family, on the searched grid or not.

A structure is::

    {"resolution": 224,
     "stem": {"width": 16, "kernel": [3]},
     "conv_stages": [{"width": 24, "expand": [3, 3], "kernel": [3, 3]}, ...two],
     "transformer_stages": [{"width": 64, "mlp_ratio": [2], "v_scale": [2]}, ...four]}

Lists hold one value per layer, so the depth of a stage is the length of its lists. The searched grid uses one value
per stage; the grammar allows any per layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.errors import SpaceError

MAX_SIDE, MAX_WIDTH, MAX_DEPTH, MAX_RATIO = 1024, 4096, 64, 16


def _fail(where: str, rule: str, value: Any) -> SpaceError:
    text = repr(value)
    return SpaceError(f"elasticvit: {where} must be {rule}, got {text[:60] + '...' if len(text) > 60 else text}")


def _number(where: str, value: Any, rule: str, low: int, high: int, multiple: int = 1, odd: bool = False) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not low <= value <= high or value % multiple or (odd and value % 2 == 0):
        raise _fail(where, rule, value)
    return value


def _list(where: str, value: Any, rule: str, high: int, low: int = 1, odd: bool = False) -> list[int]:
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= MAX_DEPTH:
        raise _fail(where, f"a list of 1 to {MAX_DEPTH} layers", value)
    return [_number(f"{where}[{i}]", v, rule, low, high, odd=odd) for i, v in enumerate(value)]


def _object(where: str, value: Any, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or set(value) != set(keys):
        raise _fail(where, f"an object with the keys {', '.join(keys)}", value)
    return value


def _stages(where: str, value: Any, count: int) -> list[Any]:
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise _fail(where, f"a list of {count} stages", value)
    return list(value)


def _same_depth(where: str, a: list[int], b: list[int]) -> None:
    if len(a) != len(b):
        raise _fail(where, "lists of one length, a value per layer", (a, b))


def _kernel(where: str, value: Any) -> list[int]:
    return _list(where, value, "an odd kernel from 1 to 15", 15, odd=True)


def _conv_stage(where: str, value: Any) -> dict[str, Any]:
    stage = _object(where, value, ("width", "expand", "kernel"))
    width = _number(f"{where}.width", stage["width"], f"a multiple of 4 up to {MAX_WIDTH}", 4, MAX_WIDTH, 4)
    expand = _list(f"{where}.expand", stage["expand"], f"an expansion ratio from 1 to {MAX_RATIO}", MAX_RATIO)
    kernel = _kernel(f"{where}.kernel", stage["kernel"])
    _same_depth(where, expand, kernel)
    return {"width": width, "expand": expand, "kernel": kernel}


def _transformer_stage(where: str, value: Any) -> dict[str, Any]:
    stage = _object(where, value, ("width", "mlp_ratio", "v_scale"))
    width = _number(f"{where}.width", stage["width"], f"a multiple of 16 up to {MAX_WIDTH}", 16, MAX_WIDTH, 16)
    ratio = _list(f"{where}.mlp_ratio", stage["mlp_ratio"], f"an MLP ratio from 1 to {MAX_RATIO}", MAX_RATIO)
    value_scale = _list(f"{where}.v_scale", stage["v_scale"], f"a value scale from 1 to {MAX_RATIO}", MAX_RATIO)
    _same_depth(where, ratio, value_scale)
    return {"width": width, "mlp_ratio": ratio, "v_scale": value_scale}


def check(config: Any) -> dict[str, Any]:
    """The structure as plain data if it is valid; SpaceError naming the first offending field otherwise."""
    top = _object("an architecture", config, ("resolution", "stem", "conv_stages", "transformer_stages"))
    rule = f"a multiple of 4 from 16 to {MAX_SIDE}"
    resolution = _number("resolution", top["resolution"], rule, 16, MAX_SIDE, 4)
    stem = _object("stem", top["stem"], ("width", "kernel"))
    width = _number("stem.width", stem["width"], f"a multiple of 4 up to {MAX_WIDTH}", 4, MAX_WIDTH, 4)
    convs = _stages("conv_stages", top["conv_stages"], 2)
    transformers = _stages("transformer_stages", top["transformer_stages"], 4)
    return {
        "resolution": resolution,
        "stem": {"width": width, "kernel": _kernel("stem.kernel", stem["kernel"])},
        "conv_stages": [_conv_stage(f"conv_stages[{i}]", s) for i, s in enumerate(convs)],
        "transformer_stages": [_transformer_stage(f"transformer_stages[{i}]", s) for i, s in enumerate(transformers)],
    }
