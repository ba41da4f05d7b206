"""Weight sharing: which part of a supernet's tensor a subnet's tensor of the same name is.

The rule of one-shot supernets with nested sizes: a subnet takes the *first n* of every input and output channel, the
first layers of every stage, and the *centre* of every spatial axis (a 3x3 kernel inside a 5x5 one, the offsets of a
small grid inside those of a large one). So an axis of a tensor is cut by its position: 0 and 1 are channels and cut
first-n, 2 and later are spatial and cut at the centre.

Where a channel axis is a concatenation (heads; q, k and v), ``set_blocks`` says so, and each block is cut first-n. It
also says where an axis behind the first two holds channels (a position table of shape (1, N, C)).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

Index = slice | Tensor
"""Positions along one axis; a tensor of integers where they are not contiguous."""
Cut = tuple[tuple[int, Index], ...]
"""The axes along which a part is smaller than the whole, each with the positions it takes."""


def set_blocks(module: nn.Module, name: str, axis: int, sizes: Sequence[int]) -> None:
    """Declare that ``axis`` of the tensor ``name`` of ``module`` is a concatenation of blocks of ``sizes``."""
    blocks: dict[tuple[str, int], tuple[int, ...]] = module.__dict__.setdefault("shared_blocks", {})
    blocks[name, axis] = tuple(sizes)


def _blocks(module: nn.Module, name: str, axis: int, size: int) -> tuple[int, ...]:
    return module.__dict__.get("shared_blocks", {}).get((name, axis), (size,))


def _channels(full: Sequence[int], part: Sequence[int]) -> Index:
    """The first n of every block, for as many blocks as the part has."""
    if tuple(part[:-1]) == tuple(full[: len(part) - 1]):
        return slice(0, sum(part))
    starts = [0, *accumulate(full)]
    return torch.cat([torch.arange(start, start + size) for start, size in zip(starts, part, strict=False)])


def _axis(full: nn.Module, part: nn.Module, name: str, axis: int, sizes: tuple[int, int]) -> Index:
    if axis >= 2 and (name, axis) not in full.__dict__.get("shared_blocks", {}):
        start = (sizes[0] - sizes[1]) // 2
        return slice(start, start + sizes[1])
    return _channels(_blocks(full, name, axis, sizes[0]), _blocks(part, name, axis, sizes[1]))


def _all(index: Index, size: int) -> bool:
    return isinstance(index, slice) and index == slice(0, size)


def cut_of(full: nn.Module, part: nn.Module, name: str) -> Cut:
    """Which part of the tensor ``name`` of ``full`` (a supernet layer) that of ``part`` (a subnet's layer) is.

    Raises ValueError where the part is larger than the whole.
    """
    whole, cut = getattr(full, name).shape, getattr(part, name).shape
    if len(whole) != len(cut) or any(w < c for w, c in zip(whole, cut, strict=True)):
        raise ValueError(f"{name} of shape {tuple(cut)} does not fit in {tuple(whole)}")
    index = [_axis(full, part, name, axis, sizes) for axis, sizes in enumerate(zip(whole, cut, strict=True))]
    return tuple((axis, i) for axis, i in enumerate(index) if not _all(i, whole[axis]))


def take(tensor: Tensor, cut: Cut) -> Tensor:
    """The part of ``tensor``: a view where every axis is cut by a slice, so that in-place updates reach the whole."""
    for axis, i in cut:
        if isinstance(i, slice):
            tensor = tensor.narrow(axis, i.start, i.stop - i.start)
    for axis, i in cut:
        if not isinstance(i, slice):
            tensor = tensor.index_select(axis, i.to(tensor.device))
    return tensor
