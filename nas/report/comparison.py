"""How the front stands beside the published networks of its space, and what the budget means there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.report.columns import Column, default_axes, numbers
from nas.report.data import ReportData
from nas.report.formatting import is_number, short


@dataclass(frozen=True)
class Beside:
    """The best row of the front that costs no more than a published network, and by how much it is better."""

    index: int
    gain: float


def beside_published(data: ReportData, columns: Sequence[Column]) -> list[Beside | None]:
    """For each published network the best row of the front at no more cost; None where no row is that cheap."""
    by_name = {column.name: column for column in columns}
    cost, good = default_axes(list(columns))
    if by_name[cost].direction != "min" or by_name[good].direction != "max":
        return [None] * len(data.published)
    ours = list(zip(numbers(data.front, cost), numbers(data.front, good), strict=True))
    theirs = zip(numbers(data.published, cost), numbers(data.published, good), strict=True)
    return [_best_at(ours, spent, value) for spent, value in theirs]


def _best_at(ours: list[tuple[float, float]], spent: float, value: float) -> Beside | None:
    affordable = [(got, index) for index, (paid, got) in enumerate(ours) if paid <= spent and not math.isnan(got)]
    if not affordable or not is_number(value) or value == 0:
        return None
    got, index = max(affordable)
    return Beside(index, (got - value) / abs(value))


@dataclass(frozen=True)
class BudgetBar:
    """A budgeted quantity in its space, on a logarithmic scale from 0 (smallest) to 100 (largest)."""

    name: str
    smallest: str
    typical: str
    largest: str
    allowed: str
    satisfiable: bool
    drawn: bool
    typical_at: float
    allowed_from: float
    allowed_to: float


def budget_bars(data: ReportData, columns: Sequence[Column]) -> list[BudgetBar]:
    """One bar per budgeted quantity."""
    by_name = {column.name: column for column in columns}
    return [_budget_bar(fact, by_name.get(str(fact.get("name")))) for fact in data.budget_facts]


def limits(fact: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The numeric (low, high) of a budget fact; (None, None) where `allowed` is only a text."""
    allowed = fact.get("allowed")
    if is_number(allowed):
        return None, allowed
    if isinstance(allowed, (tuple, list)) and len(allowed) == 2:
        low, high = (end if is_number(end) else None for end in allowed)
        return low, high
    return None, None


def _budget_bar(fact: Mapping[str, Any], column: Column | None) -> BudgetBar:
    low, high = limits(fact)
    ends: tuple[Any, Any] = fact.get("smallest"), fact.get("largest")
    drawn = all(is_number(end) and end > 0 for end in ends) and ends[0] < ends[1]
    unit = "B" if fact.get("name") == "memory" else ""
    return BudgetBar(
        name=column.label if column else str(fact.get("name", "")),
        smallest=short(fact.get("smallest"), unit),
        typical=short(fact.get("typical"), unit),
        largest=short(fact.get("largest"), unit),
        allowed=_allowed_text(fact, low, high, unit),
        satisfiable=bool(fact.get("satisfiable", True)),
        drawn=bool(drawn),
        typical_at=_place(fact.get("typical"), *ends) if drawn else 0.0,
        allowed_from=_place(low, *ends) if drawn and low is not None else 0.0,
        allowed_to=_place(high, *ends) if drawn and high is not None else 100.0,
    )


def _allowed_text(fact: Mapping[str, Any], low: float | None, high: float | None, unit: str) -> str:
    if low is not None and high is not None:
        return f"{short(low, unit)} to {short(high, unit)}"
    if high is not None:
        return f"at most {short(high, unit)}"
    return f"at least {short(low, unit)}" if low is not None else str(fact.get("allowed") or "anything")


def _place(value: Any, smallest: float, largest: float) -> float:
    if not is_number(value) or value <= 0:
        return 0.0
    share = math.log(value / smallest) / math.log(largest / smallest)
    return round(100 * min(1.0, max(0.0, share)), 2)
