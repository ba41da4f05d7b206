"""What a route may be, as JSON, and the options of the space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from search_spaces.checking import Checker
from search_spaces.errors import SpaceError
from search_spaces.stitching.anchors import Anchor
from search_spaces.stitching.routes import Kind, Route, Stitch

KINDS: Mapping[tuple[int, ...], Kind] = {(): "anchor", (1,): "SL", (-1,): "LS", (-1, 1): "LSL", (1, -1): "SLS"}
MAX_ANCHORS = 16
CHECK = Checker("stitching")


def names(text: Any) -> tuple[str, ...]:
    """Anchor names of a comma-separated list (or a list). Raises SpaceError."""
    parts = text.split(",") if isinstance(text, str) else text
    if not isinstance(parts, (list, tuple)) or not all(isinstance(p, str) and p.strip() for p in parts):
        raise SpaceError(f"anchors must be names separated by commas, got {str(text)[:80]!r}")
    if len(parts) > MAX_ANCHORS:
        raise SpaceError(f"at most {MAX_ANCHORS} anchors can be stitched, got {len(parts)}")
    return tuple(p.strip() for p in parts)


def check(config: Mapping[str, Any], anchors: Sequence[Anchor]) -> dict[str, Any]:
    """The canonical structure. Raises SpaceError for anything that is no route through ``anchors``."""
    if not isinstance(config, Mapping) or set(config) - {"path", "stitches"}:
        raise SpaceError("a route has a path (anchors in order) and stitches ([stage, i, j] between them)")
    path, stitches = config.get("path"), config.get("stitches") or []
    if not isinstance(path, list) or not isinstance(stitches, list) or len(path) != len(stitches) + 1:
        raise SpaceError("a route's path must be a list with one anchor more than there are stitches")
    if len(path) > 3:
        raise SpaceError(f"a route has at most 2 stitches, got {len(stitches)}")
    path = [CHECK.whole("anchor", a, 0, len(anchors) - 1) for a in path]
    if any(abs(b - a) != 1 for a, b in pairwise(path)) or (len(path) == 3 and path[0] != path[2]):
        raise SpaceError(f"a route joins neighbours in complexity, and goes there and back; got the path {path}")
    return {"path": path, "stitches": _stitches(stitches, path, anchors)}


def _stitches(stitches: Sequence[Any], path: Sequence[int], anchors: Sequence[Anchor]) -> list[list[int]]:
    checked: list[list[int]] = []
    stage, start = 0, 0
    for k, stitch in enumerate(stitches):
        if not isinstance(stitch, list) or len(stitch) != 3:
            raise SpaceError(f"a stitch is [stage, i, j], got {str(stitch)[:60]}")
        front, end = anchors[path[k]], anchors[path[k + 1]]
        s = CHECK.whole("stage of a stitch", stitch[0], stage, len(front.depths) - 1)
        i = CHECK.whole("front block i of a stitch", stitch[1], start if s == stage else 0, front.depths[s] - 1)
        j = CHECK.whole("end block j of a stitch", stitch[2], 0, end.depths[s])
        checked.append([s, i, j])
        stage, start = s, j
    return checked


def config_of(route: Route) -> dict[str, Any]:
    """The structure of a route."""
    return {"path": list(route.path), "stitches": [[s.stage, s.i, s.j] for s in route.stitches]}


def route_of(config: Mapping[str, Any], routes: Sequence[Route]) -> Route:
    """The route of a checked structure: the space's own where it is one, else one with layers of its own."""
    for route in routes:
        if config_of(route) == config:
            return route
    path = tuple(config["path"])
    stitches = tuple(Stitch(s, i, j, -(1 + 1000 * i + j)) for s, i, j in config["stitches"])
    steps = tuple(b - a for a, b in pairwise(path))
    return Route(KINDS[steps], path, stitches, used=False)
