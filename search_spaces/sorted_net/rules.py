"""How channels pass through operators, and which axes of parameters they are.

What has no rule is followed in the one way that is always right: the channels that enter it are kept whole, and what
leaves it has a fixed size.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, fx

from search_spaces.sorted_net.functions import FUNCTIONS, Labels, broadcast, cat, reshaped
from search_spaces.sorted_net.graph import Findings, Labeller, labels_of
from search_spaces.sorted_net.layers import of_module

POINTWISE = {
    "relu", "relu6", "gelu", "silu", "sigmoid", "hardsigmoid", "hardswish", "hardtanh", "tanh", "leaky_relu", "elu",
    "mish", "softplus", "exp", "clamp", "neg", "abs", "sqrt", "rsqrt", "dropout", "dropout1d", "dropout2d",
    "alpha_dropout", "logsigmoid", "contiguous", "clone", "float", "to", "detach",
}  # fmt: skip
BINARY = {"add", "sub", "mul", "truediv", "div", "pow", "maximum", "minimum", "iadd", "isub", "imul", "itruediv"}
SPATIAL = {
    "avg_pool1d", "avg_pool2d", "max_pool1d", "max_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
    "adaptive_max_pool2d", "pad", "interpolate", "boolean_dispatch",
}  # fmt: skip
RESHAPES = {"flatten", "reshape", "view", "unsqueeze", "squeeze", "unflatten"}
REDUCTIONS = {"mean", "sum", "amax", "amin", "std", "var"}


def label(node: fx.Node, out: Any, at: Labeller) -> Labels | None:
    """Labels of what a node has computed; None for anything but one tensor."""
    found = at.findings
    if not isinstance(out, Tensor):
        if not isinstance(out, (int, float, bool, str, type(None))) and _holds_tensors(out):
            _keep_inputs(node, at)
        return None
    if node.op == "placeholder":
        return (None,) * out.dim()
    if node.op == "get_attr":
        return _parameter(str(node.target), out, found)
    result = _computed(node, out, at)
    if result is None or len(result) != out.dim():
        _keep_inputs(node, at)
        return (None,) * out.dim()
    return result


def _holds_tensors(out: Any) -> bool:
    return isinstance(out, (tuple, list)) and any(isinstance(x, Tensor) for x in out)


def _keep_inputs(node: fx.Node, at: Labeller) -> None:
    where = f"{node.name} ({_name(node)})"
    if node.op == "call_module":
        layer, path = at.fetch_attr(str(node.target)), str(node.target)
        where = f"{path} ({type(layer).__name__})"
        if next(layer.parameters(), None) is not None:
            at.findings.unruled[path] = type(layer).__name__
    for source in node.all_input_nodes:
        for dim in labels_of(source) or ():
            at.findings.groups.keep(dim, where)


def _name(node: fx.Node) -> str:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return name.rstrip("_") if not name.startswith("__") else name


def _parameter(name: str, tensor: Tensor, found: Findings) -> Labels:
    known = found.tensors.setdefault(name, {})
    for axis, size in enumerate(tensor.shape):
        if size > 1 and axis not in known:
            found.bind(name, axis, found.groups.new(size))
    return tuple(known[axis].dim if axis in known else None for axis in range(tensor.dim()))


def _computed(node: fx.Node, out: Tensor, at: Labeller) -> Labels | None:
    source: Any = node.args[0] if node.args else None
    if any(labels_of(value) is not None for value in node.kwargs.values()):
        return None
    if node.op == "call_module":
        labels = labels_of(source)
        module = at.fetch_attr(str(node.target))
        return None if labels is None else of_module(str(node.target), module, labels, source, out, at.findings)
    name = _name(node)
    if name in BINARY:
        return broadcast(node, out, at.findings.groups)
    if name == "cat":
        return cat(node, out, at.findings.groups)
    labels = labels_of(source)
    if labels is None:
        return None
    shape = source.meta["shape"]
    if name in POINTWISE and tuple(out.shape) == shape and not any(labels_of(a) is not None for a in node.args[1:]):
        return labels
    if name in RESHAPES:
        return reshaped(labels, shape, tuple(out.shape), at.findings.groups, node.name)
    rule = FUNCTIONS.get("spatial" if name in SPATIAL else "reduce" if name in REDUCTIONS else name)
    return None if rule is None else rule(node, labels, out, at.findings.groups)
