"""Layers: which axes of their parameters are which channels, and what leaves them."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from search_spaces.sorted_net.functions import Labels, reshaped, spatial
from search_spaces.sorted_net.graph import Findings, is_attention
from search_spaces.sorted_net.groups import Dim, Label

MIXING = (nn.Softmax, nn.Softmax2d, nn.LogSoftmax, nn.Softmin, nn.GLU)
POOLS = ("torch.nn.modules.pooling", "torch.nn.modules.padding", "torch.nn.modules.upsampling")
PLAIN = ("torch.nn.modules.activation", "torch.nn.modules.dropout")


def of_module(path: str, module: nn.Module, labels: Labels, source: Any, out: Tensor, found: Findings) -> Labels | None:
    home = type(module).__module__
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        return _convolution(path, module, labels, found)
    if isinstance(module, nn.Linear):
        return (*labels[:-1], linear(path, module, labels[-1], None, found))
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return _norm(path, module, labels, 1, "num_features", found)
    if isinstance(module, nn.LayerNorm):
        axis = 1 if type(module).__name__.endswith("2d") else len(labels) - 1
        plain = len(module.normalized_shape) == 1
        return _norm(path, module, labels, axis, "normalized_shape", found) if plain else None
    if isinstance(module, nn.GroupNorm):
        return _group_norm(path, module, labels, found)
    if is_attention(module):
        return _attention(path, module, labels, found)
    if isinstance(module, nn.Flatten):
        return reshaped(labels, source.meta["shape"], tuple(out.shape), found.groups, path)
    if home in POOLS:
        return spatial(labels, source.meta["shape"], out, found.groups, path)
    plain = isinstance(module, nn.Identity) or (home in PLAIN and not isinstance(module, MIXING))
    return labels if plain and next(module.parameters(), None) is None else None


def _vector(path: str, module: nn.Module, dim: Label, found: Findings) -> None:
    """Every 1-D parameter and buffer of a layer is as long as ``dim``."""
    for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
        if tensor.dim() == 1:
            found.bind(f"{path}.{name}", 0, dim)


def _set(path: str, attribute: str, dim: Label, found: Findings) -> None:
    if dim is not None:
        found.attributes[path, attribute] = dim


def _output(path: str, size: int, found: Findings) -> Dim:
    """The output channels of a layer: those of its first call where it is called again."""
    known = found.tensors.get(f"{path}.weight", {}).get(0)
    return found.groups.new(size) if known is None else known.dim


def _convolution(path: str, conv: Any, labels: Labels, found: Findings) -> Labels | None:
    if len(labels) != conv.weight.dim():
        return None
    if conv.groups == 1:
        out: Label = _output(path, conv.out_channels, found)
        found.bind(f"{path}.weight", 1, labels[1])
    else:
        unit = found.groups.new(conv.groups)
        found.groups.tie(labels[1], Dim(unit.group, conv.in_channels // conv.groups), path)
        out = Dim(unit.group, conv.out_channels // conv.groups)
        _set(path, "groups", unit, found)
    found.bind(f"{path}.weight", 0, out)
    if conv.bias is not None:
        found.bind(f"{path}.bias", 0, out)
    _set(path, "in_channels", labels[1], found)
    _set(path, "out_channels", out, found)
    return (labels[0], out, *(None,) * (len(labels) - 2))


def linear(path: str, layer: Any, source: Label, out: Label, found: Findings, blocks: int = 1) -> Label:
    """Bind a linear layer; ``out`` is given where its output is known, in ``blocks`` equal parts."""
    target = _output(path, layer.out_features, found) if out is None else out
    found.bind(f"{path}.weight", 0, target, blocks)
    found.bind(f"{path}.weight", 1, source)
    if layer.bias is not None:
        found.bind(f"{path}.bias", 0, target, blocks)
    _set(path, "in_features", source, found)
    assert target is not None
    if blocks == 1:
        _set(path, "out_features", target, found)
    else:
        _set(path, "out_features", Dim(target.group, target.times * blocks), found)
    return target


def _norm(path: str, module: nn.Module, labels: Labels, axis: int, attribute: str, found: Findings) -> Labels:
    _vector(path, module, labels[axis], found)
    _set(path, attribute, labels[axis], found)
    return labels


def _group_norm(path: str, module: nn.GroupNorm, labels: Labels, found: Findings) -> Labels:
    """Whole groups at a time; one group for all channels, where there is one."""
    if module.num_groups > 1:
        unit = found.groups.new(module.num_groups)
        found.groups.tie(labels[1], Dim(unit.group, module.num_channels // module.num_groups), path)
        _set(path, "num_groups", unit, found)
    return _norm(path, module, labels, 1, "num_channels", found)


def _attention(path: str, module: Any, labels: Labels, found: Findings) -> Labels:
    """Whole heads first: queries, keys and values of the first h heads, and the rows of the projection they feed."""
    known = found.attributes.get((path, "num_heads"))
    heads = found.groups.new(module.num_heads, heads=True) if known is None else known
    inner = Dim(heads.group, module.head_dim)
    _set(path, "num_heads", heads, found)
    _set(path, "attn_dim", inner, found)
    linear(f"{path}.qkv", module.qkv, labels[-1], inner, found, blocks=3)
    if module.gate is not None:
        linear(f"{path}.gate", module.gate, labels[-1], inner, found)
    if not isinstance(module.norm, nn.Identity):
        _norm(f"{path}.norm", module.norm, (inner,), 0, "normalized_shape", found)
    return (*labels[:-1], linear(f"{path}.proj", module.proj, inner, None, found))
