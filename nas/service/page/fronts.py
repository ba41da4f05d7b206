"""A stored front as the page shows it: a table, and the points of its plot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nas.report.formatting import is_number
from nas.service.page.columns import Column, columns_of


@dataclass(frozen=True)
class Front:
    """``data`` is the document that the store keeps; ``version`` names this state of it."""

    data: Mapping[str, Any]
    version: int = 0

    @classmethod
    def read(cls, version: int, text: str) -> Front:
        """From what the store answers."""
        return cls(json.loads(text), version)

    @cached_property
    def columns(self) -> list[Column]:
        """The numeric columns, objectives first."""
        return columns_of(self.data)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Rows by column name."""
        return [dict(zip(self.data["columns"], row, strict=False)) for row in self.data.get("rows", ())]

    @property
    def recommended(self) -> int | None:
        """Row of the recommended architecture, None while there is none."""
        index = self.data.get("recommended")
        return index if isinstance(index, int) and 0 <= index < len(self.rows) else None

    @property
    def final(self) -> bool:
        """Whether the search behind it has ended."""
        return bool(self.data.get("final"))

    @property
    def axes(self) -> tuple[str, str]:
        """(across, up) of the first view: a cost across and a gain up where there are both."""
        return default_axes(self.columns)

    def identity(self, index: int) -> str:
        """The id of a row, or its number where the front has no ids."""
        return str(self.rows[index].get("id", index))


def default_axes(columns: Sequence[Column]) -> tuple[str, str]:
    """(across, up): objectives before other columns, a cost across, a gain up."""
    ranked = [c for c in columns if c.objective] + [c for c in columns if not c.objective]
    names = [c.name for c in ranked]
    costs = [c.name for c in ranked if c.better == "min"]
    gains = [c.name for c in ranked if c.better == "max"]
    across = (costs or names or [""])[0]
    up = next((name for name in [*gains, *costs, *names] if name != across), across)
    return across, up


def points(front: Front) -> dict[str, Any]:
    """What the plot's script reads."""
    return {
        "columns": [c.to_dict() for c in front.columns],
        "axes": front.axes,
        "ids": [front.identity(i) for i in range(len(front.rows))],
        "values": {c.name: [_number(row.get(c.name)) for row in front.rows] for c in front.columns},
        "recommended": front.recommended,
        "final": front.final,
        "version": front.version,
    }


def _number(value: Any) -> float | int | None:
    return value if is_number(value) else None


def spans(front: Front) -> str:
    """The front in one sentence."""
    count = len(front.rows)
    if not count:
        return "Nothing on the front yet."
    subject = "One architecture" if count == 1 else f"{count:,} architectures"
    shown = [c for c in front.columns if c.name in front.axes]
    return f"{subject} on the front: {', '.join(_span(c, front.rows) for c in shown)}."


def _span(column: Column, rows: Sequence[Mapping[str, Any]]) -> str:
    values = [row[column.name] for row in rows if is_number(row.get(column.name))]
    low, high = min(values), max(values)
    label = column.label if column.label[1:2].isupper() else column.label[:1].lower() + column.label[1:]
    return f"{label} {column.full(high)}" if low == high else f"{label} from {column.text(low)} to {column.full(high)}"
