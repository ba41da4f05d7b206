"""Small facts that the page states above its charts, and the geometry of the cascade's funnel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nas.report.columns import Column, default_axes, numbers
from nas.report.data import FunnelLevel, ReportData
from nas.report.formatting import count, duration, fixed, is_number


@dataclass(frozen=True)
class FunnelBar:
    """A level of the cascade; `seen_to` and `kept_to` are bar lengths from 0 to 100 on a logarithmic scale."""

    level: FunnelLevel
    seen_to: float
    kept_to: float
    each: str


def funnel_bars(levels: Sequence[FunnelLevel]) -> list[FunnelBar]:
    """Logarithmic, since a cascade goes from hundreds of thousands to a handful."""
    most = max((level.seen for level in levels), default=0)
    return [
        FunnelBar(level, _log_share(level.seen, most), _log_share(level.kept, most), _each(level)) for level in levels
    ]


def _log_share(value: int, most: int) -> float:
    return round(100 * math.log1p(max(0, value)) / math.log1p(most), 2) if most > 0 else 0.0


def _each(level: FunnelLevel) -> str:
    """What one candidate cost at this level."""
    if not level.seen or not is_number(level.seconds) or level.seconds <= 0:
        return ""
    each = level.seconds / level.seen
    if each < 1e-3:
        return f"{each * 1e6:.1f} µs each"
    return f"{each * 1e3:.1f} ms each" if each < 1 else f"{each:.2f} s each"


def tiles(data: ReportData) -> list[tuple[str, str]]:
    """The run in a handful of figures; what its history does not say is left out."""
    known = {name: numbers(data.history, name).dropna() for name in data.history}
    last = {name: values.iloc[-1] for name, values in known.items() if len(values)}
    found = [
        ("Architectures priced", count(last.get("priced")), "priced" in last),
        (_judged(data), count(last.get("scored")), last.get("scored", 0) > 0),
        ("On the front", count(len(data.front)), True),
        ("Hypervolume", fixed(last.get("hypervolume"), 4), "hypervolume" in last),
        ("Search time", duration(last.get("elapsed_s")), "elapsed_s" in last),
    ]
    return [(label, value) for label, value, known in found if known]


def _judged(data: ReportData) -> str:
    trained = any(axis.name == "inherited_accuracy" for axis in data.objectives)
    return "Evaluated with trained weights" if trained else "Scored without training"


def intro(data: ReportData, columns: Sequence[Column]) -> str:
    """What the front spans, in one sentence."""
    by_name = {column.name: column for column in columns}
    spans = []
    for name in dict.fromkeys(default_axes(list(columns))):
        column, values = by_name[name], numbers(data.front, name).dropna()
        low, high = column.text(values.min()), column.text(values.max(), with_unit=True).replace(" ", "\u00a0")
        label = column.label[:1].lower() + column.label[1:] if column.label[1:2].islower() else column.label
        spans.append(f"{label} {high}" if values.min() == values.max() else f"{label} from {low} to {high}")
    one = len(data.front) == 1
    subject = "One architecture is" if one else f"{count(len(data.front))} architectures are"
    return f"{subject} on the front: {', '.join(spans)}."
