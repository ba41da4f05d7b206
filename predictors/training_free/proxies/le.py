"""LE: how long the network draws a circle of images (As-ViT's expected length distortion)."""

from __future__ import annotations

from torch import Tensor, nn

from predictors.training_free.passes.circle import Circle, velocity, velocity_pass
from predictors.training_free.passes.features import Features, pooled_features
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="random",
    equation="sum over ten angles t of |dz/dt|, z the pooled features of a unit circle of images, norms the identity",
    source="Chen et al., Auto-scaling Vision Transformers without Training, ICLR 2022; AsViT, teg.py",
    departs=(
        "One circle and the weights as built instead of the mean over five of each (redraw with another seed). Exact "
        "forward mode instead of a backward pass per feature. Every norm is the identity, not layer norm alone. z is "
        "the last block's output averaged over positions, unless the model has a pooled_features method."
    ),
    cost="jacobian",
    invariances=("batch_order", "image_scale", "labels"),
    draws=("circle",),
)
def le(probe: Probe) -> float:
    """Sum of the speeds at which the features move while the image goes round a circle."""
    return length(probe.shared(velocity_pass))


def length_distortion(model: nn.Module, circle: Circle, features: Features = pooled_features) -> float:
    """LE of one circle; ``features(model, images)`` says what z is. The model is run as it stands (its mode, dtype)."""
    return length(velocity(model, circle, features))


def length(v: Tensor) -> float:
    """sum_t |v_t| of velocities of shape (T, D). Both ends of the circle count, as in the released code."""
    return float(v.double().norm(dim=1).sum())
