"""How long a network takes on a device, from its operator table.

``load_profile("pixel6").predict(table)`` gives milliseconds with an interval; ``list_profiles()`` says for which
devices; ``LatencyTable.compile(space, profile)`` prices whole populations by look-up.
"""

from __future__ import annotations

from predictors.latency.errors import MeasurementError, ProfileError
from predictors.latency.profile import Breakdown, DeviceProfile, Prediction
from predictors.latency.store import list_profiles, load_profile, save_profile

__all__ = [
    "Breakdown", "DeviceProfile", "MeasurementError", "Prediction", "ProfileError", "list_profiles", "load_profile",
    "save_profile",
]  # fmt: skip
