"""The data that the page's script reads, as JSON that is safe inside a <script> element."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from nas.report.columns import Column, default_axes, numbers
from nas.report.comparison import limits
from nas.report.data import ReportData

MOST_CLOUD = 5000
# What a parser reacts to inside a <script> element: its end tag, a comment, a nested start tag.
_UNSAFE = re.compile(r"<(?=[/!?]|script)", re.IGNORECASE)


def embed(value: Any) -> Markup:
    """`value` as JSON that cannot leave a <script> element whatever strings it holds."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # In JSON both spellings are the same character; the longer one is only for the few that need it.
    return Markup(_UNSAFE.sub(r"\\u003c", text))


def payload(data: ReportData, columns: Sequence[Column], cards: Sequence[str | None]) -> dict[str, Any]:
    """All that the script needs; `cards` is the HTML of each row's card, None where it was left out."""
    names = [column.name for column in columns]
    x, y = default_axes(list(columns))
    published, evaluated = data.published, _thinned(pd.DataFrame() if data.evaluated is None else data.evaluated)
    return {
        "columns": [_column(column) for column in columns],
        "axes": [x, y],
        "ids": [str(value) for value in data.front["id"]],
        "front": _values(data.front, names, 12),
        "cloud": _values(_thinned(data.cloud), names, 5),
        "evaluated": {"names": _names(evaluated, "id"), "values": _values(evaluated, names, 7)},
        "published": {"names": _names(published), "values": _values(published, names, 7)},
        "history": _values(data.history, [str(name) for name in data.history.columns], 7),
        "recommended": data.recommended.index if data.recommended else None,
        "limits": {str(fact.get("name")): limits(fact) for fact in data.budget_facts},
        "cards": list(cards),
        "csv": data.front.to_csv(index=False),
    }


def _column(column: Column) -> dict[str, Any]:
    keys = ("name", "label", "unit", "scale", "digits", "direction", "objective", "heading")
    return {key: getattr(column, key) for key in keys}


def _thinned(frame: pd.DataFrame) -> pd.DataFrame:
    return frame if len(frame) <= MOST_CLOUD else frame.iloc[:: -(-len(frame) // MOST_CLOUD)]


def _names(frame: pd.DataFrame, column: str = "name") -> list[str]:
    return [str(name) for name in frame[column]] if column in frame.columns else [""] * len(frame)


def _values(frame: pd.DataFrame, names: Sequence[str], significant: int) -> dict[str, list[float | int | None]]:
    """Columns by name, short enough to write: integers whole, other numbers to some significant digits."""
    return {
        name: [_number(value, significant) for value in numbers(frame, name)] for name in names if name in frame.columns
    }


def _number(value: float, significant: int) -> float | int | None:
    if value != value:  # NaN, which JSON has no word for
        return None
    rounded = float(f"{value:.{significant}g}")
    return int(rounded) if rounded.is_integer() else rounded
