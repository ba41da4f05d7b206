"""Every route of a stitching space as plain data, in the papers' order, before any training."""

from __future__ import annotations

from typing import Any

from search_spaces.stitching.routes import Route
from search_spaces.stitching.space import Stitching


def listing(space: Stitching) -> list[dict[str, Any]]:
    """One row per route.

    ``id`` is its number in the paper's list, ``type`` anchor, SL, LS, LSL or SLS (S the smaller, L the larger of two
    neighbours), ``path`` the anchors by number, ``stitches`` pairs [i, j] (None for an anchor) in ``stage`` (None where
    anchors have one stage), ``layers`` their stitching layers; ``used`` is False where the paper leaves a route out.
    ``paper_count`` and ``paper_params`` are the papers' own counts; the latter is None where no rule is known.
    """
    return [_row(space, number, route) for number, route in enumerate(space.routes)]


def _row(space: Stitching, number: int, route: Route) -> dict[str, Any]:
    architecture = space.of_route(route)
    price = space.price_architecture(architecture)
    hierarchical = len(space.anchors[0].depths) > 1
    return {
        "id": number, "type": route.kind, "path": list(route.path),
        "anchors": [space.anchors[a].name for a in route.path],
        "stage": route.stitches[0].stage if hierarchical and route.stitches else None,
        "stitches": [[s.i, s.j] for s in route.stitches] or None, "layers": [s.layer for s in route.stitches] or None,
        "macs": price["macs"], "params": price["params"], "paper_count": space.paper_count(architecture),
        "paper_params": space.paper_params(architecture), "used": route.used, "architecture": architecture.id,
    }  # fmt: skip
