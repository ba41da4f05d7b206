"""Gauss length: how far the direction of travel turns while the image goes round a circle (As-ViT's L^G)."""

from __future__ import annotations

from torch import Tensor

from predictors.training_free.passes.circle import MOTION, motion_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="random",
    equation="sum over ten angles of |d(v/|v|)/dt|, v = dz/dt, as in le",
    source="Poole et al., NeurIPS 2016; Chen et al., As-ViT, ICLR 2022; AsViT, teg.py",
    departs="As le; written sqrt((v.v)(a.a) - (v.a)^2) / (v.v), which is the same.",
    cost="jacobian",
    uses=(MOTION,),
    invariances=("batch_order", "image_scale", "labels"),
    draws=("circle",),
)
def gauss_length(probe: Probe) -> float:
    """Sum over the circle of the speed of the unit tangent; 10 for a linear map with orthonormal columns."""
    return turning(*probe.shared(motion_pass))


def turning(v: Tensor, a: Tensor) -> float:
    """sum_t |d(v/|v|)/dt| of velocities and accelerations of shape (T, D)."""
    vv, aa, va = ((x.double() * y.double()).sum(1) for x, y in ((v, v), (a, a), (v, a)))
    return float(((vv * aa - va**2).clamp_min(0).sqrt() / vv).sum())
