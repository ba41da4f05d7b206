"""Recorders for the training pass: what each kernel's outputs were times their gradient, and each layer's first output.

Shapes: n images of a mini-batch, C channels, P positions of a map (N, C, H, W) or of tokens (N, T, C).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

KERNELS = (nn.Linear, nn.modules.conv._ConvNd)
LAYERS_LEFT_OUT = (nn.Identity, nn.modules.dropout._DropoutNd)
"""Layers that hand on what they are given; counting them would count another layer's output twice."""


def by_channel(output: Tensor) -> Tensor:
    """(n, C, H, W), (n, T, C) or (n, C) as (n, C, P)."""
    return output.flatten(2) if output.ndim == 4 else output.flatten(1, -2).transpose(1, 2)


class Saliency:
    """Per kernel, what backward passes find of sum over positions of output times gradient, (n, C) each.

    ``found`` grows by one entry per kernel module and backward pass while ``recording``.
    """

    def __init__(self) -> None:
        self.found: dict[str, Tensor] = {}
        self.recording = True

    def watch(self, name: str, output: Tensor) -> None:
        """Note the output's gradient when a backward pass reaches it; a kernel that runs twice adds up."""

        def receive(gradient: Tensor) -> None:
            if self.recording:
                product = _matrix(output.detach() * gradient)
                self.found[name] = self.found[name] + product if name in self.found else product

        output.register_hook(receive)


def _matrix(product: Tensor) -> Tensor:
    return by_channel(product if product.ndim > 2 else product[:, None]).sum(2)


@contextmanager
def recorded_saliency(model: nn.Module, wanted: bool) -> Iterator[Saliency]:
    """Watch every convolution and linear that is run inside."""
    saliency, hooks = Saliency(), []
    if wanted:
        for name, module in model.named_modules():
            if isinstance(module, KERNELS):
                hooks.append(module.register_forward_hook(_watcher(saliency, name)))
    try:
        yield saliency
    finally:
        for hook in hooks:
            hook.remove()


def _watcher(saliency: Saliency, name: str):  # type: ignore[no-untyped-def]
    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        if output.requires_grad:
            saliency.watch(name, output)

    return hook


@contextmanager
def recorded_layers(model: nn.Module, wanted: bool) -> Iterator[list[Tensor]]:
    """A list that collects the first image's output of every layer run inside, shape (C, P)."""
    outputs: list[Tensor] = []

    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim in (3, 4):
            outputs.append(by_channel(output.detach()[:1])[0].clone())

    layers = [m for m in model.modules() if not any(m.children()) and not isinstance(m, LAYERS_LEFT_OUT)]
    hooks = [m.register_forward_hook(hook) for m in layers] if wanted else []
    try:
        yield outputs
    finally:
        for handle in hooks:
            handle.remove()
