"""The Lagrangian bound of a region, written as plainly as possible: for checking, not for solving.

All arrays are dense over (in, out, b, k); every depth vector of the region gets a bound by one pass over the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import families
from .axes import Axis
from .conventions import depth_penalty
from .evaluate import CLASSES
from .families import Array
from .problem import Problem
from .relaxation import OPEN


class DenseRegion:
    """A box of widths at the given stages (1-based), the axes elsewhere."""

    def __init__(
        self, problem: Problem, axes: list[Axis], bottleneck: Axis, boxes: dict[int, tuple[float, float]]
    ) -> None:
        self.problem, self.bottleneck, self.boxes = problem, bottleneck, boxes
        self.axes = [_cut(axis, *boxes.get(s, (-np.inf, np.inf))) for s, axis in enumerate(axes)]
        self.points = bottleneck.exact and all(axis.exact for axis in self.axes)
        self.depths = [np.arange(1, problem.grid.depths(s) + 1) for s in range(len(problem.strides))]
        self.edges = problem.resolutions()
        self.scored = [0, *problem.scored]
        self.first, self.repeat, self.valid = zip(*(self._stage(s) for s in range(len(problem.strides))), strict=True)
        self.empty = not self._connected()

    # ---- amounts -------------------------------------------------------------------------------------------------

    def _stage(self, s: int) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Rows (entropy, budgets...) of the first and of a repeated block by allowed (in, out, b, k), and what is."""
        p, ins, outs, b = self.problem, self.axes[s], self.axes[s + 1], self.bottleneck
        k = np.asarray(p.grid.kernel, dtype=float)
        exact = self.points

        def rows(first: bool) -> Array:
            r, stride = (self.edges[s], p.strides[s]) if first else (self.edges[s + 1], 1)
            before = ins if first else outs

            def amounts(end: str) -> Array:
                i, o, w = getattr(before, end), getattr(outs, end), getattr(b, end)
                i = i[:, None, None, None] if first else i[None, :, None, None]
                grid = (i, o[None, :, None, None], w[None, None, :, None], k[None, None, None, :])
                named = dict(zip(families.NAMES, families.block(p.family, *grid, r, stride, first, exact), strict=True))
                named |= {n: np.asarray(f(s, *grid, r, stride, first)) for n, f in p.extra.items()}
                return np.stack(np.broadcast_arrays(named["entropy"], *(named[n] for n in p.budgets)))

            return np.concatenate([amounts("hi")[:1], amounts("lo")[1:]])

        low, high = p.grid.bottleneck_ratio
        pair = outs.lo[None, :] <= p.grid.growth * ins.hi[:, None]
        if p.non_decreasing:
            pair &= outs.hi[None, :] >= ins.lo[:, None]
        width = (b.hi[None, :] >= low * outs.lo[:, None] * (1 - 1e-12)) & (
            b.lo[None, :] <= high * outs.hi[:, None] * (1 + 1e-12)
        )
        valid = pair[:, :, None, None] & width[None, :, :, None] & np.ones(len(k), dtype=bool)
        shape = (1 + len(p.budgets), *valid.shape)
        return np.broadcast_to(rows(True), shape)[:, valid], np.broadcast_to(rows(False), shape)[:, valid], valid

    def _connected(self) -> bool:
        alive = np.ones(len(self.axes[0]), dtype=bool)
        for valid in self.valid:
            alive = (valid.any(axis=(2, 3)) & alive[:, None]).any(axis=0)
        return bool(alive.any())

    def _ends(self, y: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """(entropy, price) of the stem by its width, and of head and classifier by the last width."""
        p, stem, last = self.problem, self.axes[0], self.axes[-1]
        names = {n: i for i, n in enumerate(families.NAMES)}

        def price(rows: Array) -> Array:
            return sum((y[j] * rows[names[n]] for j, n in enumerate(p.budgets) if n in names), np.zeros(rows.shape[1]))

        first = families.conv(3, stem.lo, 3, self.edges[0])
        tail, entropy = np.zeros((len(families.NAMES), len(last))), np.zeros(len(last))
        if p.head:
            entropy, tail = (
                families.conv(last.hi, p.head, 1, self.edges[-1])[0],
                families.conv(last.lo, p.head, 1, self.edges[-1]),
            )
        if p.convention.classifier:
            tail = tail + families.classifier(np.full(len(last), float(p.head)) if p.head else last.lo, CLASSES)
        return (np.broadcast_to(first[0], (len(stem),)), price(first)), (entropy, price(tail))

    # ---- weights -------------------------------------------------------------------------------------------------

    def _u(self) -> tuple[list[Array], float]:
        """``alpha_t u_t`` by width where a stage closes t (zero elsewhere), and of a head that closes the last t."""
        p, out = self.problem, []
        bug = p.convention.se_resolution_bug and p.family.endswith("_se")
        for s, axis in enumerate(self.axes):
            closes = s == len(self.axes) - 1 or self.scored[s + 1] > self.scored[s]
            closes &= not (p.head and s == len(self.axes) - 1)
            edge = 1.0 if bug and s > 0 else self.edges[s]
            out.append(p.alphas[self.scored[s]] * np.log(axis.hi * edge**2) * closes)
        edge = 1.0 if bug else self.edges[-1]
        return out, p.alphas[-1] * float(np.log(p.head * edge**2)) if p.head else 0.0

    # ---- the bound -----------------------------------------------------------------------------------------------

    def bounds(self, y: Array) -> Array:
        """An upper bound of the objective for every depth vector."""
        p, n = self.problem, len(self.problem.budgets)
        if len(y) != n + self.scored[-1] + 1 or (y < 0).any() or not np.isfinite(y).all():
            raise ValueError("multipliers must be finite, non-negative, one per budget and scored stage")
        u, u_head = self._u()
        nu = [2.0 * float(y[n + t :].sum()) for t in range(self.scored[-1] + 1)]
        fixed = [u_head + sum(float(u[j].max()) for j in range(max(s, OPEN + 1), len(u))) for s in range(len(u) + 1)]
        (stem_e, stem_price), (tail_e, tail_price) = self._ends(y[:n])
        w2 = fixed[2] + nu[self.scored[2]] + u[2]
        second, parts = self._best(1, w2, y[:n]), []
        for c2, u2 in enumerate(u[2]):  # W of the stem and of stage 1 holds u of C_2: one chain for each
            w0 = fixed[0] + nu[0] + u2 + u[1][None, :] + u[0][:, None]
            head = w0 * stem_e[:, None] - stem_price[:, None]  # (C_0, C_1)
            w1 = fixed[1] + nu[self.scored[1]] + u2 + u[1]
            value = (head[:, :, None] + self._best(0, w1, y[:n])).max(axis=0)
            parts.append((value[:, :, None] + second[:, c2, None, :]).max(axis=0))
        total = np.stack(parts)
        for s in range(OPEN, len(p.strides)):
            weight = np.full(len(self.axes[s + 1]), fixed[s + 1] + nu[self.scored[s + 1]])
            total = _chain(total, self._best(s, weight, y[:n]))
        total = total + ((u_head + nu[-1]) * tail_e - tail_price).reshape(-1, *[1] * (total.ndim - 1))
        return np.asarray(total.max(axis=0) + self._constants(y))

    def _best(self, s: int, weight: Array, y: Array) -> Array:
        """Best (b, k) of every (in, out) at every depth, under a weight of entropy by out."""
        i, o, *_ = np.nonzero(self.valid[s])
        out = np.full((*self.valid[s].shape[:2], len(self.depths[s])), -np.inf)
        if not len(i):
            return out
        first, repeat = (weight[o] * rows[0] - y @ rows[1:] for rows in (self.first[s], self.repeat[s]))
        starts = np.flatnonzero(np.diff(i * out.shape[1] + o, prepend=-1))
        values = first[:, None] + (self.depths[s] - 1) * repeat[:, None]
        out[i[starts], o[starts]] = np.maximum.reduceat(values, starts, axis=0)
        return out

    def _constants(self, y: Array) -> Array:
        """``sum y_r budget_r - sum nu_t g(D_t) - penalty`` by depth vector."""
        p, n = self.problem, len(self.problem.budgets)
        grids = np.meshgrid(*self.depths, indexing="ij", sparse=True)
        out = float(y[:n] @ np.asarray(list(p.budgets.values()))) - self._penalty(grids)
        for t, nu in enumerate(y[n:]):
            inside = [g for g, scored in zip(grids, self.scored[1:], strict=True) if scored <= t]
            depth = 1.0 + bool(p.head and t == self.scored[-1]) + families.CONVS[p.family] * sum(inside)
            out = out - nu * depth * np.log(depth / p.rho) if nu else out
        return np.asarray(out)

    def _penalty(self, grids: Sequence[Any]) -> Array:
        chosen = np.broadcast_arrays(*[grids[i] for i in self.problem.balanced])
        flat = np.stack([c.ravel() for c in chosen], axis=1)
        unique, back = np.unique(flat, axis=0, return_inverse=True)
        table = np.array([depth_penalty([int(d) for d in row], self.problem.convention.beta) for row in unique])
        return np.asarray(table[back.ravel()].reshape(chosen[0].shape))


def _cut(axis: Axis, lo: float, hi: float) -> Axis:
    """The intervals that meet [lo, hi]."""
    keep = (axis.hi >= lo) & (axis.lo <= hi)
    return Axis(axis.lo[keep], axis.hi[keep])


def _chain(total: Array, step: Array) -> Array:
    """``total'[out, ..., L] = max over in``."""
    out = [
        np.max(
            [t[..., None] + step[i, o] for i, t in enumerate(total) if step[i, o, 0] > -np.inf]
            or [total[0][..., None] - np.inf + step[0, o]],
            axis=0,
        )
        for o in range(step.shape[1])
    ]
    return np.stack(out)
