"""One architecture as a picture: its stages from left to right, and under each what it costs.

A stage is a row of slabs, one per layer: a slab is as tall as its feature map and as thick as its channels (both by
square root, so that 7 x 7 beside 112 x 112 and 16 beside 320 channels stay legible). The SVG carries class names
only: the style sheet of the page colours it, in light, dark and print.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from nas.report.data import ArchitectureCard, StageRow
from nas.report.formatting import short

GUTTER, WIDTH, TOP, MAP_HEIGHT = 76, 1080, 10, 132
THINNEST, THICKEST, SLAB_GAP, MOST_SLABS, COLUMN_MIN = 3.0, 22.0, 2.5, 12, 70.0
BAR_HEIGHT = 44

# A stage's kind is free text of its space; these words decide its colour, the first that fits.
_FAMILIES = (
    ("head", ("head", "classif", "pool")),
    ("transformer", ("transformer", "attention", "vit", "mhsa", "swin")),
    ("stem", ("stem", "patch", "embed")),
    ("conv", ("conv", "bottleneck", "resnet", "resblock")),
)


def family(kind: str) -> str:
    """The colour family of a stage's kind: conv, transformer, stem, head or other."""
    lowered = kind.lower()
    return next((name for name, words in _FAMILIES if any(word in lowered for word in words)), "other")


@dataclass(frozen=True)
class _Scale:
    """What the largest map, the widest stage and the dearest stage are drawn as."""

    side: float
    channels: float
    macs: float
    params: float

    def height(self, stage: StageRow) -> float:
        return max(6.0, MAP_HEIGHT * math.sqrt(_side(stage) / self.side))

    def thickness(self, stage: StageRow) -> float:
        share = min(1.0, stage.width / self.channels)
        return THINNEST + (THICKEST - THINNEST) * math.sqrt(max(0.0, share))


def architecture_svg(card: ArchitectureCard) -> Markup:
    """The drawing of `card` as inline SVG; empty if it has no stages."""
    if not card.stages:
        return Markup("")
    scale = _scale(card.stages)
    natural = [_natural_width(stage, scale) for stage in card.stages]
    spare = max(0.0, WIDTH - GUTTER - sum(natural)) / len(natural)
    total = GUTTER + sum(natural) + spare * len(natural)
    parts, left = [_row_labels(total)], float(GUTTER)
    for stage, width in zip(card.stages, natural, strict=True):
        parts.append(_stage(stage, left, width + spare, scale))
        left += width + spare
    height = TOP + MAP_HEIGHT + 62 + 2 * (BAR_HEIGHT + 34)
    label = escape(f"{card.name}: {len(card.stages)} stages, feature maps, MACs and parameters of each")
    head = f'<svg class="drawing" viewBox="0 0 {total:.0f} {height}" role="img" aria-label="{label}">'
    return Markup(head + "".join(parts) + "</svg>")  # every text in it went through escape()


def thumb_svg(card: ArchitectureCard) -> Markup:
    """Only the slabs of `card`, closely set: its silhouette, for a small place."""
    if not card.stages:
        return Markup("")
    scale, left, shapes = _scale(card.stages), 0.0, []
    for stage in card.stages:
        width = max(26.0, _slabs(stage) * (scale.thickness(stage) + SLAB_GAP) + 12)
        shapes.append(f'<g class="d-{family(stage.kind)}">{_shape(stage, left + width / 2, scale)}</g>')
        left += width
    head = f'<svg class="thumb" viewBox="0 0 {left:.0f} {TOP + MAP_HEIGHT + 6}" aria-hidden="true">'
    axis = f'<path class="d-axis" d="M0 {TOP + MAP_HEIGHT / 2}H{left:.0f}"/>'
    return Markup(head + axis + "".join(shapes) + "</svg>")  # numbers and escaped text only


def _scale(stages: Sequence[StageRow]) -> _Scale:
    # A classifier is far wider than the body; were it to set the scale, every other slab would look alike.
    body = [stage for stage in stages if family(stage.kind) != "head"] or list(stages)
    return _Scale(
        side=max(1.0, *(_side(stage) for stage in stages)) if len(stages) > 1 else max(1.0, _side(stages[0])),
        channels=max(1.0, max(stage.width for stage in body)),
        macs=max(stage.macs for stage in stages) or 1.0,
        params=max(stage.params for stage in stages) or 1.0,
    )


def _side(stage: StageRow) -> float:
    return math.sqrt(stage.resolution[0] * stage.resolution[1]) if stage.resolution else 1.0


def _slabs(stage: StageRow) -> int:
    return max(1, min(stage.depth, MOST_SLABS))


def _natural_width(stage: StageRow, scale: _Scale) -> float:
    return max(COLUMN_MIN, _slabs(stage) * (scale.thickness(stage) + SLAB_GAP) + 18)


def _text(x: float, y: float, content: str, cls: str) -> str:
    return f'<text class="{cls}" x="{x:.0f}" y="{y:.0f}">{escape(content)}</text>'


def _row_labels(total: float) -> str:
    middle = TOP + MAP_HEIGHT / 2
    first = TOP + MAP_HEIGHT + 62
    axis = f'<path class="d-axis" d="M{GUTTER} {middle}H{total:.0f}"/>'
    rows = (("Feature", middle - 3), ("maps", middle + 12), ("MACs", first + 38), ("Params", first + 116))
    return axis + "".join(_text(0, y, label, "d-row") for label, y in rows)


def _stage(stage: StageRow, left: float, width: float, scale: _Scale) -> str:
    middle, label = left + width / 2, TOP + MAP_HEIGHT + 20
    layers = f"{stage.depth} × {stage.width}" if stage.depth > 1 else f"{stage.width}"
    size = f"{stage.resolution[0]} × {stage.resolution[1]}" if stage.resolution else "vector"
    tip = f"{stage.name}, {stage.kind}: {stage.detail}".rstrip(": ")
    bars = TOP + MAP_HEIGHT + 62
    return (
        f'<g class="d-{family(stage.kind)}"><title>{escape(tip)}</title>'
        f'<rect class="d-hit" x="{left:.0f}" width="{width:.0f}" height="{bars + 156}"/>'
        + _shape(stage, middle, scale)
        + _text(middle, label, stage.name, "d-name")
        + _text(middle, label + 15, layers, "d-sub")
        + _text(middle, label + 29, size, "d-sub")
        + _bar(middle, bars, stage.macs, scale.macs)
        + _bar(middle, bars + 78, stage.params, scale.params)
        + "</g>"
    )


def _shape(stage: StageRow, middle: float, scale: _Scale) -> str:
    number, thick, tall = _slabs(stage), scale.thickness(stage), scale.height(stage)
    start = middle - (number * (thick + SLAB_GAP) - SLAB_GAP) / 2
    top = TOP + (MAP_HEIGHT - tall) / 2
    slab = f"v{tall:.1f}h{thick:.1f}v-{tall:.1f}z"
    path = "".join(f"M{start + i * (thick + SLAB_GAP):.1f} {top:.1f}{slab}" for i in range(number))
    more = _text(middle, top - 2, f"{stage.depth} layers", "d-sub") if stage.depth > MOST_SLABS else ""
    return f'<path class="d-slab" d="{path}"/>{more}'


def _bar(middle: float, top: float, value: float, largest: float) -> str:
    tall = max(1.0, BAR_HEIGHT * value / largest) if value > 0 else 0.5
    base = top + 14 + BAR_HEIGHT
    bar = f'<rect class="d-bar" x="{middle - 17:.0f}" y="{base - tall:.1f}" width="34" height="{tall:.1f}"/>'
    rule = f'<path class="d-base" d="M{middle - 28:.0f} {base:.0f}h56"/>'
    return bar + rule + _text(middle, base - tall - 5, short(value), "d-value")
