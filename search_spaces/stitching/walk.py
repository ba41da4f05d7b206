"""A route as the list of parts that it executes. Tables and modules walk the same list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search_spaces.stitching.anchors import EMBED, TAIL, Anchor, Part
from search_spaces.stitching.routes import Route

SEGMENTS = ("embed", "segment 1", "stitch 1", "segment 2", "stitch 2", "segment 3", "head")
"""Stages of every route's table; a segment is a run of blocks of one anchor."""
LayerKey = tuple[int, int, int, int]
"""A stitching layer: (front anchor, end anchor, stage, number)."""


@dataclass(frozen=True)
class Step:
    """One part of anchor ``anchor``, or (where ``layer`` is given) a stitching layer into it."""

    segment: int
    anchor: int
    part: Part | None
    layer: LayerKey | None = None


def layer_key(route: Route, k: int) -> LayerKey:
    """The stitching layer of a route's ``k``-th stitch."""
    stitch = route.stitches[k]
    return route.path[k], route.path[k + 1], stitch.stage, stitch.layer


def walk(route: Route, anchors: Sequence[Anchor]) -> Iterator[Step]:
    """The steps of a route, in order."""
    k, current, start = 0, route.path[0], 0
    yield Step(0, current, EMBED)
    for stage in range(len(anchors[current].depths)):
        if ("entry", stage, 0) in anchors[current].parts:
            yield Step(2 * k + 1, current, ("entry", stage, 0))
        start = 0
        while k < len(route.stitches) and route.stitches[k].stage == stage:
            stitch = route.stitches[k]
            yield from _blocks(2 * k + 1, current, stage, range(start, stitch.i + 1))
            current = route.path[k + 1]
            yield Step(2 * k + 2, current, None, layer_key(route, k))
            k, start = k + 1, stitch.j
        yield from _blocks(2 * k + 1, current, stage, range(start, anchors[current].depths[stage]))
    yield Step(len(SEGMENTS) - 1, current, TAIL)


def _blocks(segment: int, anchor: int, stage: int, blocks: range) -> Iterator[Step]:
    for block in blocks:
        yield Step(segment, anchor, ("block", stage, block))
