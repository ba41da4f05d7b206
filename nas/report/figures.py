"""front.png: the front in its two default axes, for slides, chats and summary.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.report.columns import Column, default_axes, numbers
from nas.report.comparison import limits
from nas.report.data import ReportData

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart with every kind of colour vision; the page uses the same.
BLUE, VERMILLION, INK, GREY = "#0072b2", "#d55e00", "#1f2937", "#9aa4b2"
STYLE: Any = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY}


def front_png(data: ReportData, columns: Sequence[Column], path: Path) -> Path:
    """Draw the front over the explored sample, with the published networks and the recommended row named."""
    # Imported here: matplotlib costs half a second. Figure without pyplot needs no display and no global state.
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    by_name = {column.name: column for column in columns}
    x, y = (by_name[name] for name in default_axes(list(columns)))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 6), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _draw(axes, data, x, y)
        axes.set_title(_plain(data.title), loc="left", fontsize=14, fontweight="bold", color=INK, pad=14)
        # Software and date out of the file: the same run writes the same bytes.
        figure.savefig(path, metadata={"Software": None})
    return path


def _plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics, on one line that fits."""
    line = " ".join(text.split()).replace("$", r"\$")
    return line if len(line) <= 90 else line[:89] + "…"


def _draw(axes: Axes, data: ReportData, x: Column, y: Column) -> None:
    _cloud(axes, data.cloud, x, y, "explored", s=7, alpha=0.35)
    if data.evaluated is not None:
        _cloud(axes, data.evaluated, x, y, "evaluated", s=24, alpha=0.5)
    fx, fy = numbers(data.front, x.name) / x.scale, numbers(data.front, y.name) / y.scale
    order = np.argsort(fx.to_numpy())
    axes.plot(fx.iloc[order], fy.iloc[order], color=BLUE, linewidth=1, alpha=0.45)
    axes.scatter(fx, fy, color=BLUE, s=30, zorder=3, edgecolors="white", linewidths=0.6, label=f"front ({len(fx):,})")
    _published(axes, data, x, y)
    if data.recommended is not None:
        at = fx.iloc[data.recommended.index], fy.iloc[data.recommended.index]
        axes.scatter(*at, color=VERMILLION, marker="*", s=230, zorder=5, edgecolors="white", label="recommended")
    _budget(axes, data, x)
    axes.set_xlabel(f"{_plain(x.heading)}, {'lower' if x.direction == 'min' else 'higher'} is better", color=INK)
    axes.set_ylabel(f"{_plain(y.heading)}, {'lower' if y.direction == 'min' else 'higher'} is better", color=INK)
    axes.grid(color=GREY, alpha=0.2)
    _legend(axes, y, crowded=data.evaluated is not None)


def _legend(axes: Axes, y: Column, *, crowded: bool) -> None:
    """In the corner that a front leaves empty, or where the points leave most room if they may be ``crowded`` there."""
    if crowded:
        axes.legend(frameon=True, framealpha=0.85, edgecolor="none", loc="best")
    else:
        axes.legend(frameon=False, loc="lower right" if y.direction == "max" else "upper right")


def _cloud(axes: Axes, frame: pd.DataFrame, x: Column, y: Column, name: str, **style: Any) -> None:
    count = int((numbers(frame, x.name).notna() & numbers(frame, y.name).notna()).sum())
    _points(axes, frame, x, y, color=GREY, linewidths=0, label=f"{name} ({count:,})", **style)


def _points(axes: Axes, frame: pd.DataFrame, x: Column, y: Column, **style: Any) -> None:
    """Those with both values; where there are none, nothing stands in the legend either."""
    left, bottom = numbers(frame, x.name) / x.scale, numbers(frame, y.name) / y.scale
    if (left.notna() & bottom.notna()).any():
        axes.scatter(left, bottom, **style)


def _published(axes: Axes, data: ReportData, x: Column, y: Column) -> None:
    style: dict[str, Any] = {
        "facecolors": "white",
        "edgecolors": INK,
        "marker": "D",
        "s": 42,
        "zorder": 4,
        "label": "published",
    }
    _points(axes, data.published, x, y, **style)
    if "name" not in data.published.columns:
        return
    px, py = numbers(data.published, x.name) / x.scale, numbers(data.published, y.name) / y.scale
    for name, left, bottom in zip(data.published["name"], px, py, strict=True):
        if np.isfinite(left) and np.isfinite(bottom):
            text = _plain(str(name)[:24])
            axes.annotate(text, (left, bottom), xytext=(7, -12), textcoords="offset points", fontsize=9, color=INK)


def _budget(axes: Axes, data: ReportData, x: Column) -> None:
    for fact in data.budget_facts:
        for limit in limits(fact) if fact.get("name") == x.name else ():
            if limit is not None:
                axes.axvline(limit / x.scale, color=INK, linewidth=1, linestyle=(0, (4, 3)), alpha=0.6)
