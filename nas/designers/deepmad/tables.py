"""The chain as arrays: per stage, every arc (in, out, b, k) with its amounts, affine in the depth L (section 4.1).

An arc of depth L amounts to ``first + (L - 1) * repeat``. Row 0 is the entropy E, the other rows are the budgeted
resources as fractions of their budgets. On an interval axis E is taken at the upper ends and resources at the lower
ends, so that every bound computed from the arrays holds for each width inside (section 4.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import families
from .axes import Axis, points
from .evaluate import CLASSES
from .families import Array
from .problem import Problem

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Arcs:
    """Arcs of one stage, sorted by (out, in); ``first`` and ``repeat`` have shape (1 + resources, arcs)."""

    cin: Index
    out: Index
    b: Index  # index into the bottleneck axis
    k: Index  # kernel size
    first: Array
    repeat: Array

    def __len__(self) -> int:
        return len(self.cin)

    def take(self, keep: NDArray[np.bool_] | Index) -> Arcs:
        """The arcs selected by a mask or by indices (which must keep the order)."""
        return Arcs(
            self.cin[keep], self.out[keep], self.b[keep], self.k[keep], self.first[:, keep], self.repeat[:, keep]
        )


@dataclass(frozen=True, slots=True)
class Tables:
    """Pure arrays: all the solver needs to know. ``axes[0]`` is the stem, ``axes[s]`` the width of stage s = 1..S."""

    axes: tuple[Axis, ...]
    bottleneck: Axis
    stem: Array  # (1 + resources, stem widths)
    stages: tuple[Arcs, ...]
    tail: Array  # (1 + resources, widths of the last stage): head convolution and classifier
    weights: tuple[Array, ...]  # alpha_t u_t over axes[s] if stage s closes scored stage t, else zeros
    tail_weight: float  # alpha_T u_T where the head's fixed width closes it, else 0
    scored: tuple[int, ...]  # scored stage t of the stem and of every stage
    depths: tuple[int, ...]  # largest L of every stage
    convs: int  # main-path convolutions per block
    plain_convs: int  # stem and head
    rho: float
    balanced: tuple[int, ...]
    beta: float
    resources: tuple[str, ...]
    limits: Array  # of every resource: 1 where it is budgeted, infinite where it is only counted
    gain: Array  # objective points per budget's worth of a resource: 0 when entropy is maximised

    @property
    def exact(self) -> bool:
        """Whether every axis holds single values, so that a path is a structure."""
        return self.bottleneck.exact and all(axis.exact for axis in self.axes)


def build_tables(problem: Problem, axes: tuple[Axis, ...] | None = None, bottleneck: Axis | None = None) -> Tables:
    """The tables of ``problem`` on its grid, or on coarser axes."""
    axes = axes or default_axes(problem)
    bottleneck = bottleneck or points(problem.grid.bottleneck)
    edges = problem.resolutions()
    scale = np.array([1.0, *problem.budgets.values()])[:, None]
    stages = tuple(_stage(problem, axes, bottleneck, s, scale) for s in range(len(problem.strides)))
    weights, tail_weight = _weights(problem, axes)
    conv = families.conv(3, axes[0].lo, 3, edges[0])
    return Tables(
        axes=axes,
        bottleneck=bottleneck,
        stem=_rows(problem, conv, conv) / scale,
        stages=stages,
        tail=_tail(problem, axes[-1], edges[-1]) / scale,
        weights=weights,
        tail_weight=tail_weight,
        scored=(0, *problem.scored),
        depths=tuple(problem.grid.depths(s) for s in range(len(problem.strides))),
        convs=families.CONVS[problem.family],
        plain_convs=2 if problem.head else 1,
        rho=problem.rho,
        balanced=tuple(problem.balanced),
        beta=problem.convention.beta,
        resources=tuple(problem.budgets),
        limits=np.ones(len(problem.budgets)),
        gain=np.zeros(len(problem.budgets)),
    )


def default_axes(problem: Problem) -> tuple[Axis, ...]:
    """One axis per width of the chain, every grid value a point."""
    return (points(problem.grid.stem), *(points(problem.widths(s)) for s in range(len(problem.strides))))


def _rows(problem: Problem, at_hi: Array, at_lo: Array, extra: list[Array] | None = None) -> Array:
    """Entropy from the upper ends, then one row per budget from the lower ends."""
    extras = dict(zip(problem.extra, extra, strict=True)) if extra else {}
    zero = np.zeros_like(at_lo[0])
    named = dict(zip(families.NAMES, at_lo, strict=True))
    return np.stack([at_hi[0], *(extras.get(n, named.get(n, zero)) for n in problem.budgets)])


def _tail(problem: Problem, axis: Axis, edge: float) -> Array:
    hi = lo = np.zeros((len(families.NAMES), len(axis)))
    if problem.head:
        hi, lo = (families.conv(c, problem.head, 1, edge) for c in (axis.hi, axis.lo))
    if problem.convention.classifier:
        lo = lo + families.classifier(np.full(len(axis), problem.head) if problem.head else axis.lo, CLASSES)
    return _rows(problem, hi, lo)


def _weights(problem: Problem, axes: tuple[Axis, ...]) -> tuple[tuple[Array, ...], float]:
    """``alpha_t u_t``, ``u_t = ln C_t + 2 ln r_t``, at the stage that closes t: the last one of its t (section 4.1)."""
    scored, edges = [0, *problem.scored], problem.resolutions()
    bug = problem.convention.se_resolution_bug and problem.family.endswith("_se")

    def u(t: int, width: Array | float, s: int) -> Array:
        return problem.alphas[t] * np.log(np.asarray(width) * (1.0 if bug and s > 0 else edges[s] ** 2))

    weights = [np.zeros(len(axis)) for axis in axes]
    for s, t in enumerate(scored):
        last = s == len(scored) - 1
        if not (last and problem.head) and (last or scored[s + 1] > t):
            weights[s] = u(t, axes[s].hi, s)
    tail = float(u(scored[-1], float(problem.head), len(scored) - 1)) if problem.head else 0.0
    return tuple(weights), tail


def _stage(problem: Problem, axes: tuple[Axis, ...], bottleneck: Axis, s: int, scale: Array) -> Arcs:
    """All arcs of stage s that no other arc of the same (in, out) dominates."""
    cin, out, b, k = _valid(problem, axes[s], axes[s + 1], bottleneck)
    before, behind = problem.resolutions()[s : s + 2]
    ends = []
    for axis in ("hi", "lo"):
        ends.append([getattr(axes[s], axis)[cin], getattr(axes[s + 1], axis)[out], getattr(bottleneck, axis)[b]])
    exact = axes[s].exact and axes[s + 1].exact and bottleneck.exact

    def amounts(first: bool) -> Array:
        r, stride = (before, problem.strides[s]) if first else (behind, 1)
        (ih, oh, bh), (il, ol, bl) = ([e[0] if first else e[1], e[1], e[2]] for e in ends)
        hi, lo = (
            families.block(problem.family, i, o, w, k, r, stride, first, exact)
            for i, o, w in ((ih, oh, bh), (il, ol, bl))
        )
        extra = [np.broadcast_to(f(s, il, ol, bl, k, r, stride, first), k.shape) for f in problem.extra.values()]
        return _rows(problem, hi, lo, extra) / scale

    arcs = Arcs(cin, out, b, k, amounts(True), amounts(False))
    return arcs.take(_undominated(arcs, affine=not problem.extra))


def _valid(problem: Problem, ins: Axis, outs: Axis, bottleneck: Axis) -> tuple[Index, Index, Index, Index]:
    """Index arrays of the (in, out, b, k) that hold at least one structure within the structural limits."""
    grid = problem.grid
    pair = outs.lo[:, None] <= grid.growth * ins.hi[None, :]
    if problem.non_decreasing:
        pair &= outs.hi[:, None] >= ins.lo[None, :]
    low, high = grid.bottleneck_ratio
    # The tolerance keeps b = out / 10 on the grid; it can only enlarge the domain of a bound.
    width = (bottleneck.hi[None, :] >= low * outs.lo[:, None] * (1 - 1e-12)) & (
        bottleneck.lo[None, :] <= high * outs.hi[:, None] * (1 + 1e-12)
    )
    kernel = np.ones(len(grid.kernel), dtype=bool)
    out, cin, b, k = np.nonzero(pair[:, :, None, None] & width[:, None, :, None] & kernel)
    return cin, out, b, np.asarray(grid.kernel)[k]


def count_arcs(problem: Problem, axes: tuple[Axis, ...], bottleneck: Axis) -> int:
    """Number of (in, out, b, k) over all stages, before dominance; no more memory than one stage's pairs."""
    total = 0
    for s in range(len(problem.strides)):
        ones = Axis(bottleneck.lo[:1], bottleneck.hi[-1:])  # any b: count the pairs
        _, out, _, _ = _valid(problem, axes[s], axes[s + 1], Axis(ones.lo, ones.hi))
        low, high = problem.grid.bottleneck_ratio
        widths = (bottleneck.hi[None, :] >= low * axes[s + 1].lo[:, None]) & (
            bottleneck.lo[None, :] <= high * axes[s + 1].hi[:, None]
        )
        total += int(widths.sum(axis=1)[out].sum())
    return total


def _undominated(arcs: Arcs, affine: bool) -> NDArray[np.bool_]:
    """Mask of the (b, k) that no other (b, k) of the same out equals or beats in entropy and every resource at all L.

    Sound because b and k are seen by their own stage only, and entropy never hurts (W > 0, and rho falls with E).
    Where the closed forms are affine in the input width (``affine``), an order that holds at the narrowest and at the
    widest input holds between them; else every (in, out) is looked at on its own.
    """
    keep = np.ones(len(arcs), dtype=bool)
    if not len(arcs):
        return keep
    sign = np.array([-1.0, *[1.0] * (len(arcs.first) - 1)])[:, None]
    starts, _ = segments(arcs.out * (int(arcs.cin.max()) + 1) + arcs.cin)
    ends = np.append(starts[1:], len(arcs))
    groups, _ = segments(arcs.out[starts])
    for low, high in zip(groups, [*groups[1:], len(starts)], strict=True):
        blocks = [slice(starts[i], ends[i]) for i in range(low, high)]
        looked_at = [[blocks[0], blocks[-1]]] if affine else [[block] for block in blocks]
        masks = [
            _pareto(np.concatenate([sign * arcs.repeat[:, bs[0]], *(sign * arcs.first[:, b] for b in bs)]))
            for bs in looked_at
        ]
        for i, block in enumerate(blocks):
            keep[block] = masks[0 if affine else i]
    return keep


def _pareto(cost: Array) -> NDArray[np.bool_]:
    """Columns that no other column equals or beats in every row; of equal ones the first."""
    better = (cost[:, :, None] <= cost[:, None, :]).all(axis=0)  # better[i, j]: i is nowhere worse than j
    index = np.arange(cost.shape[1])
    better &= ~(better & better.T) | (index[:, None] < index[None, :])
    np.fill_diagonal(better, False)
    return np.asarray(~better.any(axis=0))


def segments(keys: Index) -> tuple[Index, Index]:
    """Starts of the runs of equal keys in a sorted array, and the key of each run."""
    starts = np.flatnonzero(np.diff(keys, prepend=-1)) if len(keys) else np.zeros(0, dtype=np.int64)
    return starts, keys[starts]
