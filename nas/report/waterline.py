"""The efficiency gap of one architecture on one device, as a picture.

Operators stand from left to right in execution order. Each is as wide as its time; the filled part is as high as its
efficiency, so the filled area is the time that arithmetic alone would take at peak, and the empty area above is what
the device wastes. The dashed waterline is the efficiency of the whole.
"""

from __future__ import annotations

from itertools import groupby

from markupsafe import Markup, escape

from nas.report.data import DeviceView
from nas.report.drawing import family
from nas.report.formatting import percent

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1080.0, 190.0, 44.0, 8.0, 14.0, 34.0
NARROWEST_LABEL = 34.0


def waterline_svg(view: DeviceView) -> Markup:
    """The picture of ``view`` as inline SVG; empty without operators."""
    if not view.bars or view.total <= 0:
        return Markup("")
    plot, parts, left = WIDTH - LEFT - RIGHT, [_axis()], LEFT
    for stage, group in groupby(view.bars, key=lambda bar: bar.stage):
        start = left
        for bar in group:
            width = plot * bar.amount / view.total
            parts.append(_bar(bar.title, family(bar.kind), left, width, min(bar.efficiency, 1.0)))
            left += width
        parts.append(_stage(stage, start, left))
    parts.append(_water(min(view.waterline, 1.0)))
    label = escape(f"Efficiency gap, {view.label}: waterline at {percent(view.waterline)}")
    head = f'<svg class="waterline" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{label}">'
    return Markup(head + "".join(parts) + "</svg>")  # every text in it went through escape()


def _y(efficiency: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - efficiency)


def _axis() -> str:
    marks = "".join(
        f'<line class="w-grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(v):.1f}" y2="{_y(v):.1f}"/>'
        f'<text class="w-axis" x="{LEFT - 6}" y="{_y(v) + 4:.1f}" text-anchor="end">{v:.0%}</text>'
        for v in (0.0, 0.5, 1.0)
    )
    return marks


def _bar(title: str, colour: str, left: float, width: float, efficiency: float) -> str:
    top = _y(efficiency)
    return (
        f'<g class="d-{colour}"><title>{escape(title)}</title>'
        f'<rect class="w-gap" x="{left:.2f}" y="{TOP}" width="{width:.2f}" height="{HEIGHT - TOP - BOTTOM:.1f}"/>'
        f'<rect class="w-fill" x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{_y(0) - top:.2f}"/></g>'
    )


def _stage(name: str, start: float, end: float) -> str:
    line = f'<line class="w-stage" x1="{start:.2f}" x2="{start:.2f}" y1="{TOP}" y2="{HEIGHT - BOTTOM + 6}"/>'
    if end - start < NARROWEST_LABEL:
        return line
    middle = (start + end) / 2
    return line + f'<text class="w-axis" x="{middle:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{escape(name)}</text>'


def _water(efficiency: float) -> str:
    y = _y(efficiency)
    text = (
        f'<text class="w-water-text" x="{WIDTH - RIGHT - 4}" y="{y - 5:.1f}" text-anchor="end">'
        f"waterline {efficiency:.0%}</text>"
    )
    return f'<line class="w-water" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>' + text
