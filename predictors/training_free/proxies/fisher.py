"""Fisher: how much the loss would feel the loss of each channel."""

from __future__ import annotations

from torch import Tensor, nn

from predictors.training_free.passes.saliency import KERNELS
from predictors.training_free.passes.training import SALIENCY, training_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="labels",
    equation=(
        "sum over convolutions and linears, their weights and so their channels c of "
        "1/2 mean over images of (sum over positions of a_c dL/da_c)^2, a the layer's output"
    ),
    source="Turner et al., BlockSwap, ICLR 2020; as a proxy: Abdelfattah et al., ICLR 2021; zero-cost-nas",
    departs=(
        "Each image's gradient is that of its own mini-batch's mean loss (two of 4 images). Positions are pixels or "
        "tokens. Torch's packed attention has no output of its own to look at and adds nothing."
    ),
    cost="backward",
    uses=(SALIENCY,),
    invariances=("batch_order",),
    draws=("images", "labels"),
)
def fisher(probe: Probe) -> float:
    """Sum over weights of the Fisher information of the channel they make."""
    saliency, modules = probe.shared(training_pass).saliency, dict(probe.model.named_modules())
    return sum(weights_per_channel(modules[name]) * information(found) for name, found in saliency.items())


def weights_per_channel(kernel: nn.Module) -> int:
    """Weights behind one output channel of a convolution or linear."""
    assert isinstance(kernel, KERNELS)
    return kernel.weight.numel() // (kernel.out_features if isinstance(kernel, nn.Linear) else kernel.out_channels)


def information(saliency: Tensor) -> float:
    """sum_c 1/2 mean_n s_nc^2 of saliencies of shape (N, C)."""
    return 0.5 * float(saliency.double().square().mean(0).sum())
