"""One set of multipliers bounds every depth vector at once.

At fixed multipliers the longest path is computed with the depths L_1..L_S kept as axes of the arrays. The result is
the Lagrangian bound of *every* depth vector of the context, with the exact g(D) and the exact depth penalty of each,
not a relaxation of either. A region is then closed by a handful of multiplier sets instead of a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .families import Array
from .relaxation import OPEN, Relaxation, g_of_depth
from .tables import Arcs, Index

Ranges = Sequence[Sequence[int] | Index]  # the depths considered, per stage


@dataclass(frozen=True, slots=True)
class Split:
    """A Lagrangian at all depths as ``head[L_1..L_h] + rest[L_h+1..L_S] - late[blocks] - penalty(L)``.

    ``head`` is the chain up to the first width that the context fixes, constants and early rho terms included; the two
    parts meet only in the number of blocks and in the penalty.
    """

    head: Array
    rest: Array
    late: Array  # nu_T g(D_T) by the number of blocks


def head_length(r: Relaxation) -> int:
    """Number of stages in the head."""
    return min((s for s in r.fixed if s > OPEN), default=r.n_stages)


def split(r: Relaxation, y: Array, ranges: Ranges) -> Split:
    """Evaluate one multiplier set for every combination of ``ranges``."""
    (axes, head), *others = chain_tables(r, y, ranges)
    rest = np.zeros(())
    for _, table in others:
        rest = np.add.outer(rest, table)
    depth = r.tables.plain_convs + r.tables.convs * np.arange(sum(max(x) for x in ranges) + 1.0)
    late = y[-1] / r.rho_scale * g_of_depth(depth, r.tables.rho)
    return Split(head + r.constant(y) - _early_rho(r, y, ranges, len(axes)), rest, np.asarray(late))


def _early_rho(r: Relaxation, y: Array, ranges: Ranges, n_head: int) -> Array:
    """``sum nu_t g(D_t)`` over all scored stages but the last; these must end within the head."""
    total = np.zeros((1,) * n_head)
    for t, nu in enumerate(y[r.n_res : -1] / r.rho_scale):
        inside = [i for i, scored in enumerate(r.tables.scored[1:]) if scored <= t]
        if nu and inside and inside[-1] >= n_head:
            raise ValueError(f"rho of scored stage {t} cannot be priced behind the first fixed width")
        if nu:
            grids = np.ix_(*[np.asarray(x, dtype=float) for x in ranges[:n_head]])
            blocks = sum((grids[i] for i in inside), start=np.zeros((1,) * n_head))
            total = total + nu * g_of_depth(1.0 + r.tables.convs * blocks, r.tables.rho)
    return total


def chain_tables(r: Relaxation, y: Array, ranges: Ranges) -> list[tuple[list[int], Array]]:
    """The longest path as a sum of independent tables: a fixed width cuts the chain in two."""
    w, yr = r.weights_with(y), r.prices(y)
    node, axes = _open_stages(r, w, yr, ranges), list(range(OPEN))
    tables: list[tuple[list[int], Array]] = []
    for s in range(OPEN, r.n_stages):
        pair = _pair_values(r, s, w[s + 1], yr, ranges[s])
        node, axes = _extend(r, s, node, pair), [*axes, s]
        if s == r.n_stages - 1:
            tail = w[-1] * r.tables.tail[0] - yr @ r.tables.tail[1:]
            node = node + tail.reshape(-1, *[1] * (node.ndim - 1))
        if s == r.n_stages - 1 or s + 1 in r.fixed:
            tables.append((axes, node.max(axis=0)))
            node, axes = np.zeros(1), []
    return tables


def _open_stages(r: Relaxation, w: Array, yr: Array, ranges: Ranges) -> Array:
    """Best value of stem, stage 1 and stage 2 by (C_2, L_1, L_2)."""
    x2 = r.layers[1]
    first = _first_stage(r, w, yr, ranges[0])  # (C_1, C_2, L_1)
    weight = w[2] + r.open[2][x2.arcs.out]
    pair = _reduce(_affine(x2.arcs, weight, yr, ranges[1]), x2.starts)  # (pairs, L_2)
    both = first[x2.pair_in, x2.pair_out][:, :, None] + pair[:, None, :]
    return np.asarray(np.maximum.reduceat(both, x2.out_starts, axis=0))


def _first_stage(r: Relaxation, w: Array, yr: Array, depths: Sequence[int] | Index) -> Array:
    x, stem = r.layers[0], r.tables.stem[:, r.layers[0].arcs.cin]
    out = np.empty((len(r.tables.axes[1]), len(r.tables.axes[2]), len(depths)))
    alone = (w[0] + r.open[0][x.arcs.cin]) * stem[0] - yr @ stem[1:]
    for i, depth in enumerate(depths):
        a = x.arcs.first + (depth - 1) * x.arcs.repeat
        entropy = a[0] + stem[0]
        v = alone + w[1] * a[0] + r.open[1][x.arcs.out] * entropy - yr @ a[1:]
        both = v[:, None] + entropy[:, None] * r.open[2][None, :]
        out[:, :, i] = np.maximum.reduceat(both, x.starts[x.out_starts], axis=0)
    return out


def _affine(arcs: Arcs, weight: Array | float, yr: Array, depths: Sequence[int] | Index) -> Array:
    """Value of every arc at every depth."""
    first = weight * arcs.first[0] - yr @ arcs.first[1:]
    repeat = weight * arcs.repeat[0] - yr @ arcs.repeat[1:]
    return np.asarray(first[:, None] + repeat[:, None] * (np.asarray(depths) - 1.0)[None, :])


def _reduce(values: Array, starts: Index) -> Array:
    return np.asarray(np.maximum.reduceat(values, starts, axis=0))


def _pair_values(r: Relaxation, s: int, weight: float, yr: Array, depths: Sequence[int] | Index) -> Array:
    x = r.layers[s]
    return _reduce(_affine(x.arcs, weight, yr, depths), x.starts)


def _extend(r: Relaxation, s: int, node: Array, pair: Array) -> Array:
    """``node'[out, ..., L] = max over in of node[in, ...] + pair[in, out, L]``."""
    x = r.layers[s]
    out = np.full((len(x.outs), *node.shape[1:], pair.shape[1]), -np.inf)
    ends = [*x.out_starts[1:], len(x.pair_in)]
    for o, (low, high) in enumerate(zip(x.out_starts, ends, strict=True)):
        for p in range(low, high):
            np.maximum(out[o], node[x.pair_in[p]][..., None] + pair[p], out=out[o])
    return out
