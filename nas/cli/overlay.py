"""Fronts of several runs drawn over each other in characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.cli.output import heading, quantity

if TYPE_CHECKING:
    from nas.runs.compare import Comparison

WIDTH, HEIGHT = 64, 16
SHARED = "*"


def overlay(found: Comparison) -> list[str]:
    """Lines: a cost across and a gain up where there are both; a run's letter per row, ``*`` where runs meet."""
    from nas.cli.compare import LETTERS

    ordered = sorted(found.objectives, key=lambda o: o.direction == "max")
    x, y = ordered[0].name, ordered[-1].name
    (left, right), (low, high) = _range(found, x), _range(found, y)
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for i, front in enumerate(found.fronts):
        for a, b in zip(front[x], front[y], strict=True):
            row, column = HEIGHT - 1 - _place(b, low, high, HEIGHT), _place(a, left, right, WIDTH)
            mark = LETTERS[i % len(LETTERS)]
            grid[row][column] = mark if grid[row][column] in (" ", mark) else SHARED
    middle = ["  |" + "".join(row).rstrip() for row in grid]
    return [
        f"{heading(y)}, {quantity(y, low)} to {quantity(y, high)}  ({SHARED}: several runs)", *middle,
        "  +" + "-" * WIDTH, f"   {heading(x)}, {quantity(x, left)} to {quantity(x, right)}",
    ]  # fmt: skip


def _range(found: Comparison, name: str) -> tuple[float, float]:
    return min(float(f[name].min()) for f in found.fronts), max(float(f[name].max()) for f in found.fronts)


def _place(value: float, low: float, high: float, cells: int) -> int:
    return round((value - low) / (high - low) * (cells - 1)) if high > low else 0
