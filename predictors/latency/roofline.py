"""A profile from a datasheet: peak arithmetic, memory bandwidth and launch overhead, and nothing measured."""

from __future__ import annotations

import math

from predictors.latency.costing import OTHER, Calibration, CostModel
from predictors.latency.errors import ProfileError
from predictors.latency.models import Roofline, UnitModel
from predictors.latency.profile import DeviceProfile

UNIT_ERROR, NETWORK_ERROR = 0.5, 0.5
"""Stated relative errors: datasheet peaks are seldom reached, and nothing was measured to say by how much."""


def roofline_profile(
    name: str, title: str, *, macs_per_s: float, bytes_per_s: float, overhead_s: float = 0.0
) -> DeviceProfile:
    """``max(macs / peak, bytes / bandwidth) + overhead`` per operator, fused kernels, marked as a guess.

    Raises ProfileError where a number is not finite, or not positive (the overhead may be 0).
    """
    given = {"peak MAC/s": macs_per_s, "bandwidth": bytes_per_s, "overhead": overhead_s}
    for what, value in given.items():
        if not math.isfinite(value) or value < 0 or (value == 0 and what != "overhead"):
            rule = "of at least 0" if what == "overhead" else "above 0"
            raise ProfileError(f"{what} must be a finite number {rule}, got {value:g}", field=what)
    model = UnitModel(Roofline(macs_per_s, bytes_per_s, overhead_s), (), {}, UNIT_ERROR, UNIT_ERROR)
    return DeviceProfile(
        name, title, "roofline", "kernels", CostModel({OTHER: model}, Calibration(1.0, NETWORK_ERROR)),
        hardware={"peak_macs_per_s": macs_per_s, "bytes_per_s": bytes_per_s, "overhead_s": overhead_s},
        evidence={"measurements": 0, "split": "none: a roofline from datasheet numbers, never measured"},
    )  # fmt: skip
