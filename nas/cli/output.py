"""Writing to the terminal: tables and text for people, JSON for machines, numbers with units."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_WIDTH = 120
"""Columns where the output is no terminal and COLUMNS says nothing."""


def console(stderr: bool = False) -> Console:
    """A console that prints what it is given: no markup, no guessed highlights."""
    import os

    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else PLAIN_WIDTH
    return Console(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=False, width=width)


def emit(document: Any) -> None:
    """One JSON document on stdout; NaN becomes null."""
    import json

    sys.stdout.write(json.dumps(plain(document), indent=1, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """JSON-able data from data that may hold NumPy scalars, paths, NaN and infinities."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[str] = (), title: str = "") -> Table:
    """A plain table; columns named in ``left`` (and the first) are flush left, the others right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(title) if title else None, title_justify="left")
    for i, name in enumerate(columns):
        made.add_column(Text(name), justify="left" if i == 0 or name in left else "right", overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def quantity(name: str, value: Any, unit: bool = True) -> str:
    """A value as people read it: ``macs`` in M, ``memory`` in MB; scores to four digits; a dash for nothing."""
    from nas.objectives import INHERITED, INHERITED_OBJECTIVE, table_objective

    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    objective = INHERITED_OBJECTIVE if name == INHERITED else table_objective(name)
    if objective is None:
        return f"{value:.5g}"
    shown = value / objective.scale
    text = f"{shown:,.1f}" if abs(shown) >= 100 else f"{shown:,.2f}" if abs(shown) >= 1 else f"{shown:.3f}"
    return f"{text} {objective.unit}".rstrip() if unit else text


def heading(name: str) -> str:
    """A column's title with its unit: ``MACs (M)``."""
    from nas.objectives import INHERITED, INHERITED_OBJECTIVE, table_objective

    short = {"macs": "MACs", "params": "Params", "activations": "Activations", "memory": "Peak memory"}
    short[INHERITED] = "Inherited accuracy"
    objective = INHERITED_OBJECTIVE if name == INHERITED else table_objective(name)
    unit = objective.unit if objective else ""
    return f"{short.get(name, name)} ({unit})" if unit else short.get(name, name)


def big(count: int | float) -> str:
    """A number of architectures: 96,000 or 2.17e+16."""
    return f"{int(count):,}" if count < 1e7 else f"{float(count):.3g}"


def duration(seconds: float | None) -> str:
    """``7 s``, ``2 min 05 s``, ``1 h 04 min``; empty where it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
