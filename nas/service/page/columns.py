"""How the columns of a front are written: label, unit, divisor, decimals, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nas.errors import NasError
from nas.objectives import Objective, get_objective
from nas.report.formatting import MISSING, digits_for, fixed, is_number


@dataclass(frozen=True)
class Column:
    """One numeric column; a value divided by ``scale`` is in ``unit``. ``better`` is "" where neither way is."""

    name: str
    label: str
    unit: str
    scale: float
    digits: int
    better: str
    objective: bool

    @property
    def heading(self) -> str:
        """As in the head of a table."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def text(self, value: Any) -> str:
        """``value``, given in base units, as it is shown."""
        return fixed(value / self.scale, self.digits) if is_number(value) else MISSING

    def full(self, value: Any) -> str:
        """The same with its unit."""
        shown = self.text(value)
        return f"{shown} {self.unit}" if self.unit and shown != MISSING else shown

    def to_dict(self) -> dict[str, Any]:
        """As the scripts read it."""
        return asdict(self) | {"heading": self.heading}


def columns_of(front: Mapping[str, Any]) -> list[Column]:
    """The numeric columns of a stored front, its objectives first; columns without any number are left out."""
    chosen = {o["name"]: o for o in front.get("objectives", ())}
    names: Sequence[str] = front.get("columns", ())
    ordered = sorted(names, key=lambda name: name not in chosen)
    values = {name: [row[names.index(name)] for row in front.get("rows", ())] for name in ordered}
    return [column(n, values[n], chosen.get(n)) for n in ordered if any(is_number(v) for v in values[n])]


def column(name: str, values: Sequence[Any] = (), objective: Mapping[str, Any] | None = None) -> Column:
    """The column ``name``; ``objective`` (of the front) says what is not known of it here."""
    given = objective or {}
    known = _known(name)
    label = known.label if known else str(given.get("label") or name)
    unit = known.unit if known else str(given.get("unit") or "")
    scale = known.scale if known else float(given.get("scale") or 1.0)
    better = str(given.get("direction") or (known.direction if known else ""))
    numbers = [v / scale for v in values if is_number(v)]
    return Column(name, label, unit, scale, _digits(numbers), better, objective is not None)


def _known(name: str) -> Objective | None:
    try:
        return get_objective(name)
    except NasError:
        return None


def _digits(values: Sequence[float]) -> int:
    """Four significant digits, and one more where neighbours on the front would look alike."""
    if all(float(v).is_integer() for v in values) and max(map(abs, values), default=0) < 1e4:
        return 0
    digits = digits_for(values)
    alike = len({round(v, digits) for v in values}) < len({round(v, 9) for v in values})
    return digits + 1 if alike else digits
