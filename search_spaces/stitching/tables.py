"""Operator tables of routes, put together from the parts of the anchors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search_spaces.operators import COLUMNS, IntArray, Kind, OperatorTable, Role
from search_spaces.space import StageSummary
from search_spaces.stitching.anchors import Anchor
from search_spaces.stitching.routes import Route
from search_spaces.stitching.walk import SEGMENTS, LayerKey, Step, walk

LAST_NORM = "norm"
"""Where a ViT's last norm lies; one after its pooling is called ``fc_norm``."""


def route_table(route: Route, anchors: Sequence[Anchor]) -> OperatorTable:
    """The table (size 1) of a route; its stages are :data:`SEGMENTS`. Parameters of a block run twice count once."""
    pieces: list[tuple[Step, OperatorTable]] = []
    for step in walk(route, anchors):
        again = step.part is not None and any((step.anchor, step.part) == (s.anchor, s.part) for s, _ in pieces)
        table = step_table(step, anchors)
        pieces.append((step, _with(table, params=np.zeros_like(table["params"])) if again else table))
    columns = {c: np.concatenate([t[c] for _, t in pieces]) for c in COLUMNS}
    columns["stage"] = np.concatenate([np.full(len(t), step.segment) for step, t in pieces])
    names = tuple(f"{_owner(step)}{n}" for step, t in pieces for n in (t.names or ("",) * len(t)))
    return OperatorTable(columns, 1, SEGMENTS, names)


def step_table(step: Step, anchors: Sequence[Anchor]) -> OperatorTable:
    """The rows of one step."""
    if step.part is not None:
        return anchors[step.anchor].parts[step.part]
    assert step.layer is not None
    return stitch_table(step.layer, anchors)


def stitch_table(layer: LayerKey, anchors: Sequence[Anchor]) -> OperatorTable:
    """One row: an affine map per position, with bias. On maps it is a 1x1 convolution."""
    front, end, stage, _ = layer
    (c_in, positions), (c_out, _) = anchors[front].shapes[stage], anchors[end].shapes[stage]
    row = dict.fromkeys(COLUMNS, 1) | {
        "arch": 0, "stage": 0, "role": int(Role.MAIN), "function": 0, "held": 0, "c_in": c_in, "c_out": c_out,
        "params": c_in * c_out + c_out,
    }  # fmt: skip
    if anchors[front].family.layout == "map":
        side = int(np.sqrt(positions))
        row |= {"kind": int(Kind.CONV), "h_in": side, "w_in": side, "h_out": side, "w_out": side}
    else:
        row |= {"kind": int(Kind.LINEAR), "h_in": positions, "h_out": positions}
    columns: dict[str, IntArray] = {c: np.array([row[c]], dtype=np.int64) for c in COLUMNS}
    return OperatorTable(columns, 1, ("part",), ("stitch",))


def _owner(step: Step) -> str:
    return f"anchors.{step.anchor}." if step.part is not None else ""


def without_norm(table: OperatorTable) -> OperatorTable:
    """The table of a route that does not run the last norm; its parameters are still there."""
    norm = np.array([name.split(".", 2)[-1] == LAST_NORM for name in table.names])
    return _with(table, kind=np.where(norm, int(Kind.PARAMETER), table["kind"]))


def _with(table: OperatorTable, **columns: IntArray) -> OperatorTable:
    return OperatorTable(table.columns | columns, table.size, table.stages, table.names)


def stage_summaries(route: Route, anchors: Sequence[Anchor]) -> list[StageSummary]:
    """The segments of a route as people speak of them."""
    found: dict[int, list[Step]] = {}
    for step in walk(route, anchors):
        found.setdefault(step.segment, []).append(step)
    return [_summary(segment, steps, anchors) for segment, steps in found.items()]


def _summary(segment: int, steps: Sequence[Step], anchors: Sequence[Anchor]) -> StageSummary:
    owner = anchors[steps[0].anchor]
    blocks = [s.part for s in steps if s.part is not None and s.part[0] == "block"]
    layer = steps[0].layer
    stage = blocks[-1][1] if blocks else layer[2] if layer else -1 if segment else 0
    width, positions = owner.shapes[stage]
    run = owner.name + (f", {_range(blocks)}" if blocks else "")
    detail = f"from {anchors[layer[0]].name}" if layer else run
    kind = "convolution" if owner.family.layout == "map" else "transformer"
    kind = "stitch" if layer else "head" if segment == len(SEGMENTS) - 1 else kind
    return StageSummary(SEGMENTS[segment], kind, max(len(blocks), 1), width, int(positions**0.5), detail)


def _range(blocks: Sequence[tuple[str, int, int]]) -> str:
    first, last = blocks[0], blocks[-1]
    if first == last:
        return f"block {first[2]} of stage {first[1]}" if first[1] else f"block {first[2]}"
    if first[1] == last[1] == 0:
        return f"blocks {first[2]} to {last[2]}"
    return f"blocks {first[1]}.{first[2]} to {last[1]}.{last[2]}"
