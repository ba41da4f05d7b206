"""z(x): the pooled features that length distortion, curvature and the tangent kernel are properties of."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from predictors.training_free.passes.blocks import blocks, recorded_outputs

Features = Callable[[nn.Module, Tensor], Tensor]


def pooled_features(model: nn.Module, images: Tensor) -> Tensor:
    """Features of images (N, C, H, W) averaged over positions, shape (N, D).

    The model's own ``pooled_features(images)`` where it has one; else the output of its last block, before any final
    norm (the sum of a layer norm's outputs is constant, so behind one the tangent kernel of the sum would vanish);
    else, in a network without blocks, what it returns.
    """
    own: Features | None = getattr(type(model), "pooled_features", None)
    if own is not None:
        return own(model, images)
    if not blocks(model):
        output: Tensor = model(images)
        return output.flatten(1)
    with recorded_outputs(model) as outputs:
        model(images)
    last = outputs[-1]
    return last.mean((2, 3)) if last.ndim == 4 else last.flatten(1, -2).mean(1)
