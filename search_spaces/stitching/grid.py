"""The routes of a set of anchors as a grid of genes, and whether these anchors can be stitched at all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Literal

from search_spaces.errors import SpaceError
from search_spaces.stitching.anchors import Anchor
from search_spaces.stitching.routes import Route, v1, v2

Rule = Literal["v1", "v2"]
RULES: tuple[Rule, ...] = ("v1", "v2")
GENE = 256
"""Values that a gene of one byte can take."""


def check_anchors(anchors: Sequence[Anchor], rule: Rule) -> None:
    """SpaceError that says which two anchors cannot be stitched, and why."""
    if len(anchors) < 2:
        raise SpaceError("stitching needs at least two anchors, from the smallest to the largest")
    for small, large in pairwise(anchors):
        reason = _mismatch(small, large, rule)
        if reason:
            raise SpaceError(f"anchors {small.name} and {large.name} cannot be stitched: {reason}")


def _mismatch(small: Anchor, large: Anchor, rule: Rule) -> str:
    """Why two neighbours do not fit, empty where they do."""
    if rule == "v2" and {small.family.name, large.family.name} != {"vit"}:
        return "the two-way rule v2 is defined for plain ViTs only; use v1"
    if len(small.depths) != len(large.depths):
        return f"they have {len(small.depths)} and {len(large.depths)} stages"
    if max(small.heads, large.heads) > 1 and small.heads != large.heads:
        return f"they have {small.heads} and {large.heads} classifier heads"
    if small.prefix_tokens != large.prefix_tokens:
        return f"they have {small.prefix_tokens} and {large.prefix_tokens} class and register tokens"
    grids = [[positions for _, positions in a.shapes] for a in (small, large)]
    if grids[0] != grids[1]:
        stage = next(s for s, (a, b) in enumerate(zip(*grids, strict=True)) if a != b)
        return (
            f"their feature maps differ (another patch size, stride or image size): {grids[0][stage]} and "
            f"{grids[1][stage]} positions in stage {stage}"
        )
    layouts = {small.family.layout, large.family.layout}
    if len(layouts) > 1 and layouts != {"map", "grid"}:
        return f"a {small.family.name} and a {large.family.name} have features of different kinds"
    if small.macs > large.macs:
        return "anchors go from the smaller to the larger, and the first takes more MACs"
    if rule == "v2" and small.depths[0] > large.depths[0]:
        return f"v2 goes from the shallower to the deeper, got {small.depths[0]} and {large.depths[0]} blocks"
    return ""


def check_routes(routes: Sequence[Route], anchors: Sequence[Anchor], rule: Rule) -> None:
    """SpaceError where two neighbours have no stitch between them: their depths allow none."""
    joined = {frozenset(r.path) for r in routes if r.used and r.stitches}
    for a, (small, large) in enumerate(pairwise(anchors)):
        if frozenset((a, a + 1)) not in joined:
            raise SpaceError(
                f"anchors {small.name} and {large.name} cannot be stitched: with {_blocks(small)} and {_blocks(large)} "
                f"blocks rule {rule} has no stitch between them"
            )


def _blocks(anchor: Anchor) -> str:
    return "-".join(map(str, anchor.depths))


def stitched_stages(anchors: Sequence[Anchor]) -> tuple[int, ...]:
    """Stages that every anchor's family stitches."""
    stages = [set(a.family.stitched(len(a.depths))) for a in anchors]
    return tuple(sorted(set.intersection(*stages)))


def enumerate_routes(anchors: Sequence[Anchor], rule: Rule, kernel: int, stride: int, released: bool) -> list[Route]:
    """Every route, in the papers' order."""
    if rule == "v2":
        return v2([a.depths[0] for a in anchors])
    crossing = all(a.family.crossing for a in anchors)
    return v1(
        [a.depths for a in anchors], stitched_stages(anchors), crossing=crossing, kernel=kernel, stride=stride,
        shifted=released,
    )  # fmt: skip


def groups(routes: Sequence[Route]) -> list[list[int]]:
    """Indices of used routes, grouped by kind, path and stage, in order: at most :data:`GENE` in a group."""
    used = [n for n, r in enumerate(routes) if r.used]
    found = [list(g) for _, g in groupby(used, key=lambda n: _group(routes[n]))]
    return [g[i : i + GENE] for g in found for i in range(0, len(g), GENE)]


def _group(route: Route) -> tuple[str, tuple[int, ...], int]:
    return route.kind, route.path if route.stitches else (), route.stitches[0].stage if route.stitches else 0
