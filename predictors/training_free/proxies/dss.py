"""DSS (TF-TAS): synaptic diversity of attention plus synaptic saliency of the rest, without data."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from predictors.training_free.passes.flow import flow_pass, log
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="nothing",
    equation=(
        "ln of: sum over attention's linears of ||dR/dW||_* ||W||_* plus sum over other linears and convolutions of "
        "sum W dR/dW; R = sum of outputs of the positive network on ones, ||.||_* the nuclear norm"
    ),
    source="Zhou et al., Training-free Transformer Architecture Search, CVPR 2022",
    departs=(
        "A linear is attention's if it stands in an attention module, not because it is square. The released code "
        "keeps layer norm and softmax; here they are the identity and uniform (see passes/flow.py), so only the "
        "values' rows of a fused qkv have a gradient. Convolutions count as saliency, the patch embedding too. "
        "The logarithm is ours, as in synflow."
    ),
    cost="backward",
    uses=("flow",),
    invariances=("batch_order", "image_scale", "labels", "seed"),
)
def dss(probe: Probe) -> float:
    """Log of: nuclear norms of attention's weights times their gradients', plus saliency of all other weights."""
    flow = probe.shared(flow_pass)
    attention = attention_kernels(probe.model)
    return log(
        sum(
            nuclear_norm(flow.gradients[name]) * nuclear_norm(w)
            if name in attention
            else float((w * flow.gradients[name]).sum())
            for name, w in flow.weights.items()
        )
    )


def attention_kernels(model: nn.Module) -> frozenset[str]:
    """Names of the matrices that belong to attention: inside a module whose class or attribute name says so."""
    prefixes = [name for name, m in model.named_modules() if _says_attention(name, m)]
    return frozenset(
        name for name, p in model.named_parameters() if p.ndim == 2 and any(_within(name, at) for at in prefixes)
    )


def _says_attention(name: str, module: nn.Module) -> bool:
    last = name.rpartition(".")[2].lower()
    return "attention" in type(module).__name__.lower() or last.startswith("attn") or "attention" in last


def _within(name: str, prefix: str) -> bool:
    return bool(prefix) and name.startswith(prefix + ".")


def nuclear_norm(matrix: Tensor) -> float:
    """Sum of singular values of a float64 matrix, as square roots of its Gram matrix's eigenvalues.

    Several times faster than a singular value decomposition; eigenvalues that are rounding only count as 0.
    """
    m = matrix.T if matrix.shape[0] < matrix.shape[1] else matrix
    values = torch.linalg.eigvalsh(m.T @ m)
    noise = len(values) * torch.finfo(values.dtype).eps * values[-1]
    return float(torch.where(values < noise, 0.0, values).sqrt().sum())
