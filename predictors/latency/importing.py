"""From a table of measurements to a profile, fitted afresh or adapted from a known device, with its evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from predictors.latency import grammar, transfer
from predictors.latency.costing import Calibration, CostModel
from predictors.latency.errors import MeasurementError
from predictors.latency.evidence import HELD_SHARE, HeldOut, held_out, robust_sigma, summary, with_errors
from predictors.latency.features import features
from predictors.latency.fitting import Measurements, fit_models
from predictors.latency.profile import DeviceProfile, Prediction, interval_factor
from predictors.latency.store import list_profiles, load_profile
from predictors.latency.tables import ENERGY, LATENCY, CsvTable, operator_table
from predictors.latency.units import Fusion, Units, whole
from search_spaces.errors import unknown_name

GRAMMARS: dict[str, Fusion] = {grammar.NAME: "blocks", "operators": "kernels"}
"""What a row of a table may describe, and the fusion of the profile that is made of it."""
UNTIMED_NETWORKS = 0.05
"""Relative error of a network's sum where no network was timed, at least: blocks are timed one by one, warm."""


@dataclass(frozen=True)
class MeasuredTable:
    """A table read by its grammar: units, features, groups (rows that measure the same thing), shape (n,), labels."""

    table: CsvTable
    units: Units
    x: np.ndarray
    groups: np.ndarray
    labels: np.ndarray
    fusion: Fusion

    def measurements(self, column: str = LATENCY) -> Measurements:
        """The units with the costs of a column. Raises MeasurementError where one is no positive number."""
        kind = np.array(self.units.kinds)[self.units.kind]
        return Measurements(self.x, kind, self.labels, self.table.positive(column))


def read_measured(table: CsvTable, name: str) -> MeasuredTable:
    """Read the rows by a grammar. Raises UnknownName for the grammar, MeasurementError with the line for a row."""
    if name not in GRAMMARS:
        raise unknown_name("grammar", name, GRAMMARS)
    if name == grammar.NAME:
        keys = table.column("key")
        for row, key in enumerate(keys):
            _parsed(table, row, key)
        units, groups = whole(grammar.block_table(keys)), np.array(keys)
        labels = np.array([key.partition("_")[0] for key in keys])
        return MeasuredTable(table, units, features(units), groups, labels, GRAMMARS[name])
    units = whole(operator_table(table))
    x = features(units)
    groups = np.unique(np.column_stack([x, units.kind]), axis=0, return_inverse=True)[1].ravel()
    return MeasuredTable(table, units, x, groups, np.array(units.kinds)[units.kind], GRAMMARS[name])


def _parsed(table: CsvTable, row: int, key: str) -> None:
    try:
        grammar.parse(key)
    except MeasurementError as error:
        raise table.error(row, str(error)) from None


def fit_profile(measured: MeasuredTable, name: str, title: str, **facts: Any) -> DeviceProfile:
    """A profile fitted on all rows, whose errors come from random splits by key. Raises MeasurementError."""
    data = measured.measurements()
    held = held_out(data, measured.groups)
    energy = _energy(measured, lambda d: _fitted(d, held_out(d, measured.groups)))
    split = f"{round(100 * HELD_SHARE)} % of the keys held out, mean of {len(np.unique(held.split))} random splits"
    return DeviceProfile(
        name, title, "imported", measured.fusion, _fitted(data, held), energy=energy,
        evidence=_evidence(len(data), split, held), created=_today(), **facts,
    )  # fmt: skip


def starting_profile(measured: MeasuredTable, name: str) -> DeviceProfile:
    """The profile ``name`` to start from; ``auto`` is the measured one that predicts the table best once adapted."""
    if name != "auto":
        return load_profile(name)
    known = [load_profile(n) for n in list_profiles()]
    candidates = [p for p in known if p.fusion == measured.fusion and p.source in ("measured", "imported")]
    return transfer.closest(candidates, measured.measurements(), measured.groups)


def adapt_profile(measured: MeasuredTable, source: DeviceProfile, name: str, title: str) -> DeviceProfile:
    """A few-shot profile from ``source`` and the measurements of another device. Raises MeasurementError."""
    if source.fusion != measured.fusion:
        message = f"profile {source.name} is of {source.fusion}, the table of {measured.fusion}"
        raise MeasurementError(f"{message}; choose another to start --from")
    data = measured.measurements()
    transfer.require_enough(data)
    held = transfer.check(source.latency, data, measured.groups)
    adapted = transfer.with_few_shot_errors(transfer.transfer(source.latency, data), held)
    sigma = max(source.latency.calibration.sigma, robust_sigma(held.log_error))
    adapted = replace(adapted, calibration=replace(adapted.calibration, sigma=sigma))
    split = f"few-shot from {source.name}: a fifth of the measurements held out, {transfer.CHECKS} random splits"
    return DeviceProfile(
        name, title, "few-shot", measured.fusion, adapted, runtime={"adapted_from": source.name},
        evidence=_evidence(len(data), split, held), created=_today(),
    )  # fmt: skip


def _fitted(data: Measurements, held: HeldOut) -> CostModel:
    """The model of all measurements. Errors of units are alike, so a network's may be as large as theirs."""
    model = with_errors(fit_models(data), data, held)
    sigma = max(UNTIMED_NETWORKS, robust_sigma(held.log_error))
    return replace(model, calibration=Calibration(1.0, min(sigma, 10.0)))


def predict_each(profile: DeviceProfile, measured: MeasuredTable) -> Prediction:
    """The cost of every row of a table, each by itself: its interval is a unit's, not a network's."""
    if profile.fusion != measured.fusion:
        message = f"profile {profile.name} prices {profile.fusion}, and the rows are {measured.fusion}"
        raise MeasurementError(f"{message}; the estimate would leave out what fusing saves")
    costs = profile.latency.units(measured.units, measured.x)
    factor = interval_factor(costs.cost, (costs.cost * costs.error) ** 2, 0.0)
    inside = costs.inside.astype(np.float64)
    return Prediction(costs.cost, costs.cost / factor, costs.cost * factor, costs.warnings, inside)


def _energy(measured: MeasuredTable, fit: Callable[[Measurements], CostModel]) -> CostModel | None:
    return fit(measured.measurements(ENERGY)) if ENERGY in measured.table.header else None


def _evidence(measurements: int, split: str, held: HeldOut) -> dict[str, Any]:
    return {"measurements": measurements, "split": split, **(summary(held) if len(held.truth) else {})}


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
