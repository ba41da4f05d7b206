"""Supernet: a family's largest network, of which every smaller one is a part.

A subnet is built as the family's ordinary module, without storage, and its tensors are views of the supernet's. So
there is one description of every block, gradients and batch statistics reach the shared tensors, and an extracted
network is the same module with copies in the place of views.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.architecture import Architecture
from search_spaces.errors import SpaceError
from search_spaces.modules.exits import Exits, find_exits, given, kept_blocks, recorded
from search_spaces.modules.sharing import Cut, cut_of, take
from search_spaces.modules.skeleton import Blocks, Reused, Skeleton

KEPT = 32
"""Skeletons kept: the extremes and favourites of a training, which come again and again."""


@dataclass(frozen=True)
class _Layer:
    """A layer of a subnet, the supernet's layer of the same name, and which part of each tensor it takes."""

    part: nn.Module
    whole: nn.Module
    parameters: tuple[tuple[str, Cut], ...]
    buffers: tuple[tuple[str, Cut], ...]

    def connect(self) -> None:
        """Let the layer's tensors be views of the supernet's, and its mode (training, momentum) the supernet's."""
        part, whole = self.part.__dict__, self.whole.__dict__
        for name, cut in self.parameters:
            part["_parameters"][name] = take(whole["_parameters"][name], cut)
        for name, cut in self.buffers:
            part["_buffers"][name] = take(whole["_buffers"][name], cut)
        part["training"] = whole["training"]
        if "momentum" in whole:
            part["momentum"] = whole["momentum"]


@dataclass(frozen=True)
class _Subnet:
    module: nn.Module
    layers: tuple[_Layer, ...]


class Supernet(nn.Module):
    """``full`` is the largest network; ``build(architecture)`` makes the plain module of any smaller one.

    ``activate`` chooses the subnet that ``forward`` runs, ``extract`` gives it weights of its own. Before a subnet
    is judged, re-estimate its batch statistics (``search_spaces.modules.calibration.recalibrate``): they are shared.
    """

    def __init__(self, full: nn.Module, build: Callable[[Architecture], nn.Module]) -> None:
        super().__init__()
        self.full = full
        self._build = build
        self._kept: OrderedDict[Architecture, _Subnet] = OrderedDict()
        self._blocks = Blocks()
        self._exits: dict[tuple[Architecture, ...], Exits | None] = {}
        self.active: Architecture | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the skeletons: they hold views, which can be neither copied nor pickled."""
        return self.__dict__ | {"_kept": OrderedDict(), "_blocks": Blocks()}

    def activate(self, architecture: Architecture) -> None:
        """Let ``forward`` run this subnet. Raises SpaceError where it does not fit in the supernet."""
        if architecture not in self._kept:
            self._kept[architecture] = self._located(architecture, self._blocks)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(architecture)
        self.active = architecture

    def _located(self, architecture: Architecture, blocks: Blocks | None = None) -> _Subnet:
        """A skeleton of the subnet, with the place of every tensor in the supernet."""
        with Skeleton(blocks):
            subnet = self._build(architecture)
        try:
            return _Subnet(subnet, tuple(_layers(subnet, self.full, "", {} if blocks is None else blocks.noted)))
        except ValueError as error:
            raise SpaceError(f"architecture {architecture.id} does not fit in the supernet at {error}") from None

    def _connected(self) -> nn.Module:
        """The active subnet on views of the supernet's tensors as they are now."""
        if self.active is None:
            raise SpaceError("the supernet has no active architecture; call activate(architecture) first")
        if self.active not in self._kept:
            self.activate(self.active)
        subnet = self._kept[self.active]
        for layer in subnet.layers:
            layer.connect()
        return subnet.module

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> logits (B, num_classes) of the active subnet.

        Images of another size are resized bicubically to the subnet's resolution, as in ElasticViT's training: one
        batch of 224-pixel crops serves all resolutions.
        """
        subnet = self._connected()
        return subnet(_fitted(subnet, x_BCHW))  # type: ignore[no-any-return]

    def forward_exits(self, x_BCHW: Tensor, architectures: Sequence[Architecture]) -> list[Tensor] | None:
        """Logits (B, num_classes) of each, from one pass through the last and deepest; it stays active.

        None where the others are not its exits (see ``modules.exits``).
        """
        key = tuple(architectures)
        if key not in self._exits:
            self._exits[key] = find_exits([self._located(a).module for a in key])
        exits = self._exits[key]
        if exits is None:
            return None
        self.activate(key[-1])
        deep = self._connected()
        x_BCHW = _fitted(deep, x_BCHW)
        with recorded(kept_blocks(deep, exits, exits.kept[-1])) as outputs:
            last = deep(x_BCHW)
        logits = []
        for architecture, count in zip(key[:-1], exits.kept, strict=False):
            self.activate(architecture)
            module = self._connected()
            with given(kept_blocks(module, exits, count), outputs[count - 1]):
                logits.append(module(x_BCHW))
        self.activate(key[-1])
        return [*logits, last]

    def extract(self, architecture: Architecture) -> nn.Module:
        """The subnet as a plain module with copies of its weights and statistics; the active one stays active."""
        subnet = self._located(architecture)
        with torch.no_grad():
            for layer in subnet.layers:
                layer.connect()
                _own(layer.part)
        return subnet.module


def _fitted(subnet: nn.Module, x_BCHW: Tensor) -> Tensor:
    """Images at the subnet's own resolution."""
    side = getattr(subnet, "img_size", None)
    if side is None or x_BCHW.shape[-2:] == (side, side):
        return x_BCHW
    return F.interpolate(x_BCHW, size=(side, side), mode="bicubic", align_corners=False)


def _layers(part: nn.Module, whole: nn.Module, path: str, noted: dict[Any, Any]) -> list[_Layer]:
    """The layer ``part`` and all below it. Raises ValueError naming the first that is no part of the supernet."""
    if (part, path) in noted:
        return noted[part, path]  # type: ignore[no-any-return]
    found = [_layer(part, whole, path)]
    for name, child in part._modules.items():
        if child is not None:
            found += _layers(child, _below(whole, name, child, path), f"{path}{name}.", noted)
    if isinstance(type(part), Reused):
        noted[part, path] = found
    return found


def _below(whole: nn.Module, name: str, child: nn.Module, path: str) -> nn.Module:
    """The supernet's layer for ``child``; the one above it where ``child`` has no tensors and so needs none."""
    found = whole._modules.get(name)
    if found is None and child.state_dict():
        raise ValueError(f"{path}{name}: no such layer")
    return whole if found is None else found


def _layer(part: nn.Module, whole: nn.Module, path: str) -> _Layer:
    shared = [name for name in part._buffers if name not in part._non_persistent_buffers_set]
    try:
        return _Layer(part, whole, _cuts(part, whole, part._parameters), _cuts(part, whole, shared))
    except (AttributeError, ValueError) as error:
        raise ValueError(f"{path.rstrip('.')}: {error}") from None


def _cuts(part: nn.Module, whole: nn.Module, names: Iterable[str]) -> tuple[tuple[str, Cut], ...]:
    return tuple((name, cut_of(whole, part, name)) for name in names if getattr(part, name) is not None)


def _own(layer: nn.Module) -> None:
    """Copies in the place of views."""
    for name, tensor in layer._parameters.items():
        if tensor is not None:
            layer._parameters[name] = nn.Parameter(tensor.clone())
    for name, buffer in layer._buffers.items():
        if buffer is not None:
            layer._buffers[name] = buffer.clone()
