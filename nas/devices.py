"""Quantities that depend on a device: ``latency@pixel6``, ``energy@pixel6``.

In look-ups, databases and fronts they are whole numbers, of nanoseconds and of nanojoules: a sum of whole numbers is
exact, so the same seed gives the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from predictors.latency import DeviceProfile
    from predictors.latency.profile import Quantity
    from search_spaces.pricing import Cost

UNITS: Mapping[str, tuple[str, float]] = {"latency": ("ms", 1e6), "energy": ("mJ", 1e6)}
"""Unit shown per measure, and how many base units it holds."""
PATTERN = re.compile(r"(?P<measure>latency|energy)@(?P<device>[^\s@]+)")
WRITTEN: Mapping[str, tuple[Quantity, float]] = {
    "ns": ("latency", 1.0), "us": ("latency", 1e3), "ms": ("latency", 1e6), "s": ("latency", 1e9),
    "uj": ("energy", 1e3), "mj": ("energy", 1e6), "j": ("energy", 1e9),
}  # fmt: skip
"""Units of budgets: the measure and its base units."""


@dataclass(frozen=True)
class DeviceQuantity:
    """A measure on a device, which is a profile's name or the path of its file."""

    measure: Quantity
    device: str

    @property
    def name(self) -> str:
        """As in objectives and columns: ``latency@pixel6``."""
        return f"{self.measure}@{self.device}"

    @property
    def label(self) -> str:
        """As in tables: ``Latency on pixel6``."""
        return f"{self.measure.capitalize()} on {self.device}"

    @property
    def unit(self) -> str:
        """``ms`` or ``mJ``."""
        return UNITS[self.measure][0]

    @property
    def scale(self) -> float:
        """Base units in a :attr:`unit`."""
        return UNITS[self.measure][1]

    def cost(self, profile: DeviceProfile) -> Cost:
        """What a space attaches to price this quantity; pricing raises ProfileError where the profile lacks it."""
        from predictors.latency.lookup import device_cost

        return device_cost(profile, self.measure, self.name)


def device_quantity(name: str) -> DeviceQuantity | None:
    """The quantity of such a name; None where it is something else (``macs``)."""
    match = PATTERN.fullmatch(name)
    return DeviceQuantity("energy" if match["measure"] == "energy" else "latency", match["device"]) if match else None


def device_quantities(names: Iterable[str]) -> dict[str, DeviceQuantity]:
    """Those of ``names`` that depend on a device, by name, in order."""
    found = {n: device_quantity(n) for n in names}
    return {n: q for n, q in found.items() if q is not None}


def profile_documents(names: Iterable[str]) -> dict[str, Any]:
    """The profile, as JSON data, of every device in ``names``. Raises UnknownName, ProfileError."""
    devices = dict.fromkeys(q.device for q in device_quantities(names).values())
    if not devices:
        return {}
    from predictors.latency import load_profile

    return {d: json.loads(load_profile(d).to_json()) for d in devices}
