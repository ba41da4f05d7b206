"""A nest: what of a network may be cut and how, and the plain module of any sub-model.

Every sub-model keeps the first units of each group of channels, the first heads of each attention, and the first blocks
of each run. Shapes are known for any number of units, so that ``template`` can trace the network at labelled sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from search_spaces.errors import SpaceError
from search_spaces.modules.sharing import set_blocks
from search_spaces.sorted_net.graph import Axis, Findings, label_graph
from search_spaces.sorted_net.groups import Dim, Label
from search_spaces.sorted_net.runs import find_runs
from search_spaces.sorted_net.sizes import Extent, Group, Run, Size
from search_spaces.tracing.meta import meta_copy

Resize = Callable[[Tensor, Mapping[int, tuple[int, int]]], Tensor]
"""A tensor and, by axis, (blocks, new length of each) -> the tensor of the new size."""


@dataclass(frozen=True)
class Nest:
    """``tensors`` and ``attributes`` say which lengths follow which group of ``extent`` (widths first, then heads).

    ``features`` are the channels of each level of timm's ``feature_info``; ``kept`` says, by tensor, where the graph
    keeps an axis whole.
    """

    extent: Extent
    tensors: Mapping[str, Mapping[int, Axis]]
    attributes: Mapping[tuple[str, str], Dim]
    features: tuple[Label, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)

    def build(self, module: nn.Module, size: Size, resize: Resize) -> nn.Module:
        """The sub-model as a plain module: the structure of ``module``, its tensors resized."""
        part = _clone(module, {})
        for path in (b for run, n in zip(self.extent.runs, size.depths, strict=True) for b in run.blocks[n:]):
            _leave_out(part, path)
        for path, layer in part.named_modules():
            self._resize_layer(path, layer, size.units, resize)
        for (path, name), dim in self.attributes.items():
            layer = _found(part, path)
            if layer is not None:
                length = size.units[dim.group] * dim.times
                old = getattr(layer, name)
                setattr(layer, name, (length,) if isinstance(old, tuple) else length)
        self._describe(part, size.units)
        return part

    def _describe(self, part: Any, units: Sequence[int]) -> None:
        """Let timm's ``feature_info`` say what the sub-model has."""
        if self.features:
            counts = [None if d is None else units[d.group] * d.times for d in self.features]
            levels = zip(part.feature_info, counts, strict=True)
            told = [level if n is None else {**level, "num_chs": n} for level, n in levels]
            part.feature_info = [level for level in told if _found(part, str(level["module"])) is not None]

    def _resize_layer(self, path: str, layer: nn.Module, units: Sequence[int], resize: Resize) -> None:
        layer.__dict__.pop("shared_blocks", None)
        for store in (layer._parameters, layer._buffers):
            for name, tensor in store.items():
                axes = self.tensors.get(f"{path}.{name}" if path else name, {})
                if tensor is None:
                    continue
                lengths = {i: (a.blocks, units[a.dim.group] * a.dim.times) for i, a in axes.items()}
                new = resize(tensor, lengths)
                trainable = isinstance(tensor, nn.Parameter)
                store[name] = nn.Parameter(new, tensor.requires_grad) if trainable else new  # type: ignore[assignment]
                for axis, (blocks, length) in lengths.items():
                    if blocks > 1 or axis > 1:
                        set_blocks(layer, name, axis, (length,) * blocks)

    def declare(self, module: nn.Module) -> None:
        """Tell weight sharing which axes of the whole network's tensors are channels (see ``modules.sharing``)."""
        units = self.extent.full.units
        for name, axes in self.tensors.items():
            path, _, own = name.rpartition(".")
            for axis, a in axes.items():
                if a.blocks > 1 or axis > 1:
                    set_blocks(module.get_submodule(path), own, axis, (units[a.dim.group] * a.dim.times,) * a.blocks)


def first_units(tensor: Tensor, lengths: Mapping[int, tuple[int, int]]) -> Tensor:
    """The first units of every block: a view where there is one block, else a copy; no gradient."""
    tensor = tensor.detach()
    for axis, (blocks, length) in lengths.items():
        whole = tensor.shape[axis] // blocks
        if blocks == 1:
            tensor = tensor.narrow(axis, 0, length)
        elif length != whole:
            starts = torch.arange(blocks, device=tensor.device)[:, None] * whole
            rows = (starts + torch.arange(length, device=tensor.device)).flatten()
            tensor = tensor.index_select(axis, rows)
    return tensor


def own_units(tensor: Tensor, lengths: Mapping[int, tuple[int, int]]) -> Tensor:
    """The same as a copy."""
    return first_units(tensor, lengths).clone()


def shaped(tensor: Tensor, lengths: Mapping[int, tuple[int, int]]) -> Tensor:
    """A view of the right shape, for those who want no values."""
    tensor = tensor.detach()
    for axis, (blocks, length) in lengths.items():
        tensor = tensor.narrow(axis, 0, blocks * length)
    return tensor


def blank(tensor: Tensor, lengths: Mapping[int, tuple[int, int]]) -> Tensor:
    """A tensor without storage, of any size."""
    shape = [n if i not in lengths else lengths[i][0] * lengths[i][1] for i, n in enumerate(tensor.shape)]
    return torch.empty(shape, dtype=tensor.dtype, device="meta")


def _clone(module: nn.Module, memo: dict[int, nn.Module]) -> nn.Module:
    """Modules anew, everything else shared; so cheap that a supernet can do it at every step."""
    if id(module) not in memo:
        new = module.__class__.__new__(module.__class__)
        own = {k: v.copy() if k[0] == "_" and isinstance(v, (dict, set)) else v for k, v in module.__dict__.items()}
        new.__dict__ = own
        memo[id(module)] = new
        own["_modules"] = {n: None if m is None else _clone(m, memo) for n, m in module._modules.items()}
    return memo[id(module)]


def _leave_out(module: nn.Module, path: str) -> None:
    """Remove a block; where others follow or code may ask for it by its place, leave nothing to do in its place."""
    parent_path, _, name = path.rpartition(".")
    parent = module.get_submodule(parent_path)
    if isinstance(parent, nn.Sequential) and type(parent).forward is nn.Sequential.forward:
        del parent._modules[name]
    else:
        parent._modules[name] = nn.Identity()


def _found(module: nn.Module, path: str) -> nn.Module | None:
    try:
        return module.get_submodule(path)
    except AttributeError:
        return None


# ---- from a network ------------------------------------------------------------------------------------------------


def examine(module: nn.Module, input_size: Sequence[int], name: str) -> Nest:
    """What of ``module`` may be cut. Raises SpaceError where it cannot be traced, shares parameters, or nothing may."""
    skeleton = meta_copy(module)
    _check_unshared(skeleton, name)
    graph, findings = label_graph(skeleton, input_size, name)
    nest = _finished(findings, find_runs(skeleton, graph, findings.groups))
    if nest.extent == Extent((), (), ()):
        raise SpaceError(f"sorted_net: nothing of {name} can be nested: {_reason(nest, findings)}")
    return nest


def _reason(nest: Nest, findings: Findings) -> str:
    unruled = ", ".join(f"{path} ({kind})" for path, kind in list(findings.unruled.items())[:3])
    where = "; ".join(list(dict.fromkeys(nest.kept.values()))[:3])
    reasons = [f"nothing is known of how to cut {unruled}"] if unruled else []
    reasons += [f"channels are kept whole at {where}"] if where else []
    return "; ".join(reasons) or "it has no layers to cut"


def _check_unshared(module: nn.Module, name: str) -> None:
    seen: dict[int, str] = {}
    for path, parameter in module.named_parameters(remove_duplicate=False):
        if id(parameter) in seen:
            raise SpaceError(f"sorted_net: {name} shares one parameter between {seen[id(parameter)]} and {path}")
        seen[id(parameter)] = path


def _finished(found: Findings, runs: tuple[Run, ...]) -> Nest:
    groups = found.groups
    names: dict[int, str] = {}
    kept: dict[str, str] = {}
    for tensor, axes in found.tensors.items():
        for axis in axes.values():
            reason = groups.kept(axis.dim)
            if reason is None:
                names.setdefault(groups.find(axis.dim).group, tensor)
            else:
                kept.setdefault(tensor, reason)
    heads = [g for g in names if groups.has_heads(Dim(g))]
    widths = [g for g in names if g not in heads]
    index = {g: i for i, g in enumerate(widths + heads)}

    def final(dim: Dim) -> Dim | None:
        root = groups.find(dim)
        return Dim(index[root.group], root.times) if root.group in index else None

    tensors = {
        t: {i: Axis(d, a.blocks) for i, a in axes.items() if (d := final(a.dim)) is not None}
        for t, axes in found.tensors.items()
    }  # fmt: skip
    attributes = {k: d for k, dim in found.attributes.items() if (d := final(dim)) is not None}

    def described(roots: list[int]) -> tuple[Group, ...]:
        return tuple(Group(groups.units(Dim(g)), names[g]) for g in roots)

    extent = Extent(described(widths), described(heads), runs)
    return Nest(extent, {t: a for t, a in tensors.items() if a}, attributes, kept=kept)
