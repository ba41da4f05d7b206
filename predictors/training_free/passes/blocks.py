"""The block pass: outputs of the residual blocks on a mini-batch, with the graph between them kept.

Shapes: n = images x positions rows, C channels. Maps (N, C, H, W) and tokens (N, T, C) both become (n, C).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from predictors.training_free.probe import MINI_BATCHES, Probe

CONTAINERS = (nn.Sequential, nn.ModuleList)


def block_pass(probe: Probe) -> list[Tensor]:
    """Output of every block in order of execution, on the first mini-batch; each is still part of the graph.

    Raises ValueError where the network has no blocks.
    """
    with probe.seeded("dropout 0"), recorded_outputs(probe.model) as outputs:
        probe.model(probe.images.chunk(MINI_BATCHES)[0])
    return outputs


@contextmanager
def recorded_outputs(model: nn.Module) -> Iterator[list[Tensor]]:
    """A list that collects what each block returns inside. Raises ValueError where the network has no blocks."""
    outputs: list[Tensor] = []
    hooks = [b.register_forward_hook(lambda _m, _i, out: outputs.append(_tensor(out))) for b in blocks(model)]
    if not hooks:
        raise ValueError("the network has no blocks (members of a container with two kernels or more)")
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _tensor(output: object) -> Tensor:
    if not isinstance(output, Tensor):
        raise ValueError(f"a block returned a {type(output).__name__}, not a tensor")
    return output


def blocks(model: nn.Module) -> list[nn.Module]:
    """The innermost members of containers that hold at least two convolutions or linears, in definition order."""
    members = [m for c in model.modules() if isinstance(c, CONTAINERS) for m in c if not isinstance(m, CONTAINERS)]
    found = [m for m in dict.fromkeys(members) if _kernels(m) >= 2]
    inner = {id(d) for d in found}
    return [m for m in found if not any(id(d) in inner for d in m.modules() if d is not m)]


def _kernels(module: nn.Module) -> int:
    return sum(isinstance(m, (nn.Linear, nn.modules.conv._ConvNd)) for m in module.modules() if m is not module)


def rows(feature: Tensor) -> Tensor:
    """(N, C, H, W) or (N, T, C) as (n, C)."""
    return feature.movedim(1, -1).flatten(0, -2) if feature.ndim == 4 else feature.flatten(0, -2)
