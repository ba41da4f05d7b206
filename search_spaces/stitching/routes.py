"""Routes through a stitched net: which exist, in the papers' order.

SN-Net v1 (Pan et al., CVPR 2023) starts in a smaller anchor and ends in the next larger one. SN-Net v2 (Pan et al.,
ECCV 2024) goes both ways, with one or two stitches. A *stitch* ``(stage, i, j)`` runs blocks up to and including ``i``
of the front anchor's stage, a stitching layer, then the end anchor from block ``j`` of the same stage on.

Pure arithmetic on depths: nothing here knows a module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Literal

Kind = Literal["anchor", "SL", "LS", "LSL", "SLS"]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Stitch:
    """One stitching point; ``layer`` numbers the layers of (front, end, stage), which several points may share."""

    stage: int
    i: int
    j: int
    layer: int


@dataclass(frozen=True)
class Route:
    """One sub-network: ``path`` are anchors in order, with ``stitches[k]`` between ``path[k]`` and ``path[k + 1]``.

    ``used`` is False for a route that the paper enumerates but neither trains nor evaluates.
    """

    kind: Kind
    path: tuple[int, ...]
    stitches: tuple[Stitch, ...] = ()
    used: bool = True


def windows(depth: int, kernel: int, stride: int) -> list[tuple[Pair, int]]:
    """Pairs (front block, end block) of two equally deep anchors and the layer of each.

    A window of ``kernel`` blocks slides by ``stride`` (cut off at the end); within it every pair not seen before is
    taken, and all new pairs of one window share a layer.
    """
    seen: dict[Pair, int] = {}
    layer = 0
    for start in range(0, depth, stride):
        window = range(start, min(start + kernel, depth))
        fresh = [p for p in product(window, window) if p not in seen]
        seen.update(dict.fromkeys(fresh, layer))
        layer += bool(fresh)
    return list(seen.items())


def forward_windows(depth: int, kernel: int, stride: int) -> list[tuple[Pair, int]]:
    """Of the windows' pairs those whose front block comes before their end block, as in hierarchical nets."""
    kept = [(pair, layer) for pair, layer in windows(depth, kernel, stride) if pair[0] < pair[1]]
    number = {layer: n for n, layer in enumerate(dict.fromkeys(layer for _, layer in kept))}
    return [(pair, number[layer]) for pair, layer in kept]


def unpaired(front: int, end: int, *, shifted: bool) -> list[tuple[Pair, int]]:
    """Pairs of anchors of different depths: front block ``a = floor(i front / end)`` joins end block ``i > a``.

    Every front block has a layer. ``shifted`` numbers them as the released code does: it pairs the k-th pair with the
    k-th entry of the block map although the dropped pair (0, 0) has moved the list by one.
    """
    nearest = [i * front // end for i in range(end)]
    pairs = [(a, i) for i, a in enumerate(nearest) if a < i]
    return [(pair, nearest[k] if shifted else pair[0]) for k, pair in enumerate(pairs)]


def v1(
    depths: Sequence[Sequence[int]], stages: Sequence[int], *, crossing: bool, kernel: int, stride: int, shifted: bool
) -> list[Route]:
    """Anchors, then the stitches between neighbours in complexity.

    ``depths[anchor][stage]`` are numbers of blocks, ``stages`` those that may be stitched. ``crossing``: in equally
    deep stages all pairs of a window are taken (plain ViTs), else only forward ones. Hierarchical nets are listed stage
    by stage, plain ones pair by pair.
    """
    routes = [Route("anchor", (a,)) for a in range(len(depths))]
    for stage in stages:
        for front, end in pairwise(range(len(depths))):
            here, there = depths[front][stage], depths[end][stage]
            if here != there:
                found = unpaired(here, there, shifted=shifted)
            else:
                found = (windows if crossing else forward_windows)(here, kernel, stride)
            routes += [Route("SL", (front, end), (Stitch(stage, i, j, layer),)) for (i, j), layer in found]
    return routes


def v2(depths: Sequence[int]) -> list[Route]:
    """The two-way space of plain ViTs: anchors, then for each pair of neighbours SL, LS, LSL and SLS routes.

    No neighbour may be shallower than the one before. The whole small anchor before the large head is enumerated but
    not used.
    """
    routes = [Route("anchor", (a,)) for a in range(len(depths))]
    for small, large in pairwise(range(len(depths))):
        up, down = _up(depths[small], depths[large]), _down(depths[small], depths[large])
        last = depths[small] - 1
        routes += [Route("SL", (small, large), (s,), s.i < last) for s in up]
        routes += [Route("LS", (large, small), (s,)) for s in down]
        up = [s for s in up if s.i < last]
        routes += [Route("LSL", (large, small, large), (d, u)) for d in down for u in up if u.i >= d.j]
        routes += [Route("SLS", (small, large, small), (u, d)) for u in up for d in down if d.i >= u.j]
    return routes


def _up(small: int, large: int) -> list[Stitch]:
    ratio = large // small
    return [Stitch(0, i, (i + 1) * ratio, i) for i in range(small)]


def _down(small: int, large: int) -> list[Stitch]:
    if small == large:
        return [Stitch(0, i, i + 1, i) for i in range(large - 1)]
    ratio = large // small
    return [Stitch(0, i, i * small // large + 1, i // ratio) for i in range(1, large - 1, 2)]
