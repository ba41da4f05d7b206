"""Where the milliseconds of a network go, and which of its operators waste the device.

The *efficiency gap* of an operator is the difference between the time that its multiply-accumulates would take at the
device's peak rate and the time that it really takes (in the sense of Lavin's waterline analysis, "On the Efficiency of
Convolutional Neural Networks"). Efficiency is the quotient of both; the waterline is the efficiency of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from predictors.latency.profile import Breakdown, DeviceProfile, Prediction
from search_spaces.operators import OperatorTable

PEAK = "peak_macs_per_s"
"""Entry of a profile's hardware: the datasheet's arithmetic peak."""


@dataclass(frozen=True)
class Operator:
    """One unit of a network: what it takes, what its arithmetic would take at peak (``ideal_ms``), where it stands."""

    stage: str
    kind: str
    name: str
    ms: float
    ideal_ms: float
    measured: bool

    @property
    def efficiency(self) -> float:
        """``ideal_ms / ms``; 0 for an operator without arithmetic."""
        return self.ideal_ms / self.ms if self.ms > 0 else 0.0


@dataclass(frozen=True)
class Share:
    """The sum over some operators, as a share of the whole time."""

    name: str
    count: int
    ms: float
    share: float
    ideal_ms: float

    @property
    def efficiency(self) -> float:
        """``ideal_ms / ms``."""
        return self.ideal_ms / self.ms if self.ms > 0 else 0.0


@dataclass(frozen=True)
class Explanation:
    """A network on a device. ``peak`` is in MAC/s, ``peak_source`` says whose figure it is."""

    device: str
    title: str
    ms: float
    low: float
    high: float
    coverage: float
    warnings: tuple[str, ...]
    peak: float
    peak_source: str
    operators: tuple[Operator, ...]

    @property
    def waterline(self) -> float:
        """Efficiency of the whole network."""
        return sum(o.ideal_ms for o in self.operators) / self.ms if self.ms > 0 else 0.0

    def by(self, key: str) -> tuple[Share, ...]:
        """Sums by ``stage`` (in execution order) or by ``kind`` (dearest first)."""
        groups: dict[str, list[Operator]] = {}
        for operator in self.operators:
            groups.setdefault(getattr(operator, key), []).append(operator)
        shares = tuple(_share(name, group, self.ms) for name, group in groups.items())
        return shares if key == "stage" else tuple(sorted(shares, key=lambda s: -s.ms))

    def wasteful(self, most: int) -> tuple[Operator, ...]:
        """The operators with the largest gap between real and arithmetic time, largest first."""
        return tuple(sorted(self.operators, key=lambda o: o.ideal_ms - o.ms)[:most])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        shares = {key: [{**vars(s), "efficiency": s.efficiency} for s in self.by(key)] for key in ("stage", "kind")}
        operators = [{**vars(o), "efficiency": o.efficiency} for o in self.operators]
        own = {k: v for k, v in vars(self).items() if k not in ("operators", "warnings")}
        return own | {
            "waterline": self.waterline, "stages": shares["stage"], "kinds": shares["kind"],
            "warnings": list(self.warnings), "operators": operators,
        }  # fmt: skip


def explain(profile: DeviceProfile, table: OperatorTable) -> Explanation:
    """Explain the one architecture of ``table`` on a device. Raises ValueError for a table of several."""
    if table.size != 1:
        raise ValueError(f"explain takes a table of one architecture, got {table.size}")
    units, prediction = profile.units(table), profile.predict(table)
    peak, source = _peak(profile, units)
    operators = tuple(
        Operator(units.stages[s], kind, name, float(t), float(macs) / peak * 1e3 if peak else 0.0, bool(inside))
        for s, kind, name, t, macs, inside in zip(
            units.stage.tolist(), units.kind, units.names, units.ms, units.macs, units.inside, strict=True
        )
        if t > 0
    )
    return _explanation(profile, prediction, peak, source, operators)


def _explanation(
    profile: DeviceProfile, prediction: Prediction, peak: float, source: str, operators: tuple[Operator, ...]
) -> Explanation:
    return Explanation(
        profile.name, profile.title, float(prediction.ms[0]), float(prediction.low[0]), float(prediction.high[0]),
        float(prediction.coverage[0]), prediction.warnings, peak, source, operators,
    )  # fmt: skip


def _peak(profile: DeviceProfile, units: Breakdown) -> tuple[float, str]:
    """The arithmetic peak in MAC/s. Without a datasheet's, the best rate of the network's own larger operators."""
    stated = profile.hardware.get(PEAK)
    if isinstance(stated, (int, float)) and stated > 0:
        return float(stated), "the profile's datasheet peak"
    counted = (units.ms > 0) & (units.macs > 0.001 * units.macs.sum())
    if not counted.any():
        return 0.0, "no arithmetic at all"
    return float((units.macs[counted] / units.ms[counted]).max() * 1e3), "the best rate of this network's own operators"


def _share(name: str, group: list[Operator], total: float) -> Share:
    ms = sum(o.ms for o in group)
    return Share(name, len(group), ms, ms / total if total > 0 else 0.0, sum(o.ideal_ms for o in group))
