"""FLOPs and parameters as the SN-Net papers report them, which differ from ours; used only to check their figures.

FLOPs are what fvcore counts: our MACs, 5 per element of a layer norm, 2 per element of a batch norm, 1 per element of
an adaptive average pool (only ResNets have one). In v1 the released stitched ViTs skip the last norm, although their
parameters are reported with it, without class token and position table; stitched Swins are reported without the front
anchor's patch merging.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search_spaces.operators import FUNCTIONS, Kind, OperatorTable
from search_spaces.stitching.anchors import EMBED, TAIL, Anchor
from search_spaces.stitching.routes import Route
from search_spaces.stitching.tables import LAST_NORM, step_table
from search_spaces.stitching.walk import Step, walk

NORM_FLOPS = {Kind.LAYER_NORM: 5, Kind.BATCH_NORM: 2}


def paper_count(route: Route, anchors: Sequence[Anchor], rule: str) -> int:
    """FLOPs of a route by the papers' counting rule."""
    unnormed = rule == "v1" and bool(route.stitches)
    return sum(_flops(step, anchors, unnormed) for step in walk(route, anchors))


def _flops(step: Step, anchors: Sequence[Anchor], unnormed: bool) -> int:
    table, anchor = step_table(step, anchors), anchors[step.anchor]
    if step.part == TAIL and unnormed and anchor.family.name == "vit":
        table = table.select(np.array([name != LAST_NORM for name in table.names]))
    pooled = anchor.family.name == "resnet" and step.part == TAIL
    return int(table.row_macs.sum()) + _beside(table, pooled)


def _beside(table: OperatorTable, pooled: bool) -> int:
    """What fvcore counts beside products."""
    elements = table["c_in"] * table["h_in"] * table["w_in"]
    total = sum(int(elements[table["kind"] == kind].sum()) * flops for kind, flops in NORM_FLOPS.items())
    pools = (table["kind"] == Kind.POOL) & (table["function"] == FUNCTIONS.index("global"))
    return total + (int(elements[pools].sum()) if pooled else 0)


def paper_params(route: Route, anchors: Sequence[Anchor], rule: str) -> int | None:
    """Parameters of a route as v1 reports them for ViTs and Swins; None where no rule is established."""
    family = anchors[route.path[0]].family.name
    if rule != "v1" or any(anchors[a].family.name != family for a in route.path) or family not in ("vit", "swin"):
        return None
    left_out = 0
    if route.stitches:
        left_out = sum(_unreported(step, route, anchors) for step in walk(route, anchors))
    return sum(int(step_table(step, anchors)["params"].sum()) for step in walk(route, anchors)) - left_out


def _unreported(step: Step, route: Route, anchors: Sequence[Anchor]) -> int:
    table = step_table(step, anchors)
    if step.part == EMBED and anchors[step.anchor].family.name == "vit":
        return int(table["params"][table["kind"] == Kind.PARAMETER].sum())
    fronts_merging = step.part is not None and step.part[0] == "entry" and step.segment == 1
    return int(np.sum(table["params"])) if fronts_merging else 0
