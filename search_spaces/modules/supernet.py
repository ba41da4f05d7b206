"""Supernet: a family's largest network, of which every smaller one is a part.

A subnet is built as the family's ordinary module, without storage, and runs on views of the supernet's tensors
(``torch.func.functional_call``). So there is one description of every block, gradients and batch statistics reach the
shared tensors, and an extracted network is the same module with copies in the place of views.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from search_spaces.architecture import Architecture
from search_spaces.errors import SpaceError
from search_spaces.modules.sharing import Index, shared_index, take


def _split(name: str) -> tuple[str, str]:
    path, _, leaf = name.rpartition(".")
    return path, leaf


class Supernet(nn.Module):
    """``full`` is the largest network; ``build(architecture)`` makes the plain module of any smaller one.

    ``activate`` chooses the subnet that ``forward`` runs, ``extract`` gives it weights of its own. Before a subnet
    is judged, re-estimate its batch statistics (``search_spaces.modules.calibration.recalibrate``): they are shared.
    """

    def __init__(self, full: nn.Module, build: Callable[[Architecture], nn.Module]) -> None:
        super().__init__()
        self.full = full
        self._build = build
        self._subnet: nn.Module | None = None
        self._parts: list[tuple[str, nn.Module, str, tuple[Index, ...]]] = []  # name, owner, its tensor, which part
        self.active: Architecture | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_subnet":  # not a child: its tensors are the supernet's
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def activate(self, architecture: Architecture) -> None:
        """Let ``forward`` run this subnet. Raises SpaceError where it does not fit in the supernet."""
        if architecture != self.active:
            with torch.device("meta"):
                subnet = self._build(architecture)
            self._parts = self._locate(subnet, architecture)
            self._subnet, self.active = subnet, architecture

    def _locate(
        self, subnet: nn.Module, architecture: Architecture
    ) -> list[tuple[str, nn.Module, str, tuple[Index, ...]]]:
        modules, parts = dict(self.full.named_modules()), dict(subnet.named_modules())
        found = []
        for name in subnet.state_dict():
            path, leaf = _split(name)
            try:
                found.append((name, modules[path], leaf, shared_index(modules[path], parts[path], leaf)))
            except (KeyError, AttributeError, ValueError) as error:
                raise SpaceError(
                    f"architecture {architecture.id} does not fit in the supernet at {name}: {error}"
                ) from None
        return found

    def _tensors(self) -> dict[str, Tensor]:
        """The active subnet's parameters and buffers, as parts of the supernet's."""
        return {name: take(getattr(owner, leaf), index) for name, owner, leaf, index in self._parts}

    def _synchronised(self) -> nn.Module:
        """The active subnet, each layer in the mode (training or not, momentum) of its supernet layer."""
        if self._subnet is None:
            raise SpaceError("the supernet has no active architecture; call activate(architecture) first")
        modules = dict(self.full.named_modules())
        for name, part in self._subnet.named_modules():
            if name in modules:
                part.training = modules[name].training
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.momentum = modules[name].momentum
        return self._subnet

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> logits (B, num_classes) of the active subnet.

        Images of another size are resized bicubically to the subnet's resolution, as in ElasticViT's training: one
        batch of 224-pixel crops serves all resolutions.
        """
        subnet = self._synchronised()
        side = getattr(subnet, "img_size", None)
        if side is not None and x_BCHW.shape[-2:] != (side, side):
            x_BCHW = F.interpolate(x_BCHW, size=(side, side), mode="bicubic", align_corners=False)
        return functional_call(subnet, self._tensors(), (x_BCHW,))

    def extract(self, architecture: Architecture) -> nn.Module:
        """The subnet as a plain module with copies of its weights and statistics; the active one stays active."""
        before = self.active
        self.activate(architecture)
        module = copy.deepcopy(self._synchronised())
        weights = {name: tensor.detach().clone() for name, tensor in self._tensors().items()}
        module.load_state_dict(weights, assign=True)
        if before is not None:
            self.activate(before)
        return module
