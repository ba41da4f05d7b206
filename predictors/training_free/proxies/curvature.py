"""Curvature: how sharply the network bends a circle of images (As-ViT's extrinsic curvature)."""

from __future__ import annotations

from torch import Tensor

from predictors.training_free.passes.circle import MOTION, motion_pass
from predictors.training_free.probe import Probe
from predictors.training_free.registry import proxy


@proxy(
    needs="random",
    equation="sum over ten angles of (v.v)^(-3/2) sqrt((v.v)(a.a) - (v.a)^2), v = dz/dt, a = d2z/dt2, as in le",
    source="Poole et al., NeurIPS 2016; Chen et al., As-ViT, ICLR 2022; AsViT, teg.py",
    departs="As le. Not part of the search that the released code runs by default.",
    cost="jacobian",
    uses=(MOTION,),
    invariances=("batch_order", "image_scale", "labels"),
    draws=("circle",),
)
def curvature(probe: Probe) -> float:
    """Sum over the circle of the extrinsic curvature of its image; 10 for a linear map with orthonormal columns."""
    return bending(*probe.shared(motion_pass))


def bending(v: Tensor, a: Tensor) -> float:
    """sum_t kappa_t of velocities and accelerations of shape (T, D)."""
    vv, aa, va = ((x.double() * y.double()).sum(1) for x, y in ((v, v), (a, a), (v, a)))
    return float((vv**-1.5 * (vv * aa - va**2).clamp_min(0).sqrt()).sum())
