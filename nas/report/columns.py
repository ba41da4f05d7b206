"""The columns a report shows: label, unit, divisor, decimals, which way is better, and the evidence for scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from nas.report.data import Axis, Direction, ReportData
from nas.report.formatting import MISSING, digits_for, fixed, is_number

# What every space counts, in the order in which engineers ask for it. Objectives override these.
STANDARD = (
    Axis("macs", "MACs", "M", "min", 1e6),
    Axis("params", "Params", "M", "min", 1e6),
    Axis("activations", "Activations", "M", "min", 1e6),
    Axis("memory", "Peak memory", "MB", "min", 1e6),
    Axis("capacity", "Capacity", "", "max", 1.0),
)
MEANING = {
    "macs": "Multiply-accumulates of convolutions, linear layers and attention products for one image. "
    "“FLOPs” in a budget means MACs.",
    "params": "Trainable parameters of the plain, extracted network.",
    "activations": "Elements written by all operators for one image.",
    "memory": "Largest working set of any operator, for one image (1 MB = 1,000,000 bytes).",
    "capacity": "Entropy of the operator table. A ranking aid that needs no training, not an accuracy.",
}


@dataclass(frozen=True)
class Column:
    """One numeric column as it is shown."""

    name: str
    label: str
    unit: str
    scale: float
    digits: int
    direction: Direction
    objective: bool
    score: bool
    note: str

    @property
    def heading(self) -> str:
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def text(self, value: Any, with_unit: bool = False) -> str:
        """`value`, given in base units, as shown: scaled, rounded, and with its unit if asked."""
        if not is_number(value):
            return MISSING
        shown = fixed(value / self.scale, self.digits)
        return f"{shown} {self.unit}" if with_unit and self.unit else shown


def report_columns(data: ReportData) -> list[Column]:
    """Objectives first, then the other counts, then the scores; only columns with at least one number."""
    axes = {axis.name: axis for axis in (*STANDARD, *data.costs, *data.objectives)}
    objectives = [axis.name for axis in data.objectives]
    scores = [name for name in data.score_columns if name not in objectives]
    names = dict.fromkeys([*objectives, *(axis.name for axis in (*data.costs, *STANDARD)), *scores])
    columns = []
    for name in names:
        values = numbers(data.front, name)
        if not values.notna().any():
            continue
        axis = axes.get(name) or Axis(name, name.replace("_", " "))
        columns.append(_column(axis, values, data))
    return columns


def numbers(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column as floats, NaN for anything that is no finite number; all NaN where the column is missing."""
    if name not in frame.columns:
        return pd.Series([float("nan")] * len(frame), index=frame.index, dtype=float)
    values = pd.to_numeric(frame[name], errors="coerce").astype(float)
    return values.where(values.abs() != float("inf"))


def default_axes(columns: list[Column]) -> tuple[str, str]:
    """(x, y) of the first view: a cost across, a quality up; any two columns where the run has no such pair."""
    ranked = sorted(columns, key=lambda column: not column.objective)
    costs = [column.name for column in ranked if column.direction == "min"]
    goods = [column.name for column in ranked if column.direction == "max"]
    x = costs[0] if costs else ranked[0].name
    rest = [name for name in (*goods, *costs) if name != x]
    return x, rest[0] if rest else x


def _column(axis: Axis, values: pd.Series, data: ReportData) -> Column:
    known = values.dropna() / axis.scale
    digits = digits_for(known)
    objective = axis.name in {one.name for one in data.objectives}
    # Neighbours on a front differ by little: one more decimal where rounding would make their objective equal.
    if objective and known.round(digits).nunique() < known.round(9).nunique():
        digits += 1
    note = data.score_notes.get(axis.name) or MEANING.get(axis.name, "")
    score = axis.name in data.score_columns
    return Column(axis.name, axis.label, axis.unit, axis.scale, digits, axis.direction, objective, score, note)
