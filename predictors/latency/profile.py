"""A device profile: how long units of a network take on one device with one runtime, as data, with its evidence.

A profile is JSON and safe to read from a stranger. It knows what it was measured on and says so where it is asked for
anything else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from predictors.latency import reading
from predictors.latency.costing import Z90, CostModel
from predictors.latency.errors import ProfileError
from predictors.latency.features import INDEX, features
from predictors.latency.units import FUSIONS, Fusion, Units, segment
from search_spaces.operators import FloatArray, OperatorTable

FORMAT = 1
Source = Literal["measured", "imported", "few-shot", "roofline"]
Quantity = Literal["latency", "energy"]
UNITS = {"latency": "ms", "energy": "mJ"}
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
MAX_BYTES = 32_000_000
_REQUIRED = ("format", "name", "title", "source", "fusion", "latency")
_OPTIONAL = ("hardware", "runtime", "energy", "evidence", "created")


@dataclass(frozen=True)
class Prediction:
    """Costs of architectures, each array of shape (size,): ``ms`` (mJ for energy) and its 90 % interval.

    ``coverage`` is the share of the cost in units like those that were measured, from 0 to 1; ``warnings`` say what
    the others are.
    """

    ms: FloatArray
    low: FloatArray
    high: FloatArray
    warnings: tuple[str, ...]
    coverage: FloatArray


@dataclass(frozen=True)
class Breakdown:
    """Where the time goes: one entry per unit, in execution order; arrays of shape (units,).

    ``stage`` indexes ``stages``; ``macs`` are multiply-accumulates, ``bytes`` what is read and written including
    weights (float32), ``error`` the relative standard error, ``inside`` whether such units were measured. ``names``
    holds the path of each unit's first module where the table was traced, else empty text.
    """

    arch: NDArray[np.int64]
    stage: NDArray[np.int64]
    kind: tuple[str, ...]
    ms: FloatArray
    macs: FloatArray
    bytes: FloatArray
    error: FloatArray
    inside: NDArray[np.bool_]
    names: tuple[str, ...]
    stages: tuple[str, ...]


@dataclass(frozen=True)
class DeviceProfile:
    """See the module's docstring. ``latency`` is in milliseconds at batch 1 unless ``runtime`` says otherwise.

    ``source`` says where it comes from; ``evidence`` how well it predicted measurements held back from it, and which;
    ``energy``, where there is one, has the same shape in millijoules.
    """

    name: str
    title: str
    source: Source
    fusion: Fusion
    latency: CostModel
    hardware: dict[str, Any] = field(default_factory=dict)
    runtime: dict[str, Any] = field(default_factory=dict)
    energy: CostModel | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    created: str = ""

    def predict(self, table: OperatorTable, quantity: Quantity = "latency") -> Prediction:
        """Cost of every architecture of ``table``. Raises ProfileError for energy where the profile has none."""
        return self.predict_units(segment(table, self.fusion), quantity)

    def predict_units(self, units: Units, quantity: Quantity = "latency") -> Prediction:
        """The same for a table already cut into units."""
        model, x = self.cost_model(quantity), features(units)
        costs = model.units(units, x)
        size, arch = units.table.size, units.arch if len(units) else np.zeros(0, dtype=np.int64)
        total = np.bincount(arch, costs.cost, size).astype(np.float64)
        variance = np.bincount(arch, (costs.cost * costs.error) ** 2, size).astype(np.float64)
        positive = np.where(total > 0, total, 1.0)
        coverage = np.where(total > 0, np.bincount(arch, costs.cost * costs.inside, size) / positive, 1.0)
        if model.network is None:
            spread = interval_factor(total, variance, model.calibration.sigma)
            return Prediction(total, total / spread, total * spread, costs.warnings, coverage)
        found = model.network.correct(units, x, costs.cost)
        ms, spread = total * found.factor, interval_factor(total, variance, found.error)
        return Prediction(ms, ms / spread, ms * spread, costs.warnings + found.warnings, coverage * found.inside)

    def units(self, table: OperatorTable, quantity: Quantity = "latency") -> Breakdown:
        """The cost of each unit, for explanations. They add up to what :meth:`predict` says."""
        units = segment(table, self.fusion)
        x = features(units)
        model = self.cost_model(quantity)
        costs = model.units(units, x)
        moved = x[:, INDEX["moved"]] + x[:, INDEX["weights"]]
        names = [table.names[r] for r in units.rows[units.start]] if table.names else [""] * len(units)
        kinds = tuple(units.kinds[k] for k in units.kind)
        arch, stage = (units.arch, units.stage) if len(units) else (units.kind, units.kind)
        ms = costs.cost * model.network.correct(units, x, costs.cost).factor[arch] if model.network else costs.cost
        return Breakdown(
            arch, stage, kinds, ms, x[:, INDEX["macs"]], moved, costs.error, costs.inside, tuple(names),
            table.stages,
        )  # fmt: skip

    def additive(self) -> DeviceProfile:
        """The profile without its correction of whole networks: a sum over units, as look-ups per stage need it."""
        return replace(self, latency=replace(self.latency, network=None))

    def cost_model(self, quantity: Quantity) -> CostModel:
        """The model of that quantity. Raises ProfileError for energy where the profile has none."""
        if quantity == "latency":
            return self.latency
        if self.energy is None:
            raise ProfileError(f"profile {self.name} has no energy model", field="energy")
        return self.energy

    def to_json(self) -> str:
        """The profile as JSON text."""
        return json.dumps(
            {
                "format": FORMAT, "name": self.name, "title": self.title, "source": self.source,
                "created": self.created, "hardware": self.hardware, "runtime": self.runtime, "evidence": self.evidence,
                "fusion": self.fusion, "latency": self.latency.to_dict(),
                "energy": self.energy.to_dict() if self.energy else None,
            },
            allow_nan=False,
        )  # fmt: skip

    def save(self, path: str | Path) -> Path:
        """Write the profile, whole or not at all, and return the path; folders are made."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        part.write_text(self.to_json() + "\n", encoding="utf-8")
        part.replace(target)
        return target

    def renamed(self, name: str, **changes: Any) -> DeviceProfile:
        """A copy under another name, checked."""
        return replace(self, name=check_name("name", name), **changes)

    @classmethod
    def from_json(cls, document: str | dict[str, Any], where: str = "profile") -> DeviceProfile:
        """Read and check a profile. Raises ProfileError that names the offending field of ``where``."""
        data = reading.parse(document, where) if isinstance(document, str) else document
        d = reading.mapping(where, data, _REQUIRED, _OPTIONAL)
        if d["format"] != FORMAT:
            raise reading.fail(f"{where}.format", f"{FORMAT} (the only one this version reads)", d["format"])
        energy = d.get("energy")
        return cls(
            name=check_name(f"{where}.name", d["name"]), title=reading.text(f"{where}.title", d["title"]),
            source=reading.text(f"{where}.source", d["source"], get_args(Source)),  # type: ignore[arg-type]
            fusion=reading.text(f"{where}.fusion", d["fusion"], FUSIONS),  # type: ignore[arg-type]
            latency=CostModel.from_dict(f"{where}.latency", d["latency"]),
            hardware=_facts(f"{where}.hardware", d.get("hardware", {})),
            runtime=_facts(f"{where}.runtime", d.get("runtime", {})),
            energy=None if energy is None else CostModel.from_dict(f"{where}.energy", energy),
            evidence=_facts(f"{where}.evidence", d.get("evidence", {})),
            created=reading.text(f"{where}.created", d.get("created", "")),
        )  # fmt: skip


def interval_factor(total: FloatArray, variance: FloatArray, network_sigma: float | FloatArray) -> FloatArray:
    """By which a cost is multiplied and divided for its 90 % interval, shape (size,).

    Errors of units are independent and add in quadrature (``variance`` is their sum); the network's does not average
    out. The interval is that of a log-normal value.
    """
    relative = variance / np.where(total > 0, total, 1.0) ** 2
    return np.exp(Z90 * np.sqrt(np.log1p(relative + network_sigma**2)))


def check_name(where: str, value: Any) -> str:
    """A profile's name: lower-case letters, digits, ``_``, ``.`` and ``-``. Raises ProfileError."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise reading.fail(where, "a name of lower-case letters, digits, '_', '.' and '-'", value)
    return value


def _facts(where: str, value: Any, depth: int = 4) -> dict[str, Any]:
    """An object of text, finite numbers, booleans, nulls, and lists or objects of them."""
    return {reading.text(where, k): _fact(f"{where}.{k}", v, depth) for k, v in reading.mapping(where, value).items()}


def _fact(where: str, value: Any, depth: int) -> Any:
    if isinstance(value, (dict, list)) and depth == 0:
        raise reading.fail(where, "nested less deeply", value)
    if isinstance(value, dict):
        return _facts(where, value, depth - 1)
    if isinstance(value, list):
        return [_fact(f"{where}[{i}]", v, depth - 1) for i, v in enumerate(value)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return reading.text(where, value)
    reading.number(where, value)
    return value
