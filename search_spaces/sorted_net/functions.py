"""How channels pass through functions and methods that move, join or reduce axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from torch import Tensor, fx

from search_spaces.sorted_net.graph import labels_of
from search_spaces.sorted_net.groups import Dim, Groups, Label

Labels = tuple[Label, ...]


def broadcast(node: fx.Node, out: Tensor, groups: Groups) -> Labels | None:
    """Elementwise of tensors (or a tensor and numbers): axes from the right; those of one length are tied."""
    result: list[Label] = [None] * out.dim()
    fixed = [False] * out.dim()
    for value in node.args:
        labels = labels_of(value)
        if labels is None:
            continue
        shape = value.meta["shape"]  # type: ignore[union-attr]
        for back in range(1, len(shape) + 1):
            if shape[-back] != 1 or out.shape[-back] == 1:
                _join(result, fixed, -back, labels[-back], groups, node.name)
    return tuple(result)


def _join(result: list[Label], fixed: list[bool], axis: int, dim: Label, groups: Groups, where: str) -> None:
    known = result[axis]
    if known is not None or fixed[axis]:
        if known is not None or dim is not None:
            groups.tie(known, dim, where)
        return
    result[axis], fixed[axis] = dim, dim is None


def _argument(node: fx.Node, position: int, names: Sequence[str], default: Any = None) -> Any:
    for name in names:
        if name in node.kwargs:
            return node.kwargs[name]
    return node.args[position] if len(node.args) > position else default


def cat(node: fx.Node, out: Tensor, groups: Groups) -> Labels | None:
    """Along an axis without channels; the other axes are tied. Joined channels are kept whole."""
    parts = [p for p in node.args[0] if labels_of(p) is not None]  # type: ignore[union-attr]
    axis = _argument(node, 1, ("dim", "axis"), 0) % out.dim()
    result: list[Label] = [None] * out.dim()
    fixed = [False] * out.dim()
    for part in parts:
        for i, dim in enumerate(labels_of(part) or ()):
            if i == axis:
                groups.keep(dim, f"{node.name} (a concatenation of channels)")
            else:
                _join(result, fixed, i, dim, groups, node.name)
    result[axis] = None
    return tuple(result)


def reshaped(labels: Labels, source: Sequence[int], target: Sequence[int], groups: Groups, where: str) -> Labels | None:
    """Axes that merge keep the label of the first; those that would have to be torn apart are kept whole."""
    result: list[Label] = [None] * len(target)
    olds, news = ([i for i, n in enumerate(shape) if n != 1] for shape in (source, target))
    while olds and news:
        left, right = [olds.pop(0)], [news.pop(0)]
        while prod(source[i] for i in left) != prod(target[i] for i in right):
            short = prod(source[i] for i in left) < prod(target[i] for i in right)
            rest = olds if short else news
            if not rest:
                return None
            (left if short else right).append(rest.pop(0))
        first = labels[left[0]]
        if first is not None and len(right) == 1 and all(labels[i] is None for i in left[1:]):
            result[right[0]] = Dim(first.group, first.times * prod(source[i] for i in left[1:]))
            continue
        for i in left:
            groups.keep(labels[i], f"{where} (a reshape that splits or mixes channels)")
    return None if olds or news else tuple(result)


def _spatial(node: fx.Node, labels: Labels, out: Tensor, groups: Groups) -> Labels | None:
    """Pools, padding, resizing: axes of unchanged length behind the batch keep their labels."""
    return spatial(labels, node.args[0].meta["shape"], out, groups, node.name)  # type: ignore[union-attr]


def spatial(labels: Labels, shape: Sequence[int], out: Tensor, groups: Groups, where: str) -> Labels | None:
    """See :func:`_spatial`."""
    if out.dim() != len(shape):
        return None
    for dim, old, new in zip(labels, shape, out.shape, strict=True):
        if old != new:
            groups.keep(dim, where)
    return tuple(d if old == new else None for d, old, new in zip(labels, shape, out.shape, strict=True))


def _reduce(node: fx.Node, labels: Labels, out: Tensor, groups: Groups) -> Labels | None:
    axes = _argument(node, 1, ("dim", "axis"))
    if axes is None:
        return None
    axes = {a % len(labels) for a in ([axes] if isinstance(axes, int) else axes)}
    for axis in axes:
        groups.keep(labels[axis], f"{node.name} (a reduction over channels)")
    if out.dim() == len(labels):
        return tuple(None if i in axes else d for i, d in enumerate(labels))
    return tuple(d for i, d in enumerate(labels) if i not in axes)


def _permute(node: fx.Node, labels: Labels, out: Tensor, groups: Groups) -> Labels | None:
    order = node.args[1] if len(node.args) == 2 and not isinstance(node.args[1], int) else node.args[1:]
    return tuple(labels[int(i)] for i in order)  # type: ignore[union-attr, arg-type]


def _transpose(node: fx.Node, labels: Labels, out: Tensor, groups: Groups) -> Labels | None:
    swapped = list(labels)
    a, b = (int(_argument(node, i, (name,))) for i, name in ((1, "dim0"), (2, "dim1")))
    swapped[a], swapped[b] = swapped[b], swapped[a]
    return tuple(swapped)


def _expand(node: fx.Node, labels: Labels, out: Tensor, groups: Groups) -> Labels | None:
    shape = node.args[0].meta["shape"]  # type: ignore[union-attr]
    lead = out.dim() - len(shape)
    kept = zip(labels, shape, out.shape[lead:], strict=True)
    return (None,) * lead + tuple(d if old == new else None for d, old, new in kept)


def _getitem(node: fx.Node, labels: Labels, out: Tensor, groups: Groups) -> Labels | None:
    """Plain indices and slices of axes without channels."""
    index = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
    result: list[Label] = []
    for axis, dim in enumerate(labels):
        item = index[axis] if axis < len(index) else slice(None)
        if item == slice(None):
            result.append(dim)
        elif isinstance(item, (int, slice)):
            groups.keep(dim, f"{node.name} (an index into channels)")
            result += [] if isinstance(item, int) else [None]
        else:
            return None
    return tuple(result)


Function = Callable[[fx.Node, Labels, Tensor, Groups], Labels | None]
FUNCTIONS: dict[str, Function] = {
    "spatial": _spatial, "reduce": _reduce, "permute": _permute, "transpose": _transpose, "swapaxes": _transpose,
    "expand": _expand, "getitem": _getitem,
}  # fmt: skip
